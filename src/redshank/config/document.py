"""A YAML file as plain values that still know where they were written.

Every scalar stays text until a section's field says what it is, so a password `0123` or a camera `no` is what was typed.
Runs wherever a configuration is loaded; no threads.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from redshank.errors import ConfigError

MAX_CHARS = 1_000_000
MAX_VALUES = 50_000
"""Aliases expand: without a bound a small file could fill the memory."""
MAX_DEPTH = 40
_NULL = re.compile(r"(?:~|null|Null|NULL|)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: file (or `$VARIABLE`), line from 1 (0 = no line), dotted key."""

    file: str
    line: int
    key: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as one line. `value` is fit to be shown: it never is a secret."""

    where: Place
    value: str
    """Empty when there is none to show."""
    expected: str

    def __str__(self) -> str:
        got = f" is {self.value}" if self.value else ""
        at = f"{self.where}: " if self.where.file else ""
        return " ".join(f"{at}{self.where.key or 'the file'}{got}: {self.expected}".split())


class Text(str):
    """A scalar with its origin. The one subclass of a built-in here: pydantic takes it as the str it is and hands it back in errors."""

    where: Place
    hidden: bool
    """True when it holds (or may hold) something secret: it is never shown."""
    secret_name: bool
    """True for `!secret name`: the text is the name."""
    trouble: str
    """Why its `${NAME}` or `!secret` could not be filled in; empty when all is well."""


def text(value: str, where: Place, hidden: bool = False, secret_name: bool = False, trouble: str = "") -> Text:
    made = Text(value)
    made.where, made.hidden, made.secret_name, made.trouble = where, hidden, secret_name, trouble
    return made


Tree: TypeAlias = "Text | list[Tree] | dict[str, Tree] | None"
"""Keys of the dicts are `Text` too (a plain str only where the program put it)."""


def parse(source: str, file: str) -> tuple[dict[str, Tree], list[Problem]]:
    """The file's mapping and what is wrong in parts of it (duplicate keys: the first counts).

    Raises ConfigError when the file as a whole cannot be read: too large, not YAML, not a mapping.
    """
    if len(source) > MAX_CHARS:
        raise ConfigError(f"{file}: {len(source)} characters: expected a configuration of at most {MAX_CHARS}")
    node = compose(source, file)
    if node is None or (isinstance(node, ScalarNode) and _NULL.fullmatch(node.value)):
        return {}, []
    if not isinstance(node, MappingNode):
        raise ConfigError(f"{file}:1: the file: expected `key: value` lines, such as `cameras:`")
    reader = _Reader(file)
    tree = reader.mapping(node, "", 0)
    return tree, reader.problems


def parse_value(source: str, where: Place) -> Tree:
    """One value as it could stand in the file (`5`, `[person, car]`); plain text where it is no YAML."""
    try:
        node = compose(source, where.file) if source.lstrip()[:1] in "[{\"'" and source.strip() else None
        return text(source, where) if node is None else _Reader(where.file, where).value(node, where.key, 0)
    except ConfigError:
        return text(source, where)


def walk(tree: Tree) -> Iterator[Text]:
    """Every scalar, keys left out."""
    if isinstance(tree, Text):
        yield tree
    elif isinstance(tree, list | dict):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from walk(child)


def compose(source: str, file: str) -> Node | None:
    """The text as nodes that know where they stand. Raises ConfigError when it is not YAML."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", YAMLWarning)
            node: Node | None = YAML(typ="rt").compose(source)
            return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{file}:{line}: {_plainly(source, line, str(error.problem or error.context))}") from None
    except (YAMLError, ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        # ruamel lets some of its own slips through on damaged input; none of them may reach a person as a traceback.
        raise ConfigError(
            f"{file}: not YAML ({type(error).__name__}): expected UTF-8 text of `key: value` lines"
        ) from None
    except RecursionError:
        raise ConfigError(f"{file}: nested too deeply: expected at most {MAX_DEPTH} levels") from None


def _plainly(source: str, line: int, problem: str) -> str:
    """What the parser means, for somebody who does not know its words. The line itself may hold a password: not shown."""
    lines = source.splitlines()
    if line <= len(lines) and "\t" in lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]:
        return "a tab: indent with spaces"
    what = re.sub(r"\s+", " ", re.sub(r"['\"].*['\"]", "a character", problem))
    return f"not YAML here or just above ({what}): check indentation, colons, quotes and brackets"


@dataclass(slots=True)
class _Reader:
    file: str
    fixed: Place | None = None
    """Where everything comes from when it is not a file."""
    problems: list[Problem] = field(default_factory=list)
    left: int = MAX_VALUES

    def place(self, node: Node, key: str) -> Place:
        return Place(self.fixed.file, 0, key) if self.fixed else Place(self.file, node.start_mark.line + 1, key)

    def value(self, node: Node, key: str, depth: int) -> Tree:
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise ConfigError(f"{self.place(node, key)}: too many values or levels (an alias inside itself?)")
        if isinstance(node, MappingNode):
            return self.mapping(node, key, depth)
        if isinstance(node, SequenceNode):
            return [self.value(item, f"{key}[{i}]", depth + 1) for i, item in enumerate(node.value)]
        if getattr(node, "style", None) is None and node.tag != "!secret" and _NULL.fullmatch(node.value):
            return None
        return text(node.value, self.place(node, key), secret_name=node.tag == "!secret")

    def mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Tree]:
        tree: dict[str, Tree] = {}
        merged: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problems.append(
                    Problem(self.place(key_node, path), "a list or mapping as a key", "expected a name")
                )
                continue
            key = f"{path}.{key_node.value}" if path else str(key_node.value)
            where = self.place(key_node, key)
            if key_node.value == "<<":
                merged |= self.merged(value_node, path, depth)
            elif key_node.value in tree:
                self.problems.append(Problem(where, "", "written twice: the first one counts, remove one"))
            else:
                tree[text(key_node.value, where)] = self.value(value_node, key, depth + 1)
        return merged | tree

    def merged(self, node: Node, path: str, depth: int) -> dict[str, Tree]:
        """`<<: *anchor` or a list of them; earlier ones win."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Tree] = {}
        for source in sources:
            value = self.value(source, path, depth + 1)
            found = (value if isinstance(value, dict) else {}) | found
        return found
