"""ONNX Runtime as a runner: the execution provider is chosen at start and said.

On CPU one picture at a time: a batch gains nothing there (measured: batch 4 took 36 ms against 9.2 ms single), and idle threads must
not spin (spinning cost 2.7 × the CPU). On an accelerator the batch is the largest that still makes a picture cheaper, measured once
at start. A session is owned by one thread.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as _state

from redshank.clock import Clock
from redshank.errors import ModelError
from redshank.vision.families import Recipe

PROVIDERS: Mapping[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino-ep": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Our names, best first."""
_FAILURES = (
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NoModel,
    _state.NoSuchFile,
    _state.NotFound,
    _state.NotImplemented,
    _state.RuntimeException,
    _state.EPFail,
    _state.EngineError,
    RuntimeError,
    ValueError,
)
_BATCHES = (1, 2, 4, 8, 16)
_WORTH = 0.9
"""A larger batch has to bring a picture's cost below this share of the smaller one's."""
_QUIET = 3  # ONNX Runtime: errors and worse; the rest is ours to say

log = logging.getLogger(__name__)


def available() -> tuple[str, ...]:
    """Our names of the providers that this installation of ONNX Runtime has, best first."""
    there = set(onnxruntime.get_available_providers())
    return tuple(name for name, provider in PROVIDERS.items() if provider in there)


def default_threads() -> int:
    """Two at most: more cameras on a core beat a faster single look."""
    return min(2, os.cpu_count() or 1)


class OnnxRunner:
    """One session on one device."""

    flexible: bool
    max_batch: int = 1

    def __init__(self, session: Any, device: str, threads: int, outputs: Sequence[str]) -> None:
        self._session = session
        self._outputs = list(outputs)
        self.device = device
        self.threads = threads
        self.flexible = device == "cpu"

    def __call__(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = self._session.run(self._outputs, feed)
        except _FAILURES as error:
            raise ModelError(f"the model failed on {self.device}: {_first_line(error)}") from error
        return found

    def close(self) -> None:
        self._session = None


def open_onnx(path: Path, recipe: Recipe, device: str, threads: int | None, clock: Clock) -> OnnxRunner:
    """`device` is auto or a name of PROVIDERS. Raises ModelError when the file is damaged or the device is not there."""
    count = threads or default_threads()
    there = available()
    if device != "auto" and device not in there:
        raise ModelError(
            f"device {device!r} is not available here: ONNX Runtime {onnxruntime.__version__} has {', '.join(there)}"
        )
    for name in there if device == "auto" else (device,):
        session = open_session(path, name, count, recipe)
        if session.get_providers()[0] == PROVIDERS[name]:
            runner = OnnxRunner(session, name, count, recipe.outputs)
            if name != "cpu" and recipe.batches:
                runner.max_batch = worthwhile_batch(partial(_blank_look, runner, recipe), clock)
            log.info("detector ready", extra={"device": name, "threads": count, "batch": runner.max_batch})
            return runner
        log.warning("device did not start, trying the next", extra={"device": name})
    raise ModelError(
        f"device {device!r} did not start: its driver or libraries are missing; set `detector.device: cpu`"
    )


def open_session(path: Path, device: str, threads: int, recipe: Recipe | None = None) -> Any:
    """A session with stated threads that do not spin. Raises ModelError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if recipe is not None and recipe.flexible and device != "cpu":
        options.add_free_dimension_override_by_name("height", recipe.height)
        options.add_free_dimension_override_by_name("width", recipe.width)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[_provider(device, path)])
    except _FAILURES as error:
        raise ModelError(
            f"{path} is not a usable ONNX model ({_first_line(error)}): fetch or export it again"
        ) from error


def _provider(device: str, path: Path) -> str | tuple[str, dict[str, str]]:
    """TensorRT builds an engine for minutes: it is kept beside the model."""
    if device == "tensorrt":
        cache = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(path.parent / "tensorrt")}
        return PROVIDERS[device], cache
    return PROVIDERS[device]


def worthwhile_batch(look: Callable[[int], None], clock: Clock) -> int:
    """The largest batch at which a picture still costs clearly less than at the one before. `look(n)` runs n pictures."""
    best, best_cost = 1, float("inf")
    for size in _BATCHES:
        look(size)  # the first run of a size builds its kernels
        costs = []
        for _ in range(3):
            start = clock.mono_ns()
            look(size)
            costs.append((clock.mono_ns() - start) / size)
        if min(costs) > best_cost * _WORTH:
            break
        best, best_cost = size, min(costs)
    return best


def _blank_look(runner: OnnxRunner, recipe: Recipe, size: int) -> None:
    sides = (recipe.height, recipe.width)
    shape = (size, 3, *sides) if recipe.layout == "nchw" else (size, *sides, 3)
    feed: dict[str, NDArray[Any]] = {recipe.input: np.zeros(shape, recipe.dtype)}
    if recipe.size_input:
        feed[recipe.size_input] = np.array([[recipe.width, recipe.height]] * size, np.int64)
    runner(feed)


def _first_line(error: BaseException) -> str:
    """The runtime's own words without its code prefix and newlines."""
    text = " ".join(str(error).split())
    return text.rsplit("] : ", 1)[-1][:160]
