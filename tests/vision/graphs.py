"""Tiny ONNX detectors made by code: whatever the picture, they answer with the tensors they were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, save

SIDE = 64
Outputs = Mapping[str, NDArray[Any]]
_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "float16": TensorProto.FLOAT16}


def write_model(
    path: Path,
    outputs: Outputs,
    shape: Sequence[int | str] = (1, 3, SIDE, SIDE),
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A model at `path`. `sizes` in the outputs' names adds RT-DETR's second input."""
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.ascontiguousarray(value), name))
        for name, value in outputs.items()
    ]
    inputs = [helper.make_tensor_value_info("images", _TYPES[dtype], list(shape))]
    if "boxes" in outputs and "labels" in outputs:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]))
    results = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), list(value.shape))
        for name, value in outputs.items()
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    save(model, str(path))
    return path
