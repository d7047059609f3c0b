"""The recorders of a capture process: one per volume, fed by the fan-outs, told by the hub. On the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from redshank.clock import NS_PER_S
from redshank.media.fanout import Fanout
from redshank.media.spool import Spool
from redshank.pipe import Note
from redshank.process.settings import CaptureSettings
from redshank.process.worker import Worker
from redshank.record import Recorder
from redshank.record_settings import SEQ_BITS
from redshank.volume import VolumeRefused, join_volume

STOP_S = 3.0


class Recorders:
    """Made once; `open` at the start and again when a volume can be used after all."""

    def __init__(self, worker: Worker, fanouts: Mapping[tuple[str, str], Fanout], epoch: int) -> None:
        self._worker = worker
        self._fanouts = fanouts
        self._recorders: dict[str, Recorder] = {}
        self._taken: set[tuple[str, str]] = set()
        self._refused: CaptureSettings | None = None
        """To be opened again."""
        self._numbers = count(epoch << SEQ_BITS)

    def open(self, settings: CaptureSettings) -> None:
        """Record every stream that is not recorded yet on the volume it names. A private one is silent before its first packet."""
        for camera in settings.silent:
            self._silence(camera, True)
        for volume in settings.volumes:
            fresh = [
                record
                for record in settings.records
                if record.volume == volume.id and (record.camera, record.stream) not in self._taken
            ]
            if not fresh or volume.id in self._recorders:
                continue
            try:
                disk = join_volume(Path(volume.path), volume.id, volume.site).disk
            except VolumeRefused as error:
                # The hub had just accepted it: it went in between, and may be back.
                trouble = {"id": volume.id, "kind": "disk_error", "trouble": str(error), "backlog": 0, "dropped": 0}
                self._worker.tell_soon(Note("volume", trouble))
                self._refused = settings
                continue
            spool = Spool(volume.spool_bytes)
            recorder = Recorder(
                volume.id,
                disk,
                fresh,
                spool,
                self._worker.clock,
                self._worker.tell_soon,
                self._numbers.__next__,
            )
            for record in fresh:
                key = (record.camera, record.stream)
                self._taken.add(key)
                self._fanouts[key].attach(spool.sink(*key))
            self._recorders[volume.id] = recorder
            recorder.start()

    def on_note(self, note: Note) -> bool:
        """Whether it was for us."""
        h = note.header
        match note.kind:
            case "record":
                self._set_mode(h)
            case "keep":
                for recorder in self._recorders.values():
                    recorder.keep(h["camera"], h["since"], h["until"], h["important"])
            case _:
                return False
        return True

    def _set_mode(self, h: Mapping[str, Any]) -> None:
        """Privacy: silent first and heard again last, so that nothing of it is in a ring or a file."""
        if h["private"]:
            self._silence(h["camera"], True)
        for recorder in self._recorders.values():
            recorder.set_mode(h["camera"], h["mode"], h["private"])
        if not h["private"]:
            self._silence(h["camera"], False)

    def _silence(self, camera: str, on: bool) -> None:
        clock = self._worker.clock
        for (name, _stream), fanout in self._fanouts.items():
            if name == camera:
                fanout.silence(on, clock.now(), clock.mono_ns())

    def tick(self) -> None:
        """About once a second."""
        if (again := self._refused) is not None:
            self._refused = None
            self.open(again)
        for recorder in self._recorders.values():
            recorder.tick()

    @property
    def dead(self) -> bool:
        """A writer has ended by itself: the process must be replaced."""
        return any(recorder.dead for recorder in self._recorders.values())

    def stats(self) -> list[dict[str, Any]]:
        return [recorder.stats() for recorder in self._recorders.values()]

    def stop(self) -> None:
        """Blocks until every file is closed, at most STOP_S in all: what a disk does not take in time is adopted at the next start."""
        end_ns = self._worker.clock.mono_ns() + round(STOP_S * NS_PER_S)
        for recorder in self._recorders.values():
            recorder.stop(max(0.1, (end_ns - self._worker.clock.mono_ns()) / NS_PER_S))
