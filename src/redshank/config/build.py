"""Values → sections, with every mistake found and placed, and as much kept as can be.

`lenient` drops the wrong values and keeps the rest (global sections); `strict` gives the whole thing up (one camera, one rule),
but for keys nobody knows: those are reported and left out, unless they look like a mask somebody wanted for privacy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from redshank.config.document import Place, Problem, Text, Tree

Loc = tuple[int | str, ...]
S = TypeVar("S", bound=BaseModel)
_SECRET_WORD = re.compile(r"pass|secret|token|\bkey\b", re.IGNORECASE)
_TYPES = {
    "model_type": "expected a mapping (key: value lines below it)",
    "mapping_type": "expected a mapping (name: value lines below it)",
    "dict_type": "expected a mapping (name: value lines below it)",
    "missing": "expected a value, it is required",
    "string_pattern_mismatch": "expected a name of 1 to 64 letters, digits, _ and - (a camera: small letters)",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "finite_number": "expected a finite number",
    "string_too_short": "expected some text",
    "too_short": "expected at least one",
}


def lenient(kind: type[S], raw: Mapping[str, Tree], context: Mapping[str, Any], problems: list[Problem]) -> S:
    """Always a section: what is wrong is reported and its default taken."""
    tree: Tree = dict(raw)
    for _ in range(1000):
        try:
            errors = _unfilled(tree)
            if not errors:
                return kind.model_validate(tree, context=dict(context))
        except ValidationError as error:
            errors = [(_path(e["loc"]), _expected(kind, dict(e)), e["type"]) for e in error.errors(include_url=False)]
        _report(errors, tree, Place("", 0, ""), problems)
        tree = without(tree, errors[0][0])
    return kind()


def strict(kind: type[S], raw: Tree, where: Place, context: Mapping[str, Any], problems: list[Problem]) -> S | None:
    """The section, or None when something in it is wrong. `where` is its name in the file."""
    tree = raw
    unfilled = _unfilled(tree)
    _report(unfilled, tree, where, problems)
    failed = bool(unfilled)
    for _ in range(100):
        try:
            made = kind.model_validate(tree, context=dict(context))
            return None if failed else made
        except ValidationError as error:
            errors = [(_path(e["loc"]), _expected(kind, dict(e)), e["type"]) for e in error.errors(include_url=False)]
        _report([e for e in errors if e[0] not in [u[0] for u in unfilled]], tree, where, problems)
        unknown = [
            loc for loc, _, code in errors if code == "extra_forbidden" and not re.search("mask|privacy", str(loc[-1]))
        ]
        if len(unknown) < len(errors):
            return None
        tree = without(tree, unknown[0])
    return None


def fields(
    kind: type[BaseModel], prefix: str = "", whole: BaseModel | None = None
) -> Iterator[tuple[str, str, Any, Any]]:
    """(dotted key, description, default or ... when required, type) of every field below, names as `<name>`.

    whole: the section as it is by default, where its owner says so."""
    for name, info in kind.model_fields.items():
        default = ... if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
        default = getattr(whole, name) if whole is not None else default
        yield f"{prefix}{name}", " ".join((info.description or "").split()), default, info.annotation
        for inner, named in _sections(info.annotation):
            given = default if isinstance(default, inner) else None
            yield from fields(inner, f"{prefix}{name}.{'<name>.' if named else ''}", given)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`, did you mean "detect"?`, or the empty text."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f', did you mean "{close[0]}"?' if close else ""


def shown(value: object, key: str) -> str:
    """A value fit for a message: short, never a secret; empty when there is nothing to show."""
    if not isinstance(value, str):
        return ""
    hidden = isinstance(value, Text) and value.hidden
    if (
        hidden
        or _SECRET_WORD.search(key.rpartition(".")[2])
        or _SECRET_WORD.search(value)
        or ("@" in value and ":" in value)
    ):
        return "***"
    short = value.split("?")[0] if "://" in value else value
    return repr(str(short) if len(short) <= 60 else f"{short[:57]}...")


def without(tree: Tree, loc: Loc) -> Tree:
    """The tree without what stands at `loc`; where that does not exist (something is missing), without its parent."""
    if not loc:
        return {}
    head, rest = loc[0], loc[1:]
    child = _child(tree, head)
    keep = child is not None and rest and _exists(child, rest[:1])
    new = without(child, rest) if keep else None
    if isinstance(tree, dict):
        if head not in tree:
            return {}
        return {k: (new if k == head else v) for k, v in tree.items() if keep or k != head}
    if isinstance(tree, list):
        return [(new if i == head else v) for i, v in enumerate(tree) if keep or i != head]
    return None


def place_of(tree: Tree, loc: Loc, where: Place) -> Place:
    """Where the thing at `loc` was written, or the nearest thing around it; the key is exact."""
    for depth, part in enumerate(loc):
        child = _child(tree, part)
        key = next((k for k in tree if k == part), None) if isinstance(tree, dict) else None
        if isinstance(key, Text):
            where = key.where
        elif isinstance(child, Text):
            where = child.where
        elif child is None and depth == len(loc) - 1 and isinstance(part, str):
            where = Place(where.file, where.line, f"{where.key}.{part}".lstrip("."))
        tree = child
    return where


def _report(errors: Sequence[tuple[Loc, str, str]], tree: Tree, where: Place, problems: list[Problem]) -> None:
    for loc, expected, code in errors:
        value: Tree = tree
        for part in loc:
            value = _child(value, part)
        place = place_of(tree, loc, where)
        problem = Problem(place, "" if code == "extra_forbidden" else shown(value, place.key), expected)
        if problem not in problems:
            problems.append(problem)


def _unfilled(tree: Tree, loc: Loc = ()) -> list[tuple[Loc, str, str]]:
    if isinstance(tree, Text):
        return [(loc, tree.trouble, "unfilled")] if tree.trouble else []
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for part, child in children for found in _unfilled(child, (*loc, part))]


def _path(loc: Loc) -> Loc:
    return tuple(part for part in loc if part != "[key]")


def _expected(kind: type[BaseModel], error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        known = _section_at(kind, error["loc"][:-1])
        keys = [*known.model_fields, *getattr(known, "also", ())] if known else []
        return f"unknown key{did_you_mean(str(error['loc'][-1]), keys)}"
    if error["type"] in _TYPES:
        return _TYPES[error["type"]]
    message = str(error["msg"]).removeprefix("Value error, ").split(", unable to")[0]
    return re.sub(
        r"^Input should be( (?=greater|less))?", lambda m: "expected a number " if m[1] else "expected", message
    )


def _section_at(kind: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    rest = list(loc)
    while rest:
        info = kind.model_fields.get(str(rest.pop(0)))
        inner = next(iter(_sections(info.annotation)), None) if info else None
        if inner is None:
            return None
        kind, named = inner
        if named and rest:
            rest.pop(0)
    return kind


def _sections(annotation: Any, named: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """Sections inside a field's type, and whether they are values of a mapping by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, named
        return
    for argument in get_args(annotation):
        yield from _sections(argument, named or getattr(annotation, "__origin__", None) is not None)


def _child(tree: Tree, part: int | str) -> Tree:
    if isinstance(tree, dict):
        return tree.get(str(part))
    if isinstance(tree, list) and isinstance(part, int) and part < len(tree):
        return tree[part]
    return None


def _exists(tree: Tree, loc: Loc) -> bool:
    return (isinstance(tree, dict) and loc[0] in tree) or (
        isinstance(tree, list) and isinstance(loc[0], int) and loc[0] < len(tree)
    )
