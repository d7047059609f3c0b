"""Values as YAML text: plain words where they are safe, else double quotes with escapes, so that no text ever becomes syntax. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Named:
    """`!secret name`."""

    name: str


Value: TypeAlias = "dict[str, Value] | list[Value] | Named | str | int | float | bool | None"
_PLAIN = re.compile(r"[A-Za-z_/][\w./+-]*(?: [\w./+-]+)*", re.ASCII)
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z_/0-9.](?:[\w./+,:-]*[\w./+,-])?(?: [\w./+-]+)*", re.ASCII)
_WORDS = re.compile(r"(?i:true|false|yes|no|on|off|null|y|n|nan|inf|\.nan|\.inf)")
_NUMBER = re.compile(r"[-+.\d][\d_.eExXoOa-fA-F+:-]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def scalar(value: Named | str | float | bool | None, flow: bool, quote: str = "") -> str:
    """flow: between braces or brackets, where more needs quotes. quote: the marks the text had before."""
    if isinstance(value, Named):
        return f"!secret {scalar(value.name, flow)}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    plain = _PLAIN if flow else _PLAIN_IN_BLOCK
    if not quote and plain.fullmatch(value) and not _WORDS.fullmatch(value) and not _NUMBER.fullmatch(value):
        return value
    return '"' + "".join(_escaped(letter) for letter in value) + '"'


def in_line(value: Value, quote: str = "", flow: bool = True) -> str:
    """The value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key, True)}: {in_line(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(in_line(one) for one in value) + "]"
    return scalar(value, flow, quote)


def fits_in_line(value: Value) -> bool:
    """Whether it is written behind its key rather than below."""
    if isinstance(value, list):
        return not any(isinstance(one, dict | list) and one for one in value)
    return not isinstance(value, dict) or not value


def block(value: dict[str, Value], column: int, step: int) -> list[str]:
    """`key: value` lines in this column."""
    lines: list[str] = []
    for key, one in value.items():
        head = f"{' ' * column}{scalar(key, False)}:"
        if fits_in_line(one):
            lines.append(f"{head} {in_line(one, flow=False)}" if one is not None else head)
        elif isinstance(one, dict):
            lines += [head, *block(one, column + step, step)]
        else:
            assert isinstance(one, list)
            lines += [head, *(line for entry in one for line in item(entry, column + step, step))]
    return lines


def item(value: Value, column: int, step: int) -> list[str]:
    """`- …` lines in this column."""
    if not isinstance(value, dict) or not value:
        return [f"{' ' * column}- {in_line(value)}"]
    lines = block(value, column + 2, step)
    return [f"{' ' * column}- {lines[0][column + 2 :]}", *lines[1:]]


def _escaped(letter: str) -> str:
    """YAML 1.2.2 §5.7."""
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
