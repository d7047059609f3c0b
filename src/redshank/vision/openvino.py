"""OpenVINO as a runner (extra `redshank[openvino]`): Intel CPU, GPU and NPU, and fast on AMD CPUs too.

Owned by one thread. On CPU any input size is taken without cost; elsewhere the size is fixed at start.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from redshank.errors import ModelError
from redshank.vision.families import Recipe


def installed() -> bool:
    """Whether the package is there; does not load it."""
    return importlib.util.find_spec("openvino") is not None


class OpenVinoRunner:
    """One compiled model on one device."""

    max_batch = 1

    def __init__(self, compiled: Any, device: str, threads: int, recipe: Recipe) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = [compiled.output(name) for name in recipe.outputs]
        self.device = f"openvino:{device}"
        self.threads = threads
        self.flexible = device == "CPU"

    def __call__(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            self._request.infer(dict(feed), share_inputs=True)
        except RuntimeError as error:
            raise ModelError(f"the model failed on {self.device}: {_line(error)}") from error
        return [self._request.get_tensor(output).data for output in self._outputs]

    def close(self) -> None:
        self._request = None


def open_openvino(path: Path, recipe: Recipe, device: str, threads: int) -> OpenVinoRunner:
    """`device` is OpenVINO's own name: CPU, GPU, NPU, GPU.1 … Raises ModelError when the package, device or model is no good."""
    if not installed():
        raise ModelError("device 'openvino' needs the package openvino: pip install 'redshank[openvino]'")
    import openvino  # an extra: `installed` has looked first

    core = openvino.Core()
    there = core.available_devices
    if device not in there:
        raise ModelError(f"OpenVINO has no device {device!r} here, only {', '.join(there)}")
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if device == "CPU":
        options |= {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    try:
        model = core.read_model(str(path))
        if recipe.flexible and device != "CPU":
            model.reshape([1, 3, recipe.height, recipe.width])
        return OpenVinoRunner(core.compile_model(model, device, options), device, threads, recipe)
    except RuntimeError as error:
        raise ModelError(f"{path} is not a usable ONNX model ({_line(error)}): fetch or export it again") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[-160:]
