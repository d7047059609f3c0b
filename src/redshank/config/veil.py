"""Secrets of a configuration's text: hidden before it is shown, put back when it returns, moved out when somebody typed one. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import unquote

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from redshank.config import splice
from redshank.config.build import fields
from redshank.config.channel import CHANNELS
from redshank.config.document import MAX_DEPTH, MAX_VALUES, compose
from redshank.config.fields import split_login
from redshank.config.schema import Config, Stream
from redshank.config.secret import Secret
from redshank.config.yaml_text import Named
from redshank.errors import ConfigError
from redshank.targets import redact

HIDDEN = "***"
Path: TypeAlias = tuple[str | int, ...]
_REFERENCE = re.compile(r"\$\{[A-Za-z_]\w*(?::-(?P<default>[^}]*))?\}|\{FRIGATE_[A-Z0-9_]+\}", re.ASCII)
_COMMENT = re.compile(r"(?:(?<=[ \t\n])|^)#[^\r\n]*")
_SAID = re.compile(
    r"""(?i)(?P<head>[\w-]*(?:pass|pwd|token|secret|key\b)[\w-]*["']?[ \t]*[:=])(?P<value>[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]*)"""
)
"""A secret as it may stand in a comment or in what is no YAML: all of the line behind its name."""
_WORD = re.compile(r"pass|secret|token|\bkey\b", re.IGNORECASE)
_NAMED = frozenset({"zones", "mask", "privacy_masks", "filters", "logs", "volumes"})
"""Below these, keys are names of the user's."""
_SLIP = re.compile(r"(?im)^(?P<head>[ \t]*(?:password|secret|token)[ \t]+)[^\s:][^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]*")
"""Without its colon: to YAML it is more of the line before."""
_STREAMS = re.compile(r"cameras\.[^.]+(\.streams\.[^.]+|(\.ffmpeg)?\.inputs\.\d+)?\.(url|path)")


def is_secret(path: Path) -> bool:
    """Whether a password, token or key stands there; also by a slip, where the configuration has none."""
    if _matches(path, _secrets()):
        return True
    word = str(path[-1]) if path else ""
    return bool(_WORD.search(word)) and not set(path[-2:-1]) & _NAMED and not _matches(path, _plain())


def shown(path: Path, value: str) -> str:
    """A value as it is shown."""
    if is_secret(path):
        if value.startswith("file:"):
            return value
        if not _REFERENCE.fullmatch(value):
            return HIDDEN if value else ""
    value = re.sub(r"(\$\{\w+:-)[^}]+\}", rf"\g<1>{HIDDEN}}}", value)
    return redact(value) if "://" in value else value


def veil(text: str) -> str:
    """The text as it is shown: line for line the same, without secrets, also in comments and in what is no YAML."""
    try:
        root = compose(text, "")
        places = sorted(_scalars(root), key=lambda one: one[1].start_mark.index) if root is not None else []
    except ConfigError:
        return _SLIP.sub(rf"\g<head>{HIDDEN}", _roughly(redact(text)))
    made, at = [], 0
    starts = [node.start_mark.index for _path, node in places]
    cuts = [(node.start_mark.index, node.end_mark.index, _veiled(text, path, node)) for path, node in places]
    for match in _COMMENT.finditer(text):
        before = bisect_right(starts, match.start()) - 1
        if before < 0 or match.start() >= places[before][1].end_mark.index:
            cuts.append((match.start(), match.end(), _hushed(redact(match[0]))))
    for start, end, new in sorted(cuts):
        if start >= at:
            made += [text[at:start], new]
            at = end
    return _SLIP.sub(rf"\g<head>{HIDDEN}", "".join(made) + text[at:])


def unveil(text: str, before: str) -> str:
    """What came back from who was shown `veil(before)`: lines that are as they were shown get their secrets back.

    Raises ConfigError when a hidden secret is somewhere else now: which one it was cannot be told, or it would go to another.
    """
    if HIDDEN not in text:
        return text
    now, was, hidden = text.splitlines(True), before.splitlines(True), veil(before).splitlines(True)
    assert len(was) == len(hidden)
    back: set[int] = set()
    for kind, a, b, c, d in SequenceMatcher(None, hidden, now, autojunk=True).get_opcodes():
        if kind == "equal":
            now[c:d] = was[a:b]
            back.update(c + i for i in range(b - a) if was[a + i] != hidden[a + i])
    made = "".join(now)
    root, known = compose(made, "the file"), _written(before)
    for path, node in _scalars(root) if root is not None else ():
        if (node.value == HIDDEN and is_secret(path)) or ("://" in node.value and HIDDEN in node.value):
            raise ConfigError(
                f"the file:{node.start_mark.line + 1}: {splice.dotted(path)}: {HIDDEN} stands for what was there: "
                "on another line it has to be written out"
            )
        last = node.end_mark.line + (node.end_mark.column > 0)
        moved = known is not None and (path, node.value) not in known
        if moved and not back.isdisjoint(range(node.start_mark.line, max(last, node.start_mark.line + 1))):
            raise ConfigError(
                f"the file:{node.start_mark.line + 1}: {splice.dotted(path)}: its {HIDDEN} stood elsewhere before: "
                "type the secret again"
            )
    return made


def _written(text: str) -> set[tuple[Path, str]] | None:
    """Each value and where it stands; None: it is no YAML, where nothing can be told."""
    try:
        root = compose(text, "")
    except ConfigError:
        return None
    return {(path, node.value) for path, node in _scalars(root)} if root is not None else set()


def _hushed(text: str) -> str:
    return _SAID.sub(lambda found: found["head"] + (f" {HIDDEN}" if found["value"].strip() else found["value"]), text)


def _roughly(text: str) -> str:
    """Line by line what is no YAML, with what is indented below a secret's name."""
    made, column = [], -1
    for line in text.splitlines(True):
        said = line.strip()
        indent = len(line) - len(line.lstrip())
        if said and column >= 0 and indent > column:
            made.append(line[:indent] + HIDDEN + line[len(line.rstrip()) :])
            continue
        found = _SAID.search(line)
        column = found.start() if found else column if not said else -1
        made.append(_hushed(line))
    return "".join(made)


def hoist(text: str, before: str, taken: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The text with each secret that is new in it as `!secret name`, and those secrets. `taken`: what secrets.yaml has."""
    root = compose(text, "the file")
    places = list(_scalars(root)) if root is not None else []
    known = _written_out(before)
    new: dict[str, str] = {}
    for path, node in [one for one in places if _has_login(*one) and not known(one[1].value)]:
        url, user, password = split_login(node.value)
        name = _name((*path[:-1], "password"), unquote(password), {**taken, **new})
        new[name] = unquote(password)
        text = splice.put(text, path, url)
        text = splice.put(text, (*path[:-1], "user"), unquote(user))
        text = splice.put(text, (*path[:-1], "password"), Named(name))
    for path, node in [one for one in places if _literal(*one) and not known(one[1].value)]:
        name = _name(path, node.value, {**taken, **new})
        new[name] = node.value
        text = splice.put(text, path, Named(name))
    return text, {name: value for name, value in new.items() if name not in taken}


def _written_out(text: str) -> Callable[[str], bool]:
    """Whether a secret stands in this text already; where that is no YAML: anywhere in it."""
    try:
        root = compose(text, "") if text else None
    except ConfigError:
        return lambda value: value in text
    places = _scalars(root) if root is not None else ()
    found = {node.value for path, node in places if _literal(path, node) or _has_login(path, node)}
    return found.__contains__


def values(text: str) -> dict[str, Any]:
    """The file's keys as JSON, without secrets. Raises ConfigError."""
    root = compose(text, "")
    left = [MAX_VALUES]
    made = _value(root, (), left) if isinstance(root, MappingNode) else {}
    return made if isinstance(made, dict) else {}


def _matches(path: Path, fields: frozenset[tuple[str, ...]]) -> bool:
    said = tuple("#" if isinstance(part, int) else part for part in path)
    return any(
        len(said) == len(one) and all(b in ("<name>", a) for a, b in zip(said, one, strict=True)) for one in fields
    )


@cache
def _plain() -> frozenset[tuple[str, ...]]:
    """Paths of fields that only sound like one: `web.key` is a file."""
    return frozenset(tuple(key.split(".")) for key, _, _, _ in fields(Config) if _WORD.search(key)) - _secrets()


@cache
def _secrets() -> frozenset[tuple[str, ...]]:
    """Paths of secrets, `<name>` for a name of the user's, `#` for an item of a list."""
    found = {tuple(key.split(".")) for key, _, _, kind in fields(Config) if _holds_secret(kind)}
    found |= {
        ("channels", "<name>", key) for kind in CHANNELS.values() for key, _, _, t in fields(kind) if _holds_secret(t)
    }
    for key in [key for key, _, _, kind in fields(Stream) if _holds_secret(kind)]:
        found |= {("cameras", "<name>", *way, key) for way in ((), ("inputs", "#"), ("ffmpeg", "inputs", "#"))}
    return frozenset(found)


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or Secret in getattr(kind, "__args__", ())


def _literal(path: Path, node: ScalarNode) -> bool:
    """A secret written out."""
    value = node.value
    if not value or node.tag == "!secret" or value.startswith("file:") or not _matches(path, _secrets()):
        return False
    return not _REFERENCE.search(value)


def _has_login(path: Path, node: ScalarNode) -> bool:
    """A camera's address with a password written out in it."""
    if not _STREAMS.fullmatch(".".join(map(str, path))):
        return False
    password = split_login(node.value)[2]
    return bool(password) and not _REFERENCE.search(password)


def _name(path: Path, secret: str, taken: Mapping[str, str]) -> str:
    """One that is free, or has the same secret already: `door_password`, `door_password_2`."""
    parts = [str(part) for part in path[1:] if part not in ("streams", "ffmpeg")] or [str(path[-1])]
    name = base = re.sub(r"[^A-Za-z0-9_-]", "_", "_".join(parts))[:80]
    number = 1
    while name in taken and taken[name] != secret:
        number += 1
        name = f"{base}_{number}"
    return name


def _scalars(
    root: Node, path: Path = (), depth: int = 0, seen: set[int] | None = None
) -> Iterator[tuple[Path, ScalarNode]]:
    """Each value where it is written: what an alias repeats comes once."""
    seen = set() if seen is None else seen
    if id(root) in seen or depth > MAX_DEPTH:
        return
    seen.add(id(root))
    if isinstance(root, ScalarNode):
        yield path, root
    elif isinstance(root, SequenceNode):
        for i, one in enumerate(root.value):
            yield from _scalars(one, (*path, i), depth + 1, seen)
    elif isinstance(root, MappingNode):
        for key, one in root.value:
            yield from _scalars(one, (*path, str(key.value)) if key.value != "<<" else path, depth + 1, seen)


def _veiled(text: str, path: Path, node: ScalarNode) -> str:
    """The text of a value as it is shown, with as many lines."""
    raw = text[node.start_mark.index : node.end_mark.index]
    if node.tag == "!secret" or shown(path, node.value) == node.value:
        return raw
    if shown(path, node.value) != HIDDEN:
        return re.sub(r"(\$\{\w+:-)[^}]+\}", rf"\g<1>{HIDDEN}}}", redact(raw))
    if "\n" in raw.rstrip():
        head, _, rest = raw.partition("\n")
        return head[:1] + ("" if head[:1] in "|>" else HIDDEN) + "\n" + re.sub(r"\S[^\n]*", HIDDEN, rest)
    return f'"{HIDDEN}"' + raw[len(raw.rstrip()) :]


def _value(node: Node, path: Path, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0 or len(path) > MAX_DEPTH:
        raise ConfigError("too many values or levels (an alias inside itself?)")
    if isinstance(node, MappingNode):
        made: dict[str, Any] = {}
        for key, one in node.value:
            if key.value == "<<":
                sources = one.value if isinstance(one, SequenceNode) else [one]
                inherited = [_value(source, path, left) for source in sources]
                made = {k: v for part in reversed(inherited) if isinstance(part, dict) for k, v in part.items()} | made
            elif isinstance(key, ScalarNode) and key.value not in made:
                made[key.value] = _value(one, (*path, key.value), left)
        return made
    if isinstance(node, SequenceNode):
        return [_value(one, (*path, i), left) for i, one in enumerate(node.value)]
    return _typed(node, path)


def _typed(node: Node, path: Path) -> Any:
    """YAML 1.2 core schema."""
    value = str(node.value)
    if node.tag == "!secret":
        return f"!secret {value}"
    kind = str(node.tag).rpartition(":")[2]
    if kind == "null":
        return None
    if is_secret(path):
        return shown(path, value)
    if kind == "bool":
        return value.lower() == "true"
    if kind == "int" and re.fullmatch(r"[-+]?(0|[1-9]\d{0,14})", value):
        return int(value)
    if kind == "float" and re.fullmatch(r"[-+]?\d{1,15}\.\d{1,15}", value):
        return float(value)
    return shown(path, value)
