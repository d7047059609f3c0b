"""The WebRTC process: browsers' peers. H.264 passes as it is, sound is made into Opus once per stream. Started when somebody watches.

From the hub: `offer` (an SDP offer for a feed), `format` and `packet` (of a feed), `forget` (what a feed remembers: privacy), `drop` (a
feed), `close` (a session). To it: `answer`, `gone` (a session has ended, and why). It has the network (UDP) and writes no file; of what
a camera sends only its sound is decoded here.

Candidates are the machine's own addresses (RFC 8445 §5.1.1.1). None of the browser's are tried: it asks ours, and is answered where it
asked from (peer-reflexive, §7.3.1.3). So the names it hides behind (mDNS) need not be resolved, and nobody can point us elsewhere.

Threads: the event loop only.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import aioice.ice
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

from redshank.errors import SourceUnusable
from redshank.media.transcode import CODEC_FAILURE
from redshank.model import StreamFormat
from redshank.pipe import Note
from redshank.process.rtc_feed import Feed, Track
from redshank.process.sandbox import forbid_writing
from redshank.process.worker import Worker

log = logging.getLogger(__name__)

CONNECT_S = 15.0
"""From the answer to a connection."""
LOOPBACK = ("127.0.0.1", "::1")
BAD_OFFER = (
    ValueError,
    LookupError,
    AssertionError,
    AttributeError,
    TypeError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What the library raises for an offer that makes no sense."""
_CANDIDATE = re.compile(r"a=candidate:\S+ \d+ \S+ \d+ (\S+) .*\r\n|a=end-of-candidates\r\n")


@dataclass(slots=True)
class Session:
    """One browser."""

    feed: str
    peer: RTCPeerConnection
    tracks: list[Track]
    connected: bool = False


class Peers:
    """All sessions and feeds of the process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._feeds: dict[str, Feed] = {}
        self._sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._worker.beat(self._stats))
                group.create_task(self._worker.listen(self._on_note))
        finally:
            await asyncio.gather(*(session.peer.close() for session in self._sessions.values()))

    def _stats(self) -> dict[str, Any]:
        dropped = sum(track.dropped for session in self._sessions.values() for track in session.tracks)
        return {"sessions": len(self._sessions), "feeds": len(self._feeds), "dropped": dropped}

    async def _on_note(self, note: Note) -> None:
        h = note.header
        match note.kind:
            case "packet":
                self._packet(note)
            case "format":
                self._format(note)
            case "offer":
                self._start(self._offer(h["session"], h["feed"], note))
            case "close":
                self._end(h["session"], "it was closed")
            case "forget":
                self._feed(h["feed"]).forget()
            case "drop":
                self._feeds.pop(h["feed"], None)

    def _feed(self, name: str) -> Feed:
        return self._feeds.setdefault(name, Feed())

    def _packet(self, note: Note) -> None:
        kind, at, keyframe = note.header["p"]
        try:
            self._feed(note.header["feed"]).packet(kind, at, bool(keyframe), note.body)
        except CODEC_FAILURE as error:
            log.warning("a packet of sound could not be made into Opus: %s", error)

    def _format(self, note: Note) -> None:
        kind, codec, sample_rate, channels = note.header["f"]
        form = StreamFormat(kind, codec, Fraction(1, 90_000), note.body, sample_rate=sample_rate, channels=channels)
        try:
            self._feed(note.header["feed"]).format(form)
        except (SourceUnusable, CODEC_FAILURE) as error:
            log.warning("a stream has no sound in a browser: %s", error)

    def _start(self, job: Any) -> None:
        task = self._worker.loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _offer(self, name: str, feed: str, note: Note) -> None:
        """Answer it, and see that a connection comes of it."""
        loopback = bool(note.header["loopback"])
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        session = self._sessions[name] = Session(feed, peer, [])
        peer.on("connectionstatechange", lambda: self._changed(name))
        try:
            sdp = await _answer(session, note.body.decode(), self._worker)
        except BAD_OFFER as error:
            self._worker.pipe.write(Note("answer", {"session": name, "reason": f"the offer makes no sense: {error}"}))
            self._end(name, "its offer makes no sense")
            return
        self._worker.pipe.write(Note("answer", {"session": name}, reachable(sdp, loopback).encode()))
        await self._worker.clock.sleep(CONNECT_S)
        if not session.connected:
            self._end(name, f"no connection within {CONNECT_S:.0f} s: the browser cannot reach this machine by UDP")

    def _changed(self, name: str) -> None:
        session = self._sessions.get(name)
        if session is None:
            return
        state = session.peer.connectionState
        if state == "connected" and not session.connected:
            session.connected = True
            self._feed(session.feed).join(session.tracks)
        elif state in ("failed", "closed"):
            self._end(name, "the connection was lost")

    def _end(self, name: str, reason: str) -> None:
        session = self._sessions.pop(name, None)
        if session is None:
            return
        if session.feed in self._feeds:
            self._feeds[session.feed].leave(session.tracks)
        for track in session.tracks:
            track.stop()
        self._worker.pipe.write(Note("gone", {"session": name, "reason": reason}))
        self._start(session.peer.close())


async def _answer(session: Session, offer: str, worker: Worker) -> str:
    """The SDP answer. Raises BAD_OFFER."""
    for kind in ("video", "audio"):
        if f"m={kind}" in offer:
            track = Track(kind, worker.clock)
            session.tracks.append(track)
            sender = session.peer.addTransceiver(track, "sendonly")
            codec = "video/H264" if kind == "video" else "audio/opus"
            # Before the offer is looked at: afterwards it is too late, and VP8 is agreed on.
            known = RTCRtpSender.getCapabilities(kind).codecs
            sender.setCodecPreferences([one for one in known if one.mimeType == codec])
    await session.peer.setRemoteDescription(RTCSessionDescription(plain_offer(offer), "offer"))
    await session.peer.setLocalDescription(await session.peer.createAnswer())
    return session.peer.localDescription.sdp


def plain_offer(sdp: str) -> str:
    """Without the browser's addresses: see above."""
    return _CANDIDATE.sub("", sdp.replace("\r\n", "\n").replace("\n", "\r\n"))


def reachable(sdp: str, loopback: bool) -> str:
    """Without the addresses that only this machine reaches, for a browser elsewhere."""
    return sdp if loopback else _CANDIDATE.sub(lambda found: "" if found[1] in LOOPBACK else found[0], sdp)


async def rtc(worker: Worker) -> None:
    """The body."""
    await worker.settings()
    forbid_writing()
    # The library has no setting for it, and a page on this machine may have no other way here.
    others = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [*others(use_ipv4, use_ipv6), LOOPBACK[0]]
    await Peers(worker).run()
