"""One change in the text of a YAML file: everything around it stays, byte for byte. Pure: text in, text out.

ruamel says where each key and value stands; what changes is cut out and the new text put in its place. Nothing is written anew, so
comments, order, quotes, anchors, line endings and odd spacing survive. What shares its text by an alias is refused. Whether the
outcome is what was meant is checked by who calls (`edit.edited`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from redshank.config.document import compose
from redshank.config.yaml_text import Value, block, fits_in_line, in_line, item, scalar
from redshank.errors import ConfigError

Path = Sequence[str | int]
STEP = 2
"""Columns a level is indented by."""
_ALIAS = re.compile(r"\s*\*[^\s,\]}]+")
_COLON = re.compile(r"\s*:")


def put(text: str, path: Path, value: Value) -> str:
    """The text with this value there, made where it was not. Raises ConfigError when there is no place for it."""
    root = compose(text, "")
    if not isinstance(root, MappingNode) or not root.value:
        return _first(text, root, path, value)
    at: Node = root
    for depth, part in enumerate(path):
        found = _entry(text, at, part, path)
        if found is None:
            return _insert(text, at, part, _nested(path[depth + 1 :], value), path)
        key, inner = found
        rest = path[depth + 1 :]
        if not rest or _empty(inner):
            return _replace(text, at, key, inner, _nested(rest, value))
        at = inner
    raise ConfigError("expected the path of a key")


def drop(text: str, path: Path) -> str:
    """The text without that key or item. Raises ConfigError when it is not there."""
    holder, index = _holder(text, path)
    nodes = holder.value
    if isinstance(holder, SequenceNode):
        if len(nodes) == 1:
            return text[: holder.start_mark.index] + "[]" + text[_end(text, None, holder) :]
        start, end = _item_start(text, holder, nodes[index]), _end(text, None, nodes[index])
        following = None if index + 1 == len(nodes) else _item_start(text, holder, nodes[index + 1])
        before = _end(text, None, nodes[index - 1])
    else:
        start, end = nodes[index][0].start_mark.index, _end(text, *nodes[index])
        following = None if index + 1 == len(nodes) else nodes[index + 1][0].start_mark.index
        before = _end(text, *nodes[index - 1])
    if holder.flow_style:
        return _out_of_flow(text, (start, end), following, before if index else None)
    begin = text.rfind("\n", 0, start) + 1
    if not text[begin:start].strip(" \ufeff"):
        return text[: begin + text[begin:start].count("\ufeff")] + text[_after(text, end) :]
    return text[:start] + ("{}" + text[end:] if following is None else text[following:])


def rename(text: str, path: Path, name: str) -> str:
    """The text with another name for that key. Raises ConfigError when it is not there."""
    holder, index = _holder(text, path)
    if isinstance(holder, SequenceNode):
        raise ConfigError(f"{dotted(path)}: an item of a list has no name")
    key = holder.value[index][0]
    return text[: key.start_mark.index] + scalar(name, bool(holder.flow_style)) + text[key.end_mark.index :]


def dotted(path: Path) -> str:
    """As problems name it: `cameras.door.inputs[0].path`; shortened."""
    made = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return made if len(made) <= 200 else f"{made[:200]}…"


def _nested(path: Path, value: Value) -> Value:
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def _first(text: str, root: Node | None, path: Path, value: Value) -> str:
    """Into a text without any key."""
    if root is not None and not _empty(root):
        raise ConfigError("the file: expected `key: value` lines, such as `cameras:`")
    if root is not None and root.start_mark.index < root.end_mark.index:
        text = text[: root.start_mark.index] + text[root.end_mark.index :]
    line = newline(text)
    made = _nested(path, value)
    assert isinstance(made, dict)
    head = text if not text.strip("\ufeff") or text.endswith("\n") else text + line
    return head + line.join(block(made, 0, STEP)) + line


def newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _entry(text: str, holder: Node, part: str | int, path: Path) -> tuple[Node | None, Node] | None:
    """Key (None in a list) and value, when this holder itself has it; not what it gets by `<<`."""
    if isinstance(holder, SequenceNode):
        if not isinstance(part, int) or not 0 <= part <= len(holder.value):
            raise ConfigError(f"{dotted(path)}: there is no such item")
        if part == len(holder.value):
            return None
        found: tuple[Node | None, Node] = None, holder.value[part]
        shared = holder.value[part].start_mark.index < max(
            holder.start_mark.index, *(one.end_mark.index for one in holder.value[:part]), 0
        )
    elif isinstance(holder, MappingNode) and isinstance(part, str):
        mine = [(k, v) for k, v in holder.value if isinstance(k, ScalarNode) and k.value == part]
        if len(mine) > 1:
            raise ConfigError(f"{dotted(path)}: {part!r:.80} is written twice: remove one in the file first")
        if not mine:
            return None
        found, shared = mine[0], mine[0][1].start_mark.index < mine[0][0].end_mark.index
    else:
        raise ConfigError(f"{dotted(path)}: there is a plain value where a section was expected")
    if shared:
        raise ConfigError(f"{dotted(path)}: its value is written elsewhere (an alias): change the text of the file")
    return found


def _holder(text: str, path: Path) -> tuple[MappingNode | SequenceNode, int]:
    """Of what `path` names, and which of its entries it is."""
    at = compose(text, "")
    for part in path[:-1]:
        found = _entry(text, at, part, path) if at is not None else None
        at = found[1] if found else None
    last = path[-1]
    if isinstance(at, MappingNode):
        places = [i for i, (k, _) in enumerate(at.value) if isinstance(k, ScalarNode) and k.value == last]
        if len(places) == 1:
            return at, places[0]
        if places:
            raise ConfigError(f"{dotted(path)}: written twice: remove one in the file first")
    elif isinstance(at, SequenceNode) and isinstance(last, int) and 0 <= last < len(at.value):
        return at, last
    raise ConfigError(f"{dotted(path)}: this is not in the file")


def _empty(node: Node) -> bool:
    if isinstance(node, ScalarNode):
        return str(node.tag).endswith(":null")
    return not node.value and isinstance(node, MappingNode)


def _insert(text: str, holder: Node, part: str | int, value: Value, path: Path) -> str:
    """A new entry behind the last one of a holder that has some."""
    if isinstance(holder, SequenceNode):
        if not holder.value:
            raise ConfigError(f"{dotted(path)}: the list is empty: set it as a whole")
        end = _end(text, None, holder.value[-1])
        if holder.flow_style:
            return text[:end] + ", " + in_line(value) + text[end:]
        column = holder.start_mark.column
        return _line_after(text, _past_comments(text, end, column), item(value, column, STEP))
    assert isinstance(holder, MappingNode)
    assert isinstance(part, str)
    end = _end(text, *holder.value[-1])
    if holder.flow_style:
        return text[:end] + f", {scalar(part, True)}: {in_line(value)}" + text[end:]
    column = holder.value[0][0].start_mark.column
    return _line_after(text, _past_comments(text, end, column), block({part: value}, column, STEP))


def _replace(text: str, holder: Node, key: Node | None, old: Node, value: Value) -> str:
    if key is None or getattr(holder, "flow_style", False):
        end = _end(text, key, old)
        start = old.start_mark.index if old.end_mark.index > old.start_mark.index else end
        return text[:start] + (" " if start == end else "") + in_line(value, _quote(old)) + text[end:]
    colon, end = _colon(text, key), _end(text, key, old)
    column = key.start_mark.column
    if isinstance(old, MappingNode | SequenceNode) and not old.flow_style:
        stop = min(_line_end(text, colon), old.start_mark.index)
        rest = text[colon : _line_end(text, stop)] if old.start_mark.index > stop else ""
        if fits_in_line(value):
            return f"{text[:colon]} {in_line(value, '', flow=False)}{rest}{text[end:]}"
        return text[:colon] + rest + newline(text) + newline(text).join(_below(value, column)) + text[end:]
    start = min(old.start_mark.index, end) if old.end_mark.index > old.start_mark.index else colon
    end = max(end, start)
    if fits_in_line(value):
        made = ("" if start > colon else " ") + in_line(value, _quote(old), flow=False)
        return text[:start] + made + _kept_in_column(text[end:], len(made) - (end - start))
    return _line_after(text[:start].rstrip(" ") + text[end:], len(text[:start].rstrip(" ")), _below(value, column))


def _kept_in_column(rest: str, longer: int) -> str:
    """What follows a value that got so much longer: a comment stays in its column where there is room."""
    gap = len(rest) - len(rest.lstrip(" "))
    if gap < 2 or not rest.startswith("#", gap):
        return rest
    return " " * max(gap - longer, 1) + rest[gap:]


def _below(value: Value, column: int) -> list[str]:
    """The lines under a key in this column."""
    if isinstance(value, dict):
        return block(value, column + STEP, STEP)
    assert isinstance(value, list)
    return [line for one in value for line in item(one, column + STEP, STEP)]


def _line_after(text: str, at: int, lines: Sequence[str]) -> str:
    """Those lines under the line of `at`, whatever else stands on it."""
    end = _line_end(text, at)
    return text[:end] + "".join(newline(text) + line for line in lines) + text[end:]


def _past_comments(text: str, at: int, column: int) -> int:
    """Behind what is commented out below the last entry of a section, in its column or deeper: it belongs there."""
    end, line = at, _after(text, at)
    while line < len(text):
        stop = _line_end(text, line)
        said = text[line:stop].lstrip(" ")
        if said and (not said.startswith("#") or stop - line - len(said) < column):
            break
        end = stop if said else end
        line = _after(text, line)
    return end


def _out_of_flow(text: str, span: tuple[int, int], following: int | None, before: int | None) -> str:
    if following is not None:
        return text[: span[0]] + text[following:]
    return text[: span[0] if before is None else before] + text[span[1] :]


def _quote(old: Node) -> str:
    style = getattr(old, "style", None)
    return style if style in ("'", '"') else ""


def _colon(text: str, key: Node) -> int:
    """Behind the colon of a key."""
    found = _COLON.match(text, key.end_mark.index)
    if found is None:
        raise ConfigError(f"{str(key.value)[:80]!r}: written in an unusual way: change the text of the file")
    return found.end()


def _end(text: str, key: Node | None, value: Node) -> int:
    """Behind the last character of a value."""
    if key is not None and value.start_mark.index < key.end_mark.index:
        found = _ALIAS.match(text, _colon(text, key))
        return found.end() if found else _colon(text, key)
    if isinstance(value, ScalarNode):
        if value.end_mark.index == value.start_mark.index:
            return value.start_mark.index if key is None else _colon(text, key)
        if value.style in ("|", ">"):
            return len(text[: value.end_mark.index].rstrip())
        return int(value.end_mark.index)
    if not isinstance(value, MappingNode | SequenceNode) or value.flow_style or not value.value:
        return int(value.end_mark.index)
    last = value.value[-1]
    return _end(text, *last) if isinstance(value, MappingNode) else _end(text, None, last)


def _item_start(text: str, holder: SequenceNode, node: Node) -> int:
    """Where an item begins: at its dash."""
    if holder.flow_style:
        return int(node.start_mark.index)
    line = text.rfind("\n", 0, node.start_mark.index) + 1
    while line > 0 and text[line + holder.start_mark.column : line + holder.start_mark.column + 1] != "-":
        line = text.rfind("\n", 0, line - 1) + 1
    return line + int(holder.start_mark.column)


def _line_end(text: str, at: int) -> int:
    """Before the line break."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _after(text: str, at: int) -> int:
    """The start of the next line."""
    return text.find("\n", at) + 1 or len(text)
