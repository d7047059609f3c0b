"""Values of `model` ↔ the JSON on the bus. Pure; the JSON Schemas in docs/reference/bus are made from the same types.

JSON form: times as RFC 3339 UTC with six digits and `Z`, boxes as `[x1, y1, x2, y2]`, decimals with at most six digits,
everything else under its own name. Reading ignores unknown fields and takes the default of a missing one that has one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from redshank.bus.base import VERSION, Envelope, Topic
from redshank.clock import from_rfc3339, rfc3339
from redshank.errors import BusError
from redshank.model import SITE, Alert, Box, CameraState, Event, Observation

T = TypeVar("T")
Value = Observation | CameraState | Event | Alert
KINDS: Mapping[str, type[Value]] = {"observation": Observation, "camera": CameraState, "event": Event, "alert": Alert}
TOPICS: Mapping[str, Topic] = {
    "observation": Topic.OBSERVATIONS,
    "camera": Topic.CAMERAS,
    "event": Topic.EVENTS,
    "alert": Topic.ALERTS,
}
LOSSY = (Topic.OBSERVATIONS, Topic.CAMERAS)
"""Topics whose oldest messages are dropped when there is no room; events and alerts never are."""
MAX_BYTES = 900_000
TIMES = frozenset(
    ("time", "sent", "start", "end", "since", "opened", "updated", "closed", "last_seen", "top_time", "best_time")
)
"""Fields that hold a wall time."""
_ORDER = ("v", "kind", "id", "site", "camera", "stream", "epoch", "seq", "time", "sent")


class Unreadable(BusError):
    """A message that is no envelope of a version we know. It is parked; the next one is read."""


def envelope(value: Value, id: str, sent: int, site: str = SITE) -> Envelope:
    """`id` must be new for each state: an event that grows keeps `data.id`, not the envelope's; the same state keeps both."""
    match value:
        case Observation():
            stream, epoch, seq, time = value.stream, value.epoch, value.seq, value.time
        case CameraState():
            stream, epoch, seq, time = value.stream, 0, 0, value.time
        case Event():
            stream, epoch, seq, time = "", 0, 0, value.start if value.end is None else value.end
        case Alert():
            stream, epoch, seq, time = "", 0, 0, value.updated
    kind = next(kind for kind, type_ in KINDS.items() if isinstance(value, type_))
    return Envelope(kind, id, value.camera, time, sent, encode(value), stream, epoch, seq, site)


def value_of(message: Envelope) -> Value:
    """Raises Unreadable when the kind is unknown or the data does not fit it."""
    kind = KINDS.get(message.kind)
    if kind is None:
        raise Unreadable(f"unknown kind {message.kind[:40]!r}")
    try:
        return decode(kind, message.data)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{message.kind}: {error}") from None


def pack(message: Envelope) -> bytes:
    """Raises BusError for data that is no JSON or more than MAX_BYTES."""
    try:
        whole = {name: getattr(message, name) for name in _ORDER} | {"data": message.data}
        whole |= {"time": rfc3339(message.time), "sent": rfc3339(message.sent)}
        body = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, OverflowError) as error:
        raise BusError(f"{message.kind} of {message.camera} cannot be written as JSON: {error}") from None
    if len(body) > MAX_BYTES:
        raise BusError(f"{message.kind} of {message.camera} has {len(body)} bytes: expected at most {MAX_BYTES}")
    return body


def unpack(body: bytes) -> Envelope:
    """Raises Unreadable with one line that says why."""
    if len(body) > MAX_BYTES:
        raise Unreadable(f"{len(body)} bytes, at most {MAX_BYTES} are read")
    try:
        whole = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None
    if not isinstance(whole, dict):
        raise Unreadable("not a JSON object")
    if whole.get("v") != VERSION or isinstance(whole["v"], bool):
        raise Unreadable(f"version {str(whole.get('v'))[:20]!r}, expected {VERSION}")
    try:
        return decode(Envelope, whole)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def encode(value: object) -> Any:
    """A dataclass of `model` as JSON values."""
    if isinstance(value, Box):
        return [_short(side) for side in (value.x1, value.y1, value.x2, value.y2)]
    if is_dataclass(value):
        return {f.name: _encode_field(f.name, getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return _short(value) if isinstance(value, float) else value


def decode(kind: type[T], data: object) -> T:
    """The inverse of `encode`. Raises ValueError naming the field."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{kind.__name__}: expected an object")
    found = {}
    for name, (annotation, required) in shape(cast(Any, kind)).items():
        if name in data:
            found[name] = _decode(annotation, data[name], name)
        elif required:
            raise ValueError(f"{kind.__name__}.{name} is missing")
    return kind(**found)


@cache
def shape(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type of each field, and whether it must be there."""
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind)}


def _encode_field(name: str, value: object) -> Any:
    return rfc3339(value) if name in TIMES and isinstance(value, int) else encode(value)


def _decode(annotation: Any, value: Any, name: str) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return value
    if origin in (Union, UnionType):
        inner = next(a for a in arguments if a is not NoneType)
        return None if value is None else _decode(inner, value, name)
    if name in TIMES:
        return _time(value, name)
    if origin is Literal:
        return _one_of(arguments, value, name)
    if annotation is Box:
        return Box(*(_number(side, name) for side in _list(value, name, 4)))
    if is_dataclass(annotation):
        return decode(annotation, value)  # type: ignore[arg-type]  # mypy sees an instance here
    if origin is tuple:
        return tuple(_decode(arguments[0], item, "") for item in _list(value, name))
    if origin is not None:  # Mapping[str, X]
        if not isinstance(value, dict):
            raise ValueError(f"{name}: expected an object")
        return {key: _decode(arguments[1], item, "") for key, item in value.items()}
    return _plain(annotation, value, name)


def _plain(annotation: type, value: object, name: str) -> object:
    if annotation is float:
        return _number(value, name)
    if issubclass(annotation, StrEnum):
        return annotation(str(_one_of(tuple(member.value for member in annotation), value, name)))
    if not isinstance(value, annotation) or (isinstance(value, bool) and annotation is not bool):
        raise ValueError(f"{name}: expected {annotation.__name__}")
    return value


def _one_of(allowed: tuple[Any, ...], value: object, name: str) -> object:
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(map(str, allowed))}")
    return value


def _time(value: object, name: str) -> int:
    try:
        return from_rfc3339(str(value))
    except ValueError:
        raise ValueError(f"{name}: expected a time such as 2026-01-01T00:00:00.000000Z") from None


def _number(value: object, name: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number")
    return float(value)


def _list(value: object, name: str, size: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (size is not None and len(value) != size):
        raise ValueError(f"{name}: expected a list{f' of {size}' if size else ''}")
    return value


def _short(number: float) -> float:
    """Six digits are a hundredth of a pixel in any picture."""
    return round(number, 6)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
