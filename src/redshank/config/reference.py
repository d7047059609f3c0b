"""Makes docs/reference/config.md: `python -m redshank.config.reference > docs/reference/config.md`. A test keeps it current."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from redshank.config.build import fields
from redshank.config.channel import CHANNELS
from redshank.config.schema import Config
from redshank.config.source import ACCESS, SECTIONS

_HEAD = """\
# Configuration reference

Made from `src/redshank/config/` by `python -m redshank.config.reference`. How to write one: [guide](../guide/config.md).

`<name>` is a name of yours. "required" has no default. Durations are seconds, or `500ms`, `10s`, `5m`, `1h`. Any key can come from
the environment: `REDSHANK__DETECT__FPS=3` is `detect.fps: 3`; it wins over the file.

These keys of a stream may stand at the camera instead, for all its streams: {access}.
"""


def markdown() -> str:
    sections = [_table("Top level", [row for row in fields(Config) if "." not in row[0]])]
    for name, info in Config.model_fields.items():
        rows = [row for row in fields(Config) if row[0].startswith(f"{name}.")]
        if name == "channels":
            sections += [_table(f"channels.<name>, type {kind}", _channel(kind)) for kind in CHANNELS]
        elif rows:
            sections.append(_table(name, [row for row in rows if not _inherited(row[0])], info.description or ""))
    return _HEAD.format(access=", ".join(f"`{key}`" for key in ACCESS)) + "".join(sections)


def _inherited(key: str) -> bool:
    """Keys of a camera that are listed at their global section."""
    return key.startswith(tuple(f"cameras.<name>.{section}." for section in SECTIONS))


def _channel(kind: str) -> list[tuple[str, str, Any, Any]]:
    return [(f"channels.<name>.{key}", about, default, type_) for key, about, default, type_ in fields(CHANNELS[kind])]


def _table(title: str, rows: list[tuple[str, str, Any, Any]], about: str = "") -> str:
    head = f"\n## {title}\n\n{about + chr(10) + chr(10) if about else ''}| key | default | values | meaning |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{key}` | {_default(default)} | {_values(type_)} | {about.replace('|', '/')} |\n"
        for key, about, default, type_ in rows
    )


def _default(value: object) -> str:
    if value is ...:
        return "required"
    if value is None or value == "" or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | dict):
        return ", ".join(str(item) for item in value)
    return f"`{value}`" if isinstance(value, str | Path) else f"{value:g}" if isinstance(value, float) else str(value)


def _values(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(str(value) for value in get_args(annotation))
    if annotation is bool:
        return "true, false"
    if annotation in (int, float) or any(argument in (int, float) for argument in get_args(annotation)[:1]):
        return "number" if get_origin(annotation) not in (tuple,) else "x,y,…"
    if get_origin(annotation) is Union:
        return _values(get_args(annotation)[0])
    return ""


if __name__ == "__main__":
    print(markdown(), end="")
