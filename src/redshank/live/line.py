"""One stream while somebody watches it: who takes its packets, and the films that browsers get. Event loop only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redshank.clock import Clock
from redshank.live.viewer import Share, Viewer
from redshank.media.fanout import QUEUE, Bounds, starts
from redshank.media.live import Fragment, LiveMuxer
from redshank.model import Packet, StreamFormat

FRAGMENTS = Bounds(2.0, 8 << 20)
"""Of a viewer in a browser."""


class Line:
    """Made with the first viewer. Of the two films, with and without sound, there is what somebody watches."""

    def __init__(self, clock: Clock) -> None:
        self.users = 0
        self._clock = clock
        self._packets: Share[Packet] = Share(QUEUE, clock)
        self._films: dict[bool, tuple[LiveMuxer, Share[Fragment]]] = {}
        self.sound: StreamFormat | None = None
        """As far as is known."""
        self._lost = 0
        self._forgotten_ns = -1

    def offer(self, packet: Packet) -> None:
        if packet.format.kind == "audio":
            self.sound = packet.format
        self._packets.offer(packet, starts(packet))
        for muxer, share in self._films.values():
            for fragment in muxer.add(packet):
                # A muxer holds the newest pictures until it knows how long they last: longer than they may be shown.
                if fragment.mono_ns > self._forgotten_ns:
                    share.offer(fragment, fragment.keyframe)

    def expect(self, sound: StreamFormat | None) -> None:
        """What sound there is, told before its first packet."""
        self.sound = sound
        for muxer, _share in self._films.values():
            muxer.expect(sound)

    @contextmanager
    def packets(self) -> Iterator[Viewer[Packet]]:
        with self._packets.join() as viewer:
            yield viewer

    @contextmanager
    def fragments(self, sound: bool) -> Iterator[Viewer[Fragment]]:
        if sound not in self._films:
            self._films[sound] = self._film(sound)
        share = self._films[sound][1]
        try:
            with share.join() as viewer:
                yield viewer
        finally:
            if not share.viewers and self._films.get(sound, (None, None))[1] is share:
                del self._films[sound]
                self._lost += share.dropped

    def _film(self, sound: bool) -> tuple[LiveMuxer, Share[Fragment]]:
        """Beginning with what is remembered."""
        muxer, share = LiveMuxer(sound), Share[Fragment](FRAGMENTS, self._clock)
        muxer.expect(self.sound)
        for packet in self._packets.newest:
            for fragment in muxer.add(packet):
                share.offer(fragment, fragment.keyframe)
        return muxer, share

    @property
    def dropped(self) -> int:
        """Packets and fragments that slow viewers lost."""
        return self._lost + self._packets.dropped + sum(share.dropped for _, share in self._films.values())

    def forget(self) -> None:
        """Nothing that came so far is shown any more."""
        self._forgotten_ns = self._clock.mono_ns()
        self._packets.forget()
        for _, share in self._films.values():
            share.forget()

    def end(self) -> None:
        self._packets.end()
        for _, share in self._films.values():
            share.end()
