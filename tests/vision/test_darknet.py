"""Darknet files against a second, plain reading of them in numpy."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.vision.darknet import convert, read_cfg

NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"
HEAD = "[yolo]\nmask=1,0\nanchors=4,6, 10,12\nclasses=2\nscale_x_y=1.05\n"
CFG = f"""{NET}
[convolutional]   # 0
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[route]           # 1: the second half of the channels
layers=-1
groups=2
group_id=1
[convolutional]   # 2
filters=2
size=1
stride=1
pad=1
activation=mish
[shortcut]        # 3
from=-2
activation=linear
[maxpool]         # 4
size=2
stride=2
[upsample]        # 5
stride=2
[route]           # 6
layers=-1,0
[convolutional]   # 7
filters=14
size=1
activation=linear
{HEAD}"""
COUNT = (4 * 4 + 4 * 3 * 9) + (2 + 2 * 2) + (14 + 14 * 6)


def weights(count: int, seed: int = 7) -> bytes:
    numbers = np.random.default_rng(seed).uniform(0.1, 0.6, count).astype("<f4")
    return struct.pack("<3iq", 0, 2, 5, 32_013_312) + numbers.tobytes()


def run(model: bytes, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: list[NDArray[np.float32]] = session.run(None, {"picture": picture})
    return found


def plain_convolution(
    x: NDArray[np.float64], kernel: NDArray[np.float64], stride: int, pad: int
) -> NDArray[np.float64]:
    """(C, H, W) by (F, C, k, k), the slow and obvious way."""
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    size = kernel.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    result: NDArray[np.float64] = np.einsum("chwij,fcij->fhw", windows, kernel)
    return result


def expected(picture: NDArray[np.float32], data: bytes) -> NDArray[np.float64]:
    """CFG in plain numpy, on RGB 0–1, batch normalisation not folded."""
    numbers = np.frombuffer(data, "<f4", offset=20).astype(np.float64)
    left = iter(numbers.tolist())

    def take(*shape: int) -> NDArray[np.float64]:
        return np.array([next(left) for _ in range(math.prod(shape))]).reshape(shape)

    bias, scale, mean, variance, kernel = take(4), take(4), take(4), take(4), take(4, 3, 3, 3)
    rgb = picture[0, ::-1].astype(np.float64) / 255
    x0 = plain_convolution(rgb, kernel, 2, 1)
    x0 = (x0 - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None] * scale[:, None, None] + bias[
        :, None, None
    ]
    x0 = np.where(x0 > 0, x0, 0.1 * x0)
    x1 = x0[2:]
    bias2, kernel2 = take(2), take(2, 2, 1, 1)
    x2 = plain_convolution(x1, kernel2, 1, 0) + bias2[:, None, None]
    x2 = x2 * np.tanh(np.log1p(np.exp(x2)))
    x3 = x2 + x1
    x4 = x3.reshape(2, 8, 2, 8, 2).max(axis=(2, 4))
    x5 = x4.repeat(2, axis=1).repeat(2, axis=2)
    bias7, kernel7 = take(14), take(14, 6, 1, 1)
    return plain_convolution(np.concatenate([x5, x0]), kernel7, 1, 0) + bias7[:, None, None]


def test_every_layer_computes_what_a_plain_reading_of_the_files_does() -> None:
    data = weights(COUNT)
    converted = convert(CFG, data)
    picture = np.random.default_rng(1).uniform(0, 255, (1, 3, 32, 32)).astype(np.float32)
    (head,) = run(converted.onnx, picture)
    assert converted.weights == COUNT
    assert (converted.classes, converted.width, converted.height) == (2, 32, 32)
    assert list(converted.heads[0].anchors) == [(10, 12), (4, 6)]  # in the order of the mask
    assert converted.heads[0].scale_xy == 1.05
    np.testing.assert_allclose(head[0], expected(picture, data), rtol=1e-4, atol=1e-4)


def test_the_input_size_and_the_batch_stay_free() -> None:
    converted = convert(CFG, weights(COUNT))
    (head,) = run(converted.onnx, np.zeros((3, 3, 64, 96), np.float32))
    assert head.shape == (3, 14, 32, 48)


def test_maxpool_of_stride_one_keeps_the_size_as_darknet_pads_it() -> None:
    cfg = f"{NET}[maxpool]\nsize=2\nstride=1\n[convolutional]\nfilters=14\nactivation=linear\n{HEAD}"
    ones = struct.pack("<3iq", 0, 2, 5, 0) + np.ones(14 + 14 * 3, "<f4").tobytes()
    picture = np.zeros((1, 3, 32, 32), np.float32)
    picture[0, 0, 10, 10] = 1
    (head,) = run(convert(cfg, ones).onnx, picture)
    assert sorted(zip(*np.nonzero(head[0, 0] > 1), strict=True)) == [(9, 9), (9, 10), (10, 9), (10, 10)]


def test_a_truncated_weights_file_is_named_as_such() -> None:
    whole = weights(COUNT)
    with pytest.raises(ModelError, match="too short: layer 7 wants 84 numbers, 83 are left; fetch it again"):
        convert(CFG, whole[:-4])
    with pytest.raises(ModelError, match="cut off in the middle"):
        convert(CFG, whole[:-1])
    with pytest.raises(ModelError, match="too short: 0 bytes"):
        convert(CFG, b"")


def test_weights_left_over_mean_the_wrong_file() -> None:
    with pytest.raises(ModelError, match="1 numbers of it were not used"):
        convert(CFG, weights(COUNT + 1))


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        ("hello", r"does not start with \[net\]"),
        (f"{NET}[lstm]\n", r"layer 0 of the cfg is \[lstm\]"),
        (f"{NET}[convolutional]\nfilters=1\nactivation=gelu\n", "activation 'gelu'"),
        (f"{NET}[route]\nlayers=-1\n", "points to layer -1"),
        (f"{NET}[maxpool]\nsize=2\nstride=2\n{HEAD}", "does not fit the 3 channels"),
        (f"{NET}[maxpool]\nsize=2\n", "weights file does not belong"),
    ],
)
def test_a_cfg_that_is_not_understood_says_where(cfg: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        convert(cfg, weights(4))


def test_comments_and_spaces_of_a_cfg_do_not_matter() -> None:
    assert read_cfg("# top\n[ net ]\n a = 1 # one\n\n[yolo]\n") == [("net", {"a": "1"}), ("yolo", {})]


def test_a_converted_file_is_a_plain_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(convert(CFG, weights(COUNT)).onnx)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_outputs()] == ["head0"]
