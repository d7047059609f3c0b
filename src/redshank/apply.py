"""What another configuration means for a running site: which keys hold at once and which wait for a restart. Pure.

    found = difference(running, wanted)
    found.config        # what the running site uses from now on: `wanted`, but the sections of RESTART as they run
    found.live          # ("rules.person.cooldown", "cameras.yard") for people: these hold now …
    found.restart       # ("web.port",) … and these from the next start on

Keys are dotted as in the file; a camera, rule, channel, zone or volume that is new or gone is one key. No value is ever told: one may
be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from redshank.config.fields import Section
from redshank.config.schema import Config
from redshank.config.source import SECTIONS

RESTART = ("site", "data", "bus", "storage", "backup", "web", "rtsp")
"""What is opened once: the database's folder, the broker, disks, the ports."""
CAMERAS = "cameras"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Between what runs and what is wanted."""

    config: Config
    """What can run now."""
    live: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.live or self.restart)

    def touches(self, *sections: str) -> bool:
        """Whether anything that holds at once lies in one of these, such as `detector`."""
        return any(key.split(".", 1)[0] in sections for key in self.live)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a configuration, for people."""

    live: tuple[str, ...] = ()
    """Keys that hold from now on."""
    restart: tuple[str, ...] = ()
    """Keys whose new value waits for a restart, those of earlier changes included."""
    problems: tuple[str, ...] = ()
    """Mistakes of the file, one line each."""
    used: bool = True
    """False: nothing was changed, since the file brings a mistake that was not there before."""


def difference(running: Config, wanted: Config) -> Difference:
    """running: as the `config` of the last difference, or of the start."""
    paths = list(_changed(running, wanted, ()))
    inherited = {path for path in paths if path[0] in SECTIONS}
    told = [path for path in paths if not _follows(path, inherited, running, wanted)]
    config = wanted.model_copy(update={name: getattr(running, name) for name in RESTART})
    return Difference(
        config,
        tuple(".".join(path) for path in told if path[0] not in RESTART),
        tuple(".".join(path) for path in told if path[0] in RESTART),
    )


def _changed(old: object, new: object, at: Path) -> Iterator[Path]:
    """Where they differ, as deep as both have the same shape."""
    if old == new:
        return
    if isinstance(old, Section) and type(old) is type(new):
        for name in type(old).model_fields:
            yield from _changed(getattr(old, name), getattr(new, name), (*at, name))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            if key in old and key in new:
                yield from _changed(old[key], new[key], (*at, key))
            else:
                yield (*at, key)
    else:
        yield at


def _follows(path: Path, inherited: set[Path], running: Config, wanted: Config) -> bool:
    """Whether a camera's key changed only because the global section did: that one is told."""
    if path[0] != CAMERAS or path[2:] not in inherited:
        return False
    rest = path[2:]
    return all(_at(config, path) == _at(config, rest) for config in (running, wanted))


def _at(value: object, path: Path) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name)
    return value
