"""Whether the wanted days fit on the disks, from the configuration alone: for `redshank check`, before a byte is recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redshank import wiring
from redshank.config.schema import Config
from redshank.forecast import Forecast, Load, assumed, forecast
from redshank.storage import GIB


def planned(config: Config) -> list[dict[str, Any]]:
    """One entry per volume that cameras record on. Rates are assumed; what lies there already counts as free space gone."""
    found = []
    for name, path in wiring.volume_paths(config, config.data).items():
        loads = [load for camera in wiring.active(config) if (load := _load(config, camera, name))]
        if loads:
            result = forecast(loads, _room(path, wiring.reserves(config).get(name)))
            found.append(_entry(name, path, result))
    return found


def _load(config: Config, name: str, volume: str) -> Load | None:
    camera = config.cameras[name]
    record = camera.record
    streams: Mapping[str, int | None] = {stream: None for stream in camera.streams if stream in record.streams}
    if not record.enabled or record.volume != volume or not streams:
        return None
    policy = wiring.retention(config).of(name)
    assert policy is not None
    return assumed(name, record.mode, streams, policy.by_class, policy.quota)


def _room(path: Path, reserve: int | None) -> int:
    """Bytes for footage on the file system that holds the folder, or will."""
    there = next(one for one in (path, *path.parents) if one.exists())
    space = os.statvfs(there)
    total, free = space.f_frsize * space.f_blocks, space.f_frsize * space.f_bavail
    return max(0, free - (reserve if reserve is not None else min(GIB, total // 4)))


def _entry(name: str, path: Path, found: Forecast) -> dict[str, Any]:
    return {
        "volume": name,
        "path": str(path),
        "needed": found.needed,
        "available": found.available,
        "enough": found.enough,
        "full_in_days": found.full_in_days,
        "sentence": found.sentence,
    }
