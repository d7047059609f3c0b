"""Edits of a configuration: which key, which value → its text with nothing else touched. Pure: text in, text out.

    edited(text, [Edit("set", ("cameras", "door", "detect", "fps"), 4)])

A section is set key by key, so that only the lines change whose values do. `***` means: as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from redshank.config import splice
from redshank.config.document import MAX_CHARS, Text, Tree, parse
from redshank.config.splice import dotted
from redshank.config.veil import shown
from redshank.config.yaml_text import Named, Value
from redshank.errors import ConfigError

UNCHANGED = "***"
MAX_EDITS = 500
MAX_TEXT = 10_000
MAX_KEY = 200
MAX_LEVELS = 20
MAX_VALUES = 20_000
MAX_NUMBER = 1e15
Path: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = "dict[str, Plain] | list[Plain] | Named | str | None"
"""A value as the file says it: numbers are the text they are written as."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. `rename` gives the last key of the path another name; `value` is that name."""

    op: Literal["set", "remove", "rename"]
    path: Path
    value: Value = None


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text after all of them, one after the other. Raises ConfigError: which one cannot be made, and why; nothing is made then."""
    if len(edits) > MAX_EDITS:
        raise ConfigError(f"{len(edits)} edits at once: expected at most {MAX_EDITS}")
    tree = plain(parse(text, "the file")[0])
    for edit in edits:
        _check_path(edit.path)
        for step in _steps(edit, tree):
            text, tree = _made(text, step), _outcome(tree, step)
            if len(text) > MAX_CHARS:
                raise ConfigError(f"the file would get longer than {MAX_CHARS} characters")
            _as_meant(text, tree, step)
    return text


def check_value(value: Any, path: Path) -> Value:
    """A JSON value within bounds. Raises ConfigError naming the key."""
    left = [MAX_VALUES]
    return _checked(value, path, 0, left)


def _checked(value: Any, path: Path, depth: int, left: list[int]) -> Value:
    left[0] -= 1
    if depth > MAX_LEVELS or left[0] < 0:
        raise ConfigError(f"{dotted(path)}: too many levels or values at once")
    if isinstance(value, dict):
        _check_path(tuple(value))
        return {key: _checked(one, (*path, key), depth + 1, left) for key, one in value.items()}
    if isinstance(value, list):
        return [_checked(one, (*path, i), depth + 1, left) for i, one in enumerate(value)]
    if isinstance(value, str):
        if len(value) > MAX_TEXT or any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise ConfigError(f"{dotted(path)}: expected a text of at most {MAX_TEXT} characters")
        return value
    if value is None or isinstance(value, bool | Named):
        return value
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:  # not true of NaN either
        return value
    raise ConfigError(
        f"{dotted(path)}: expected a number up to {MAX_NUMBER:g}, a text, true, false, a list or a section"
    )


def _check_path(path: Path) -> None:
    if len(path) > MAX_LEVELS:
        raise ConfigError(f"{dotted(path[:3])}…: expected at most {MAX_LEVELS} levels")
    for part in path:
        bad = isinstance(part, str) and (not part or len(part) > MAX_KEY or not part.isprintable() or part == "<<")
        if bad or isinstance(part, bool):
            raise ConfigError(f"{str(part)[:40]!r}: not a key: expected a name of at most {MAX_KEY} printable letters")


def _steps(edit: Edit, tree: Plain) -> list[Edit]:
    """The same as single changes: keys to put and keys to drop."""
    if not edit.path:
        raise ConfigError("expected the path of a key")
    if edit.op == "rename":
        return [edit]
    there, old = _at(tree, edit.path)
    if edit.op == "remove":
        return [edit] if there else []
    return _changes(edit.path, there, old, check_value(edit.value, edit.path))


def _changes(path: Path, there: bool, old: Plain, new: Value) -> list[Edit]:
    if there and isinstance(old, dict) and isinstance(new, dict) and old and new:
        gone = [Edit("remove", (*path, key)) for key in old if key not in new]
        return gone + [
            step for key, one in new.items() for step in _changes((*path, key), key in old, old.get(key), one)
        ]
    if there and isinstance(old, list) and isinstance(new, list) and _same_sections(old, new):
        pairs = enumerate(zip(old, new, strict=True))
        return [step for i, (a, b) in pairs for step in _changes((*path, i), True, a, b)]
    if there and (new == UNCHANGED or (isinstance(old, str) and new == shown(path, old)) or _same(old, said(new))):
        return []
    if _has_unchanged(new):
        raise ConfigError(f"{dotted(path)}: {UNCHANGED} stands for what is there already: write the value out")
    return [Edit("set", path, new)]


def _same_sections(old: list[Plain], new: list[Value]) -> bool:
    return len(old) == len(new) and any(isinstance(one, dict) for one in old)


def said(value: Value) -> Plain:
    """As it reads in a file."""
    if isinstance(value, dict):
        return {key: said(one) for key, one in value.items()}
    if isinstance(value, list):
        return [said(one) for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else value


def _has_unchanged(value: Value) -> bool:
    if isinstance(value, dict | list):
        return any(_has_unchanged(one) for one in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and (value == UNCHANGED or ("://" in value and UNCHANGED in value))


def _made(text: str, step: Edit) -> str:
    if step.op == "set":
        return splice.put(text, step.path, step.value)
    if step.op == "remove":
        return splice.drop(text, step.path)
    if not isinstance(step.value, str):
        raise ConfigError(f"{dotted(step.path)}: expected the new name")
    _check_path((step.value,))
    if step.path[0] == "cameras" and len(step.path) == 2:
        raise ConfigError(f"{dotted(step.path)}: its footage goes by this name, it stays: change friendly_name instead")
    return splice.rename(text, step.path, step.value)


def _outcome(tree: Plain, step: Edit) -> Plain:
    """What the file should say afterwards."""
    made: Plain = _copy(tree)
    at: Any = made
    for part, following in zip(step.path[:-1], step.path[1:], strict=True):
        at = _inside(at, part, following)
    last = step.path[-1]
    if step.op == "set":
        if isinstance(at, list) and last == len(at):
            at.append(said(step.value))
        else:
            at[last] = said(step.value)
    elif step.op == "remove":
        del at[last]
    elif step.value in at:
        raise ConfigError(f"{dotted(step.path)}: there is a {step.value!r:.80} already")
    else:
        at[step.value] = at.pop(last)
    return made


def _inside(at: Any, part: str | int, following: str | int) -> Any:
    """What is there, made when it is not."""
    if isinstance(at, list) and part == len(at):
        at.append(None)
    empty: Plain = {} if isinstance(following, str) else []
    if isinstance(at, dict) and not at.get(str(part)):
        at[part] = empty
    elif isinstance(at, list) and not at[int(part)]:
        at[int(part)] = empty
    return at[part]


def _as_meant(text: str, tree: Plain, step: Edit) -> None:
    """What was put into the text must be read back as what was asked for, and all else as before."""
    try:
        now = plain(parse(text, "the file")[0])
    except ConfigError:
        now = None
    if now is None or not _same(now, tree):
        raise ConfigError(f"{dotted(step.path)}: cannot be changed alone where it stands: change the text of the file")


def _same(a: Plain, b: Plain) -> bool:
    """An empty section is one that is not there."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_same(a.get(key), b.get(key)) for key in a.keys() | b.keys() if (key in a) == (key in b)) and (
            a.keys() == b.keys()
        )
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return a == b or (a in (None, {}) and b in (None, {}))


def _at(tree: Plain, path: Path) -> tuple[bool, Plain]:
    """Whether something is there, and what."""
    at = tree
    for part in path:
        if isinstance(at, dict) and part in at:
            at = at[str(part)]
        elif isinstance(at, list) and isinstance(part, int) and 0 <= part < len(at):
            at = at[part]
        else:
            return False, None
    return True, at


def plain(tree: Tree | Mapping[str, Tree]) -> Plain:
    """Without places."""
    if isinstance(tree, Mapping):
        return {str(key): plain(one) for key, one in tree.items()}
    if isinstance(tree, list):
        return [plain(one) for one in tree]
    if isinstance(tree, Text):
        return Named(str(tree)) if tree.secret_name else str(tree)
    return None


def _copy(tree: Plain) -> Plain:
    if isinstance(tree, dict):
        return {key: _copy(one) for key, one in tree.items()}
    return [_copy(one) for one in tree] if isinstance(tree, list) else tree
