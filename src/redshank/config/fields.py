"""Types of single fields: zones, areas, durations, lists of words, addresses, time zones.

Validators are pure. They are told the camera's picture size (for values in pixels) and the configuration's folder (for relative
paths) through pydantic's validation context. Their messages never repeat a value: it may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from redshank.geometry import Point, area, crosses_itself

_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_KAFKA = re.compile(
    r"kafka://(?P<servers>[A-Za-z0-9._-]+(?::[1-9]\d{0,4})?(?:,[A-Za-z0-9._-]+(?::[1-9]\d{0,4})?)*)/?"
    r"(?:\?(?:prefix=[A-Za-z0-9._-]{1,100}|security=(?:plaintext|ssl|sasl_plaintext|sasl_ssl))"
    r"(?:&(?:prefix=[A-Za-z0-9._-]{1,100}|security=(?:plaintext|ssl|sasl_plaintext|sasl_ssl)))*)?"
)
CAMERA_SCHEMES = ("rtsp", "rtsps", "http", "https", "file", "usb", "v4l2", "csi")


class Section(BaseModel):
    """Frozen; unknown keys are refused; a key without a value is as if it were not there."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        str_strip_whitespace=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    also: ClassVar[tuple[str, ...]] = ()
    """Keys that may be written here and are turned into others before this class sees them."""

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, data: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SECONDS.fullmatch(value.strip())
    if match is None:
        raise ValueError("expected a duration such as 30, 500ms, 10s, 5m, 1h")
    return float(match[1]) * _UNIT_S[match[2]]


def seconds(text: str) -> float:
    """`30m` → 1800. Raises ValueError with what was expected."""
    return float(str(_seconds(text)))


def _words(value: object) -> object:
    """`person`, `person, car` and a list are the same."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError("expected a name or a list of names")
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


def _numbers(value: object) -> list[float]:
    """All numbers of `"x,y,x,y"`, `[x, y, …]`, `[[x, y], …]`, `["x,y", …]` or `{coordinates: …}`."""
    if isinstance(value, Mapping) and set(value) == {"coordinates"}:
        value = value["coordinates"]
    if isinstance(value, list | tuple):
        return [number for item in value for number in _numbers(item)]
    if isinstance(value, str):
        return [float(word) for word in value.split(",")]
    if isinstance(value, int | float):
        return [float(value)]
    raise ValueError


def _size(info: ValidationInfo) -> tuple[float, float]:
    size: tuple[float, float] | None = (info.context or {}).get("size")
    if size is None:
        raise ValueError(
            "in pixels this needs detect.width and detect.height of the camera: expected those, or values from 0 to 1"
        )
    return size


def _polygon(value: object, info: ValidationInfo) -> tuple[Point, ...]:
    try:
        numbers = _numbers(value)
    except (ValueError, RecursionError):
        raise ValueError("expected numbers as x,y,x,y,x,y") from None
    if len(numbers) % 2 or len(numbers) < 6:
        raise ValueError("expected at least three points as x,y,x,y,x,y")
    if not all(0 <= number < 100_000 for number in numbers):  # also refuses NaN
        raise ValueError("expected values from 0 to 1, or pixels inside the picture")
    width, height = _size(info) if max(numbers) > 1 else (1.0, 1.0)
    points = list(zip((x / width for x in numbers[::2]), (y / height for y in numbers[1::2]), strict=True))
    if points[0] == points[-1]:
        points.pop()
    if max(max(point) for point in points) > 1:
        raise ValueError("a point is outside the picture of detect.width x detect.height")
    if crosses_itself(points):
        raise ValueError("its outline crosses itself: expected the corners in order around the area")
    if len(set(points)) < 3 or area(points) == 0:
        raise ValueError("expected at least three different points that enclose something")
    return tuple(points)


def _share(value: object, info: ValidationInfo) -> object:
    """A share of the picture; above 1 it is pixels of `detect.width` x `detect.height`."""
    try:
        number = float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        number = None
    if number is None or not 0 <= number < 1e9:
        raise ValueError("expected a share of the picture from 0 to 1, or pixels")
    if number <= 1:
        return number
    width, height = _size(info)
    if number > width * height:
        raise ValueError("larger than the picture of detect.width x detect.height")
    return number / (width * height)


def _named_polygons(value: object) -> object:
    """Frigate's older forms too: one outline, or a list of outlines, without names."""
    if isinstance(value, str):
        value = [value]
    return {str(i): item for i, item in enumerate(value, 1)} if isinstance(value, list) else value


