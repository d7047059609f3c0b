"""Darknet `.cfg` + `.weights` → ONNX, once, at install time.

Covers what the YOLO v2–v4 family's detectors are made of: convolutional, maxpool, upsample, route (with groups), shortcut, yolo.
Batch normalisation is folded into the weights; the scale of the input (÷255) and the channel order (BGR → RGB) are folded into the
first convolution, so that the graph eats BGR 0–255 as cv2 makes it and nothing is spent on either. The input's batch, height and
width stay free (multiples of the stride). The outputs are the raw heads, (N, anchors·(5 + classes), H, W), largest stride first;
`families.decode_darknet` reads them. Pure: bytes in, bytes out.

File formats: AlexeyAB/darknet, src/parser.c (load_weights_upto) and src/batchnorm_layer.c (epsilon).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from redshank.errors import ModelError

_EPSILON = 1e-5
_OPSET = 18  # the first with Mish
_IR_VERSION = 9  # read by every ONNX Runtime since 1.16
_SIMPLE = {"logistic": "Sigmoid", "relu": "Relu", "mish": "Mish"}

Section = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """One yolo layer: how to read its output."""

    anchors: tuple[tuple[float, float], ...]
    """Width and height in pixels of the input."""
    scale_xy: float


@dataclass(frozen=True, slots=True)
class Converted:
    """The result of `convert`."""

    onnx: bytes
    heads: tuple[Head, ...]
    classes: int
    width: int
    height: int
    """Input size the cfg names; any multiple of 32 works."""
    weights: int
    """Numbers read from the weights file: all of them."""


@dataclass(slots=True)
class _Graph:
    """The ONNX graph while it grows, and the position in the weights."""

    weights: NDArray[np.float32]
    used: int = 0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Output of each layer, by Darknet's layer number."""
    channels: list[int] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    classes: int = 0

    def take(self, count: int) -> NDArray[np.float32]:
        part = self.weights[self.used : self.used + count]
        if part.size != count:
            raise ModelError(
                f"the weights file is too short: layer {len(self.names)} wants {count} numbers, {part.size} are left; fetch it again"
            )
        self.used += count
        return part

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: Sequence[str], **attributes: object) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    @property
    def last(self) -> str:
        return self.names[-1] if self.names else "picture"

    @property
    def last_channels(self) -> int:
        return self.channels[-1] if self.channels else 3


def convert(cfg: str, weights: bytes) -> Converted:
    """Raises ModelError when the cfg holds something unknown or the weights are not exactly as many as it wants."""
    sections = read_cfg(cfg)
    graph = _Graph(_read_weights(weights))
    net = sections[0][1]
    if int(net.get("channels", 3)) != 3:
        raise ModelError(f"the cfg wants {net['channels']} channels: only pictures with 3 are supported")
    for kind, section in sections[1:]:
        layer = _LAYERS.get(kind)
        if layer is None:
            raise ModelError(f"layer {len(graph.names)} of the cfg is [{kind}], which is not supported")
        channels = layer(graph, section)
        graph.channels.append(channels)
    if graph.used != graph.weights.size:
        raise ModelError(
            f"the weights file does not belong to the cfg: {graph.weights.size - graph.used} numbers of it were not used"
        )
    if not graph.heads:
        raise ModelError("the cfg has no [yolo] layer: it is no detector")
    width, height = int(net.get("width", 416)), int(net.get("height", 416))
    return Converted(_model(graph), tuple(graph.heads), graph.classes, width, height, graph.used)


def read_cfg(text: str) -> list[tuple[str, Section]]:
    """Sections in order. Raises ModelError when it does not start with [net]."""
    sections: list[tuple[str, dict[str, str]]] = []
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if line.startswith("["):
            sections.append((line.strip("[]").strip(), {}))
        elif "=" in line and sections:
            key, value = line.split("=", 1)
            sections[-1][1][key.strip()] = value.strip()
    if not sections or sections[0][0] not in ("net", "network"):
        raise ModelError("not a Darknet cfg: it does not start with [net]")
    return [(kind, section) for kind, section in sections]


def _read_weights(data: bytes) -> NDArray[np.float32]:
    """The numbers after the header: three int32 (version), then the count of pictures seen, 64 bits wide since version 0.2."""
    if len(data) < 20:
        raise ModelError(f"the weights file is too short: {len(data)} bytes; fetch it again")
    major, minor, _ = struct.unpack_from("<3i", data)
    start = 20 if major * 10 + minor >= 2 else 16
    if (len(data) - start) % 4:
        raise ModelError("the weights file is cut off in the middle of a number; fetch it again")
    return np.frombuffer(data, "<f4", offset=start)


