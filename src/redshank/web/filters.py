"""The filters of lists, as an address asks for them: comma lists, times, a cursor. Checked here, used in store/search.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Query

from redshank.store.search import MARKS, Place, Wanted
from redshank.web.answer import Problem, time_of
from redshank.web.guard import Asker
from redshank.web.site import Site

MOST_WORDS = 64
Words = Annotated[str, Query(max_length=4000, description="one or more, separated by commas")]
Flag = Annotated[Literal["0", "1"] | None, Query()]
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str, Query(max_length=80, description="`next` of the page before")]
From = Annotated[str, Query(alias="from", max_length=40)]
To = Annotated[str, Query(alias="to", max_length=40)]
_CURSOR = re.compile(r"([0-9a-f]{1,16})-([0-9A-Za-z_-]{1,60})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What alerts."""

    site: Site
    who: Asker
    camera: Words = ""
    label: Words = ""
    zone: Words = ""
    rule: Words = ""
    severity: Words = ""
    state: Words = ""
    reviewed: Flag = None
    mark: Words = ""
    start: From = ""
    end: To = ""

    def wanted(self) -> Wanted:
        """Raises Problem."""
        cameras, chosen = seen(self.site, self.camera)
        return Wanted(
            cameras,
            chosen,
            self.who.id,
            words("label", self.label),
            words("zone", self.zone),
            words("rule", self.rule),
            words("severity", self.severity, ("alert", "quiet")),
            words("state", self.state, ("open", "closed")),
            marks=words("mark", self.mark, MARKS),
            reviewed=flag(self.reviewed),
            start=moment(self.start),
            end=moment(self.end),
        )


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What events."""

    site: Site
    who: Asker
    camera: Words = ""
    label: Words = ""
    zone: Words = ""
    kind: Words = ""
    quiet: Flag = None
    reviewed: Flag = None
    mark: Words = ""
    start: From = ""
    end: To = ""

    def wanted(self) -> Wanted:
        """Raises Problem."""
        cameras, chosen = seen(self.site, self.camera)
        return Wanted(
            cameras,
            chosen,
            self.who.id,
            words("label", self.label),
            words("zone", self.zone),
            kinds=words("kind", self.kind, ("track", "motion", "health")),
            marks=words("mark", self.mark, MARKS),
            reviewed=flag(self.reviewed),
            quiet=flag(self.quiet),
            start=moment(self.start),
            end=moment(self.end),
        )


def seen(site: Site, camera: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those one may see, and those of them that are asked for (empty: all). Raises Problem as for an unknown one."""
    cameras = tuple(site.cameras())
    chosen = words("camera", camera)
    if not set(chosen) <= set(cameras):
        raise Problem(404, "there is no such camera")
    return cameras, chosen


def words(name: str, text: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Raises Problem when there are too many, or one that is not among `known`."""
    found = tuple(dict.fromkeys(one for one in text.split(",") if one))
    if len(found) > MOST_WORDS or any(len(one) > 200 for one in found):
        raise Problem(400, f"{name}: expected at most {MOST_WORDS} values of at most 200 characters")
    if known and not set(found) <= set(known):
        raise Problem(400, f"{name}: expected some of {', '.join(known)}, separated by commas")
    return found


def flag(text: str | None) -> bool | None:
    return None if text is None else text == "1"


def moment(text: str) -> int | None:
    """Raises Problem."""
    return time_of(text) if text else None


def cursor(place: Place) -> str:
    return f"{place[0]:x}-{place[1]}"


def place(text: str) -> Place | None:
    """Of a cursor; None: the beginning. Raises Problem."""
    if not text:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Problem(400, "after: expected what `next` of the page before said")
    return min(int(found[1], 16), (1 << 63) - 1), found[2]
