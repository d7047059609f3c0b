"""The recorders of a capture process: one per volume, fed by the fan-outs, told by the hub. On the event loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from redshank.clock import NS_PER_S
from redshank.disk import Disk
from redshank.media.fanout import Fanout
from redshank.media.spool import Queue, Spool
from redshank.pipe import Note
from redshank.process.joined import JoinedDisk
from redshank.process.settings import CaptureSettings
from redshank.process.worker import Worker
from redshank.record import Recorder
from redshank.record_settings import SEQ_BITS, Mode, RecordSettings, VolumeSettings

STOP_S = 3.0


class Recorders:
    """Made once; `open` at the start and again when the hub has other settings. `fanouts` has each stream while it is recorded."""

    def __init__(
        self,
        worker: Worker,
        fanouts: Mapping[tuple[str, str], Fanout],
        epoch: int,
        disk: Callable[[VolumeSettings], Disk] = JoinedDisk,
    ) -> None:
        """disk: may only be made here; its first use may hang."""
        self._worker = worker
        self._disk = disk
        self._fanouts = fanouts
        self._recorders: dict[str, Recorder] = {}
        self._taken: dict[tuple[str, str], str] = {}
        """Stream → volume."""
        self._sinks: dict[tuple[str, str], Queue] = {}
        self._numbers = count(epoch << SEQ_BITS)

    def open(self, settings: CaptureSettings) -> None:
        """Record exactly these streams, each on the volume it names; those that are recorded there go on without a gap. A private
        one is silent before its first packet. Waits for no disk."""
        for camera in settings.silent:
            self._silence(camera, True)
        wanted = {(each.camera, each.stream): each for each in settings.records}
        for key in [key for key in self._taken if key not in wanted or wanted[key].volume != self._taken[key]]:
            self._part(key)
        for key in self._taken:
            self._recorders[self._taken[key]].adjust(wanted[key])
        for camera, mode, private in {(each.camera, each.mode, each.private) for each in settings.records}:
            self._turn(camera, mode, private)
        for volume in settings.volumes:
            fresh = [each for key, each in wanted.items() if each.volume == volume.id and key not in self._taken]
            if fresh:
                self._record(fresh, volume)

    def _record(self, streams: Sequence[RecordSettings], volume: VolumeSettings) -> None:
        recorder = self._recorders.get(volume.id)
        begins = recorder is None
        if recorder is None:
            worker, spool, numbers = self._worker, Spool(volume.spool_bytes), self._numbers.__next__
            recorder = Recorder(volume.id, self._disk(volume), (), spool, worker.clock, worker.tell_soon, numbers)
            self._recorders[volume.id] = recorder
        for each in streams:
            key = (each.camera, each.stream)
            self._taken[key] = volume.id
            self._sinks[key] = recorder.add(each)
            self._fanouts[key].attach(self._sinks[key])
        if begins:
            recorder.start()

    def _part(self, key: tuple[str, str]) -> None:
        self._fanouts[key].detach(self._sinks.pop(key))
        self._recorders[self._taken.pop(key)].part(*key)

    def on_note(self, note: Note) -> bool:
        """Whether it was for us."""
        h = note.header
        match note.kind:
            case "record":
                self._turn(h["camera"], h["mode"], h["private"])
            case "keep":
                for recorder in self._recorders.values():
                    recorder.keep(h["camera"], h["since"], h["until"], h["important"])
            case _:
                return False
        return True

    def _turn(self, camera: str, mode: Mode, private: bool) -> None:
        """Privacy: silent first and heard again last, so that nothing of it is in a ring or a file."""
        if private:
            self._silence(camera, True)
        for recorder in self._recorders.values():
            recorder.set_mode(camera, mode, private)
        if not private:
            self._silence(camera, False)

    def _silence(self, camera: str, on: bool) -> None:
        clock = self._worker.clock
        for (name, _stream), fanout in self._fanouts.items():
            if name == camera:
                fanout.silence(on, clock.now(), clock.mono_ns())

    def tick(self) -> None:
        """About once a second."""
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
