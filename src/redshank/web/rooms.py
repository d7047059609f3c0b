"""What the web works with besides the site's footage: each optional, so that the rest answers when one is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from redshank.access.who import Who
from redshank.config.editor import Editor
from redshank.live.film import Films
from redshank.live.hls import LiveHls
from redshank.live.pictures import Stills
from redshank.live.room import LiveRoom
from redshank.live.rtc import Rtc
from redshank.news import News
from redshank.onvif.finder import Finder
from redshank.web.answer import Problem
from redshank.web.review import Review
from redshank.web.trial import ChannelTests, Examiner, Models, Prober

T = TypeVar("T")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Notes(Protocol):
    """Keeps what people did (access/audit.py)."""

    def note(self, who: Who, what: str, camera: str = "", detail: str = "") -> None:
        """Never waits."""
        ...


class Door(Protocol):
    """Tells who asks (access/desk.py)."""

    @property
    def audit(self) -> Notes: ...

    async def who(self, cookie: str, bearer: str, address: str) -> Who | None:
        """Of a session cookie or an `Authorization: Bearer`; None when neither is known, any more."""
        ...

    async def still(self, who: Who) -> bool:
        """Whether they still may what they might when they came in: for a socket that stays open."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """Of one site."""

    access: Door | None = None
    """None: nobody is let in."""
    news: News | None = None
    prober: Prober | None = None
    log: Path | None = None
    zone: Callable[[], str] = lambda: "UTC"
    """In which days are counted."""
    version: str = ""
    names: Callable[[], frozenset[str]] = lambda: LOOPBACK
    """What the server may be called in an address."""
    authority: Callable[[], bytes] = lambda: b""
    """The certificate (PEM) devices may trust; empty: there is none of ours."""
    review: Review = field(default_factory=Review)
    stills: Stills | None = None
    films: Films | None = None
    rtc: Rtc | None = None
    live: LiveRoom | None = None
    live_hls: LiveHls | None = None
    editor: Editor | None = None
    finder: Finder | None = None
    examiner: Examiner | None = None
    channels: ChannelTests | None = None
    models: Models | None = None


def there(room: T | None, what: str) -> T:
    """Raises Problem when it is not there."""
    if room is None:
        raise Problem(503, f"{what} is not there at the moment")
    return room
