"""The channels of a running site: open with the settings the configuration has now; what did not change stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redshank import plugs
from redshank.alert.base import Channel
from redshank.alert.broken import BrokenChannel
from redshank.clock import Clock
from redshank.config.channel import Channel as Settings
from redshank.errors import ChannelError
from redshank.notify_lane import Route
from redshank.targets import Targets


@dataclass(frozen=True, slots=True)
class _Known:
    """A channel that is open, and the settings it was opened with."""

    settings: Settings
    route: Route
    problem: str


class Switchboard:
    """One per site, on the event loop."""

    def __init__(self, targets: Targets, clock: Clock, has_view: bool) -> None:
        """has_view: a live view shows alerts itself; lines printed into it would tear it apart."""
        self._targets = targets
        self._clock = clock
        self._has_view = has_view
        self._known: dict[str, _Known] = {}

    def change(self, wanted: Mapping[str, Settings]) -> None:
        """These, by name. One with unusable settings is a problem shown; the others work."""
        kept = {
            name: one for name, one in wanted.items() if one.enabled and not (self._has_view and one.type == "console")
        }
        self._known = {name: self._as_wanted(name, settings) for name, settings in kept.items()}

    @property
    def routes(self) -> list[Route]:
        return [known.route for known in self._known.values()]

    @property
    def problems(self) -> list[str]:
        return [f"channel {name}: {known.problem}" for name, known in self._known.items() if known.problem]

    @property
    def can_update(self) -> dict[str, bool]:
        """By name: whether it changes what it said before."""
        return {name: known.route.channel.can_update for name, known in self._known.items()}

    def _as_wanted(self, name: str, settings: Settings) -> _Known:
        known = self._known.get(name)
        return known if known is not None and known.settings == settings else self._open(name, settings)

    def _open(self, name: str, settings: Settings) -> _Known:
        channel: Channel
        problem = ""
        try:
            channel = plugs.open_channel(name, settings, self._targets.check, self._clock)
        except ChannelError as error:
            problem = str(error)
            channel = BrokenChannel(name, problem)
        shows_pictures = getattr(settings, "picture", settings.type != "console")
        return _Known(settings, Route(channel, settings.dry_run, shows_pictures), problem)
