"""Cameras that fell out of the configuration by a mistake, and how they go on as they last were (rel:T58). Pure.

A camera that is written in the file, but wrong, has fallen out. One that is not written any more, or is switched off, was meant to go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redshank.config.build import did_you_mean
from redshank.config.document import Place, Problem, Tree
from redshank.config.record import DEFAULT_VOLUME
from redshank.config.schema import Camera, Config

SECTION = "cameras"
ANY = "*"
"""The section itself is wrong: every camera may have fallen out."""
_OFF = ("false", "no", "off", "0")


def fallen(raw: Mapping[str, Tree], config: Config, problems: Sequence[Problem]) -> frozenset[str]:
    """Names of cameras that the file speaks of without giving them: with a mistake, or beside the section (a slip of indentation).

    Only letters and digits, small: `Front door`, which cannot be a name, was `front-door`. ANY may be among them.
    """
    section = raw.get(SECTION)
    beside = [key for key in raw if key not in Config.model_fields]
    written = {**{key: raw[key] for key in beside}, **(section if isinstance(section, dict) else {})}
    names = {_plain(name) for name, tree in written.items() if name not in config.cameras and not _off(tree)}
    misspelt = SECTION not in raw and any(did_you_mean(key, [SECTION]) for key in beside)
    if misspelt or any(problem.where.key == SECTION for problem in problems):
        names.add(ANY)
    return frozenset(names)


def rescue(config: Config, names: frozenset[str], last: Config, file: str) -> tuple[Config, tuple[Problem, ...]]:
    """The configuration with the cameras of `names` as `last` has them, and a line for each; without any when none fell out."""
    back = {
        name: _with_volume(camera, config)
        for name, camera in last.cameras.items()
        if name not in config.cameras and (ANY in names or _plain(name) in names)
    }
    told = tuple(
        Problem(
            Place(file, 0, f"{SECTION}.{name}"),
            "",
            "goes on with its last good settings until the mistake is corrected",
        )
        for name in back
    )
    return config.model_copy(update={SECTION: {**config.cameras, **back}}), told


def _with_volume(camera: Camera, config: Config) -> Camera:
    """A volume that is not there any more is the default one."""
    if camera.record.volume in config.storage.volumes:
        return camera
    return camera.model_copy(update={"record": camera.record.model_copy(update={"volume": DEFAULT_VOLUME})})


def _off(tree: Tree) -> bool:
    return isinstance(tree, dict) and str(tree.get("enabled", "")).strip().lower() in _OFF


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
