"""The whole configuration as JSON Schema (2020-12), from which the page builds its forms: what is added to a section appears by itself.

Titles come from the keys, descriptions from the docstrings under the fields. Beyond the standard words:

    x-unit     s, days, bytes, share (0-1 of the picture)
    x-names    where the names come from: labels, cameras, zones, channels, volumes
    format     polygon (`x,y,x,y,…`), schedule
    writeOnly  a secret: the API shows it as `***`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from redshank.config.fields import Polygon, Seconds, Share, Words
from redshank.config.record import Days, Schedule, Size
from redshank.config.schema import Config
from redshank.config.secret import Secret

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KINDS: tuple[tuple[Any, Schema], ...] = (
    (Seconds, {"type": ["number", "string"], "x-unit": "s", "examples": [10, "500ms", "5m"]}),
    (Share, {"type": "number", "minimum": 0, "x-unit": "share"}),
    (Words, {"type": ["array", "string"], "items": {"type": "string"}}),
    (Polygon, {"type": ["string", "array"], "format": "polygon"}),
    (Schedule, {"type": ["string", "array"], "format": "schedule", "items": {"type": "string"}}),
    (Size, {"type": ["integer", "string"], "x-unit": "bytes", "examples": ["500GB", "1.5TB"]}),
    (Days, {"type": ["number", "string"], "x-unit": "days", "examples": [7, "12h", "2w", "forever"]}),
)
_NAMES = {
    "track": "labels",
    "labels": "labels",
    "objects": "labels",
    "cameras": "cameras",
    "zones": "zones",
    "channels": "channels",
    "volume": "volumes",
}
_BOUNDS = ((Ge, "ge", "minimum"), (Gt, "gt", "exclusiveMinimum"), (Le, "le", "maximum"), (Lt, "lt", "exclusiveMaximum"))


@cache
def schema() -> Schema:
    """Of a whole file. Treat it as frozen."""
    return {"$schema": DIALECT, "title": "Redshank", **_section(Config, None)}


def _section(kind: type[BaseModel], whole: BaseModel | None) -> Schema:
    """whole: its values where its owner says other ones than it does."""
    made: Schema = {"type": "object", "additionalProperties": False, "properties": {}}
    for name, info in kind.model_fields.items():
        made["properties"][name] = _field(name, info, getattr(whole, name) if whole is not None else None)
    required = [name for name, info in kind.model_fields.items() if info.is_required()]
    return made | ({"required": required} if required else {})


def _field(name: str, info: FieldInfo, given: object) -> Schema:
    default = (
        given if given is not None else None if info.is_required() else info.get_default(call_default_factory=True)
    )
    made: Schema = {"title": name.replace("_", " ").capitalize()}
    if info.description:
        made["description"] = " ".join(info.description.split())
    made |= _of(info.annotation, list(info.metadata), default)
    if name in _NAMES and made.get("type") in (["array", "string"], "string"):
        made["x-names"] = _NAMES[name]
    said = _default(default)
    if said is not None and not isinstance(default, BaseModel | Mapping):
        made["default"] = said
    return made


def _of(kind: Any, told: list[Any], default: object = None) -> Schema:
    """told: what stands beside the type in its `Annotated`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _of(inner[0], [*inner[1:], *told], default)
    for annotated, like in _KINDS:
        if annotated.__metadata__[0] in told:
            return {**like, **_bounds(told)}
    if kind is Secret:
        return {"type": "string", "writeOnly": True}
    if origin in (Union, UnionType):
        return _union([one for one in inner if one is not type(None)], told, default)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _section(kind, default if isinstance(default, kind) else None)
    if origin is Literal:
        return {"enum": list(inner)} if len(inner) > 1 else {"const": inner[0]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(inner)
    if origin is tuple:
        return {"type": "array", "items": _of(inner[0], [])}
    return {**_plain(kind), **_bounds(told)}


def _union(kinds: list[Any], told: list[Any], default: object) -> Schema:
    if len(kinds) == 1:
        return _of(kinds[0], told, default)
    made: Schema = {"oneOf": [{"title": str(getattr(kind, "__name__", kind)), **_of(kind, told)} for kind in kinds]}
    if all(isinstance(kind, type) and "type" in getattr(kind, "model_fields", {}) for kind in kinds):
        made["discriminator"] = {"propertyName": "type"}
    return made


def _mapping(inner: tuple[Any, ...]) -> Schema:
    keys = _of(inner[0], [])
    made: Schema = {"type": "object", "additionalProperties": _of(inner[1], [])}
    names = {key: value for key, value in keys.items() if key in ("enum", "pattern")}
    return made | ({"propertyNames": names} if names else {})


def _plain(kind: Any) -> Schema:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}
    return {"type": names[kind]} if kind in names else {}


def _bounds(told: list[Any]) -> Schema:
    made: Schema = {}
    for one in told:
        parts = getattr(one, "metadata", [one]) if isinstance(one, FieldInfo) else [one]
        for part in parts:
            made |= {word: getattr(part, key) for kind, key, word in _BOUNDS if isinstance(part, kind)}
            if isinstance(part, MinLen):
                made["minLength"] = part.min_length
            pattern = getattr(part, "pattern", None)
            if isinstance(pattern, str | re.Pattern):
                made["pattern"] = pattern if isinstance(pattern, str) else pattern.pattern
    return made


def _default(value: object) -> Any:
    """As JSON; None where there is none to show."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    return None
