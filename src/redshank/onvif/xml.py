"""XML of strangers: bounded in bytes, depth and elements; no document types, so no entities. Pure.

Namespaces are left out: makers mix their versions up, and the local names ONVIF uses are unique where we look.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from redshank.errors import SourceUnusable

MOST_BYTES = 1_000_000
MOST_DEPTH = 40
MOST_ELEMENTS = 20_000
MOST_TEXT = 2_000
"""Characters of a name or an address; a longer one is none."""
_DECLARED = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class _Bounded:
    """Builds the tree, as far as it may grow."""

    def __init__(self) -> None:
        self._tree = TreeBuilder()
        self._depth = self._count = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > MOST_DEPTH or self._count > MOST_ELEMENTS:
            raise SourceUnusable("its answer is nested too deeply or has too many parts")
        self._tree.start(tag.rpartition("}")[2], _attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._tree.end(tag.rpartition("}")[2])

    def data(self, text: str) -> None:
        self._tree.data(text)

    def close(self) -> Element:
        return self._tree.close()


def parse(data: bytes) -> Element:
    """The root. Raises SourceUnusable for what is not well-formed XML, too large, or declares a document type."""
    if len(data) > MOST_BYTES:
        raise SourceUnusable(f"its answer is larger than {MOST_BYTES} bytes")
    text = data.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if _DECLARED.search(text):
        raise SourceUnusable("its answer declares a document type, which ONVIF forbids")
    parser = XMLParser(target=_Bounded())  # given text, it takes no other encoding from the document
    try:
        parser.feed(text)
        root: Element = parser.close()
    except (ParseError, ValueError) as error:
        raise SourceUnusable("its answer is not XML") from error
    return root


def below(element: Element, *path: str) -> Element | None:
    """Going down by local names, the first of each."""
    at: Element | None = element
    for name in path:
        at = at.find(name) if at is not None else None
    return at


def text(element: Element, *path: str) -> str:
    """What stands there, in one line; empty when nothing does, or too much."""
    found = below(element, *path)
    words = (found.text or "") if found is not None else ""
    if len(words) > MOST_TEXT:
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def number(element: Element, *path: str) -> float:
    """0 for what is none; never negative or beyond a million million."""
    try:
        value = float(text(element, *path) or 0)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1e12 else 0.0