def _convolutional(graph: _Graph, section: Section) -> int:
    """Order in the file: bias, then with batch norm scale, mean, variance, then the kernel."""
    filters, size = int(section["filters"]), int(section.get("size", 1))
    stride, groups = int(section.get("stride", 1)), int(section.get("groups", 1))
    pad = size // 2 if int(section.get("pad", 0)) else int(section.get("padding", 0))
    incoming = graph.last_channels
    bias = graph.take(filters)
    factor = np.ones(filters, np.float32)
    if int(section.get("batch_normalize", 0)):
        scale, mean, variance = (graph.take(filters) for _ in range(3))
        factor = scale / np.sqrt(variance + _EPSILON)
        bias = bias - mean * factor
    shape = (filters, incoming // groups, size, size)
    kernel = graph.take(int(np.prod(shape))).reshape(shape) * factor[:, None, None, None]
    number = len(graph.names)
    if graph.last == "picture":
        kernel = kernel[:, ::-1] / 255  # BGR 0–255 in, as if it were RGB 0–1; zero padding stays zero
    inputs = [
        graph.last,
        graph.constant(f"w{number}", kernel.astype(np.float32)),
        graph.constant(f"b{number}", bias.astype(np.float32)),
    ]
    name = graph.node("Conv", inputs, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4, group=groups)
    graph.names.append(_activate(graph, name, section.get("activation", "logistic")))
    return filters


def _activate(graph: _Graph, name: str, activation: str) -> str:
    match activation:
        case "linear":
            return name
        case "leaky":
            return graph.node("LeakyRelu", [name], alpha=0.1)
        case "swish":
            return graph.node("Mul", [name, graph.node("Sigmoid", [name])])
        case _ if activation in _SIMPLE:
            return graph.node(_SIMPLE[activation], [name])
    raise ModelError(f"layer {len(graph.names)} of the cfg has the activation {activation!r}, which is not supported")


def _maxpool(graph: _Graph, section: Section) -> int:
    stride = int(section.get("stride", 1))
    size = int(section.get("size", stride))
    padding = int(section.get("padding", size - 1))
    before, after = padding // 2, padding - padding // 2
    pads = [before, before, after, after]
    name = graph.node("MaxPool", [graph.last], kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads)
    graph.names.append(name)
    return graph.last_channels


def _upsample(graph: _Graph, section: Section) -> int:
    factor = float(section.get("stride", 2))
    scales = graph.constant(f"s{len(graph.names)}", np.array([1, 1, factor, factor], np.float32))
    resize = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    graph.names.append(graph.node("Resize", [graph.last, "", scales], **resize))
    return graph.last_channels


def _route(graph: _Graph, section: Section) -> int:
    layers = [_layer(graph, int(part)) for part in section["layers"].split(",")]
    groups, group = int(section.get("groups", 1)), int(section.get("group_id", 0))
    parts: list[str] = []
    total = 0
    for layer in layers:
        share = graph.channels[layer] // groups
        total += share
        name = graph.names[layer]
        if groups > 1:
            number = f"{len(graph.names)}_{len(parts)}"
            bounds = {"from": share * group, "to": share * (group + 1), "axis": 1}
            slots = [graph.constant(f"{key}{number}", np.array([value], np.int64)) for key, value in bounds.items()]
            name = graph.node("Slice", [name, *slots])
        parts.append(name)
    graph.names.append(parts[0] if len(parts) == 1 else graph.node("Concat", parts, axis=1))
    return total


def _shortcut(graph: _Graph, section: Section) -> int:
    others = [_layer(graph, int(part)) for part in section["from"].split(",")]
    name = graph.last
    for layer in others:
        if graph.channels[layer] != graph.last_channels:
            raise ModelError(f"layer {len(graph.names)} of the cfg adds layers of different width: not supported")
        name = graph.node("Add", [name, graph.names[layer]])
    graph.names.append(_activate(graph, name, section.get("activation", "linear")))
    return graph.last_channels


def _yolo(graph: _Graph, section: Section) -> int:
    if int(section.get("new_coords", 0)):
        raise ModelError("the cfg uses new_coords=1 (Scaled-YOLOv4), which is not supported")
    numbers = [float(value) for value in section["anchors"].split(",")]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    mask = [int(value) for value in section["mask"].split(",")] if "mask" in section else range(len(pairs))
    graph.heads.append(Head(tuple(pairs[index] for index in mask), float(section.get("scale_x_y", 1))))
    graph.classes = int(section.get("classes", 20))
    if graph.last_channels != len(graph.heads[-1].anchors) * (5 + graph.classes):
        raise ModelError(
            f"layer {len(graph.names)} of the cfg, [yolo], does not fit the {graph.last_channels} channels before it"
        )
    graph.outputs.append(graph.last)
    graph.names.append(graph.last)
    return graph.last_channels


def _layer(graph: _Graph, number: int) -> int:
    """Absolute layer number of a relative (negative) or absolute one."""
    absolute = number if number >= 0 else len(graph.names) + number
    if not 0 <= absolute < len(graph.names):
        raise ModelError(f"layer {len(graph.names)} of the cfg points to layer {number}, which does not exist yet")
    return absolute


_LAYERS = {
    "convolutional": _convolutional,
    "maxpool": _maxpool,
    "upsample": _upsample,
    "route": _route,
    "shortcut": _shortcut,
    "yolo": _yolo,
}


def _model(graph: _Graph) -> bytes:
    """The heads get names of their own, head0 …, with their sizes left open."""
    heads = [
        helper.make_node("Identity", [name], [f"head{number}"], name=f"head{number}")
        for number, name in enumerate(graph.outputs)
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    outputs = [
        helper.make_tensor_value_info(
            f"head{number}",
            TensorProto.FLOAT,
            ["batch", len(head.anchors) * (5 + graph.classes), f"h{number}", f"w{number}"],
        )
        for number, head in enumerate(graph.heads)
    ]
    built = helper.make_graph([*graph.nodes, *heads], "darknet", [picture], outputs, graph.constants)
    model = helper.make_model(
        built, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION, producer_name="redshank"
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
