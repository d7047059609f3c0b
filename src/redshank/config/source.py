"""A camera as written → a camera as the schema wants it: streams from the short forms, sections over the global ones."""

from __future__ import annotations

from collections.abc import Mapping

from redshank.config.document import Text, Tree, text

ACCESS = (
    "user",
    "password",
    "kind",
    "transport",
    "tls_verify",
    "interval_s",
    "width",
    "height",
    "fps",
    "loop",
    "audio",
)
"""Fields of a stream that may stand at the camera, for all its streams."""
SECTIONS = ("detect", "motion", "objects", "record")
"""Global sections a camera may override."""
ROLES = ("detect", "record", "audio")


def normal(camera: Mapping[str, Tree], common: Mapping[str, Tree]) -> dict[str, Tree]:
    """The camera with `streams` and with its sections laid over the global ones of `common`.

    Keys keep the place they were written at. Raises ValueError with what was expected.
    """
    made: dict[str, Tree] = {
        k: v for k, v in camera.items() if k not in ("url", "inputs", "ffmpeg", *ACCESS, *SECTIONS)
    }
    access: dict[str, Tree] = {k: v for k, v in camera.items() if k in ACCESS}
    ways = [key for key in camera if key in ("url", "inputs", "ffmpeg", "streams") and camera[key] is not None]
    if len(ways) > 1:
        raise ValueError(f"expected one of url, inputs and streams, not {' and '.join(ways)}")
    for way in ways:
        streams = _streams(way, camera[way])
        if isinstance(streams, dict):
            made[way if way == "streams" else _as("streams", way)] = {
                name: {**access, **stream} if isinstance(stream, dict) else stream for name, stream in streams.items()
            }
        else:
            made["streams"] = streams
    ffmpeg = camera.get("ffmpeg")
    if isinstance(ffmpeg, dict) and len(ffmpeg) > 1:
        made |= {key: ffmpeg for key in camera if key == "ffmpeg"}  # Frigate's other keys there: told as unknown
    for section in SECTIONS:
        for name, value in [(k, v) for tree in (common, camera) for k, v in tree.items() if k == section]:
            made[name] = overlay(made.get(section), value)
    made.setdefault("streams", {})
    return made


def overlay(under: Tree, over: Tree) -> Tree:
    """Mappings are merged, anything else is replaced; an empty key replaces nothing."""
    if isinstance(under, dict) and isinstance(over, dict):
        top = {k: overlay(under.get(k), v) for k, v in over.items()}
        return {k: v for k, v in under.items() if k not in over} | top
    return under if over is None else over


def size_of(camera: Mapping[str, Tree]) -> tuple[float, float] | None:
    """The picture size that values in pixels refer to, when the camera states one that makes sense."""
    detect = camera.get("detect")
    try:
        width, height = (float(str(detect[key])) for key in ("width", "height"))  # type: ignore[index,call-overload]
    except (TypeError, KeyError, ValueError):
        return None
    return (width, height) if 1 < width < 1e5 and 1 < height < 1e5 else None


def _streams(way: Text | str, value: Tree) -> Tree:
    match str(way):
        case "url":
            return {_as("main", way): {_as("url", way): value}}
        case "inputs":
            return _inputs(way, value)
        case "ffmpeg":
            return _inputs(way, value.get("inputs") if isinstance(value, dict) else value)
    return value


def _inputs(way: Text | str, value: Tree) -> Tree:
    """Frigate's list: the recorded one is main, another one to detect on is sub."""
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) and "path" in item for item in value):
        raise ValueError("expected inputs as a list of `- path: rtsp://…` with `roles: [detect, record]`")
    streams: list[tuple[list[str], Tree]] = [
        (_roles(item), _as_stream(item)) for item in value if isinstance(item, dict)
    ]
    main = next((s for s in streams if "record" in s[0]), streams[0])
    sub = next((s for s in streams if "detect" in s[0] and s is not main), None)
    made: dict[str, Tree] = {_as("main", way): main[1]}
    if sub is not None and "detect" not in main[0]:
        made[_as("sub", way)] = sub[1]
    return made


def _roles(item: Mapping[str, Tree]) -> list[str]:
    roles = item.get("roles")
    words = roles.split(",") if isinstance(roles, Text) else roles or []
    found = [str(word).strip() for word in words]
    if unknown := [word for word in found if word not in ROLES]:
        raise ValueError(f"expected roles out of {', '.join(ROLES)}, not {len(unknown)} other")
    return found


def _as_stream(item: Mapping[str, Tree]) -> Tree:
    return {(_as("url", key) if key == "path" else key): value for key, value in item.items() if key != "roles"}


def _as(name: str, like: Text | str) -> str:
    """A key we put ourselves, with the place of the one it stands for."""
    return text(name, like.where) if isinstance(like, Text) else name