def _named(value: object) -> object:
    """`person:` with nothing under it is a rule with every default."""
    return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError("expected a time zone such as Europe/Berlin or UTC") from None
    return value


def check_web_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        (parts.hostname or "").encode("idna").decode("idna")  # RFC 3490: every label 1 to 63 bytes, `xn--…` decodable
    except ValueError:
        good = False
    if not good or re.search(r"\s", value):
        raise ValueError("expected an address such as https://host.example:8970")
    return value.rstrip("/")


def split_login(url: str) -> tuple[str, str, str]:
    """(url without login, user, password), the last two as written in the URL, still percent-encoded."""
    scheme, mark, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    login, at, _ = authority.rpartition("@")
    if not mark or not at:
        return url, "", ""
    user, _, password = login.partition(":")
    return f"{scheme}://{rest[len(login) + 1 :]}", user, password


def _camera_url(value: str, info: ValidationInfo) -> str:
    """A network address without a login, `usb:/dev/video0`, `csi:0`, or a path (made absolute)."""
    scheme, mark, rest = value.partition(":")
    if not mark or "/" in scheme or scheme == "file":
        path = Path((rest.removeprefix("//") if scheme == "file" else value) or ".").expanduser()
        folder: Path = (info.context or {}).get("folder", Path())
        return f"usb:{path}" if str(path).startswith("/dev/video") else str(folder / path)
    if scheme not in CAMERA_SCHEMES:
        raise ValueError(
            f"expected an address that starts with one of {', '.join(f'{s}:' for s in CAMERA_SCHEMES)} or a path"
        )
    if scheme in ("usb", "v4l2", "csi"):
        return value
    try:
        parts = urlsplit(value)
        good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or "@" in value or re.search(r"\s", value):
        raise ValueError(
            "expected scheme://host:port/path; write the login as `user:` and `password:` beside it, and @ in a path as %40"
        )
    return value


def _bus_url(value: str) -> str:
    """What `bus.kafka_settings` will take, so that a mistake is found here, with its line."""
    if value in ("memory", "memory:"):
        return "memory:"
    if "@" in value:
        raise ValueError("expected no login in it: write `user:` and `password:` beside `url:`")
    match = _KAFKA.fullmatch(value)
    if match is None or any(int(port) > 65535 for port in re.findall(r":(\d+)", match["servers"])):
        raise ValueError("expected memory or kafka://host:port,host2:port/?prefix=redshank")
    return value


def _file(value: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    path = folder / value.expanduser()
    if not path.is_file():
        raise ValueError("expected a file that exists")
    return path


def _allowed(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise ValueError("expected host:port, such as 127.0.0.1:8554")
    return value


CAMERA_SLUG = r"^[a-z0-9_-]{1,64}$"
NAME = r"^[A-Za-z0-9_-]{1,64}$"
Slug = Annotated[str, Field(pattern=CAMERA_SLUG)]
Name = Annotated[str, Field(pattern=NAME)]
Score = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
Share = Annotated[float, BeforeValidator(_share)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Polygon = Annotated[tuple[Point, ...], BeforeValidator(_polygon)]
Polygons = Annotated[Mapping[Name, Polygon], BeforeValidator(_named_polygons)]
TimeZone = Annotated[str, AfterValidator(_zone)]
WebUrl = Annotated[str, AfterValidator(check_web_url)]
CameraUrl = Annotated[str, AfterValidator(_camera_url)]
File = Annotated[Path, AfterValidator(_file)]
BusUrl = Annotated[str, AfterValidator(_bus_url)]
AllowedTarget = Annotated[str, AfterValidator(_allowed)]
named = BeforeValidator(_named)
