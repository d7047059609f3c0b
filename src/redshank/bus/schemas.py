"""JSON Schemas of the bus, made from the types: `python -m redshank.bus.schemas docs/reference/bus`. A test keeps them current."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from dataclasses import is_dataclass
from enum import StrEnum
from pathlib import Path
from textwrap import dedent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from redshank.bus.base import VERSION, Envelope
from redshank.bus.messages import KINDS, TIMES, shape
from redshank.model import Box

_TIME = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_BOX = {
    "description": "Left, top, right, bottom: 0-1 of the camera's reference picture.",
    "type": "array",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 4,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Schema of a whole message, by kind."""
    return {kind: _message(kind, type_) for kind, type_ in KINDS.items()}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, schema in schemas().items():
        (folder / f"{kind}.json").write_text(text(schema), encoding="utf-8")


def text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _message(kind: str, type_: type) -> dict[str, Any]:
    whole = _object(Envelope)
    properties = whole["properties"] | {"v": {"const": VERSION}, "kind": {"const": kind}, "data": _object(type_)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind,
        **whole,
        "properties": properties,
        "required": sorted({*whole["required"], "v"}),
    }


def _object(type_: type) -> dict[str, Any]:
    about = _field_docs(type_)
    properties = {}
    for name, (annotation, _) in shape(type_).items():
        properties[name] = ({"description": about[name]} if name in about else {}) | _field(name, annotation)
    return {
        "type": "object",
        "description": " ".join((type_.__doc__ or "").split()),
        "properties": properties,
        "required": sorted(name for name, (_, required) in shape(type_).items() if required),
    }


def _field(name: str, annotation: Any) -> dict[str, Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        inner = next(a for a in arguments if a is not NoneType)
        return {"anyOf": [_field(name, inner), {"type": "null"}]}
    if name in TIMES:
        return dict(_TIME)
    if origin is Literal:
        return {"enum": list(arguments)}
    if annotation is Box:
        return dict(_BOX)
    if is_dataclass(annotation):
        return _object(annotation)  # type: ignore[arg-type]  # mypy sees an instance here
    if origin is tuple:
        return {"type": "array", "items": _field("", arguments[0])}
    if origin is not None:  # Mapping[str, X]
        return {"type": "object", "additionalProperties": _field("", arguments[1])}
    if annotation is Any:
        return {}
    if issubclass(annotation, StrEnum):
        return {"enum": [member.value for member in annotation]}
    return {"type": _PLAIN[annotation]}


def _field_docs(type_: type) -> dict[str, str]:
    """The docstring under each field, which Python itself does not keep."""
    body = ast.parse(dedent(inspect.getsource(type_))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(about))):
                found[name] = " ".join(about.split())
    return found


if __name__ == "__main__":
    write(Path(sys.argv[1]))
