"""What `redshank doctor URL`, and the page before it adds a camera, ask of it: step by step, so that the first thing wrong is named.

Blocking, one thread.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from redshank.clock import NS_PER_S, Clock
from redshank.errors import SourceError, TargetRefused
from redshank.media.connect import COPIED, connect, scheme_of
from redshank.media.picture import picture_kind
from redshank.media.pyav import PORTS, network_address
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket, Source
from redshank.targets import Targets

CONNECT_TIMEOUT_S = 3.0
LONG_GOP_S = 4.0
WRONG_RATE = 0.02


@dataclass(frozen=True, slots=True)
class Step:
    """One thing tried: what was found, and what to do when it is not well."""

    name: Literal["name", "port", "login", "video", "keyframes", "order", "clock", "audio"]
    verdict: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A camera's answer. Numbers are 0 or empty where the steps did not get so far."""

    steps: tuple[Step, ...] = ()
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    bitrate: int = 0
    gop_s: float = 0.0
    """Longest distance of keyframes seen; 0 when fewer than two came."""
    reorders: bool = False
    """B-frames."""
    clock_rate: float = 0.0
    """Seconds of the stream's clock per second of ours; 0 when it has none."""
    audio: str = ""
    picture: RawPacket | None = field(default=None, repr=False)
    """The first keyframe that came."""

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.verdict != "bad" for step in self.steps)

    def with_step(self, step: Step) -> Probe:
        return replace(self, steps=(*self.steps, step))


def probe(settings: SourceSettings, targets: Targets, clock: Clock, seconds: float = 6.0) -> Probe:
    """Try the source and watch it for some seconds. Never raises for what is wrong with the camera: that is a step."""
    *_, result = probing(settings, targets, clock, seconds)
    return result


def probing(settings: SourceSettings, targets: Targets, clock: Clock, seconds: float = 6.0) -> Iterator[Probe]:
    """The same, as far as it is each time a step is done or the first picture has come."""
    result = Probe()
    if scheme_of(settings.url) in PORTS:
        for result in _network(settings, targets, clock):
            yield result
        if not result.ok:
            return
    try:
        source = connect(settings, targets, clock, 5.0)
    except (SourceError, TargetRefused) as error:
        yield result.with_step(Step("login", "bad", str(error)))
        return
    result = result.with_step(Step("login", "ok", "accepted"))
    yield result
    seen: list[_Seen] = []
    try:
        for one in _watch(source, clock, seconds):
            seen.append(one)
            if result.picture is None and one.raw.keyframe and one.raw.format.kind == "video":
                result = replace(result, picture=one.raw)
                yield result
    except SourceError as error:
        yield result.with_step(Step("video", "bad", str(error)))
        return
    finally:
        source.close()
    yield _judged(result, seen, source)


def _network(settings: SourceSettings, targets: Targets, clock: Clock) -> Iterator[Probe]:
    try:
        _, host, port = network_address(settings.url)
        address = targets.check(host, port)
    except (SourceError, TargetRefused) as error:
        yield Probe((Step("name", "bad", str(error)),))
        return
    result = Probe((Step("name", "ok", f"{host} is {address}"),))
    yield result
    begun_ns = clock.mono_ns()
    try:
        socket.create_connection((address, port), CONNECT_TIMEOUT_S).close()
    except TimeoutError:
        advice = "check the address, that the camera has power, and that no firewall is between"
        yield result.with_step(
            Step("port", "bad", f"{host}:{port} gives no answer within {CONNECT_TIMEOUT_S:g} s", advice)
        )
        return
    except OSError as error:
        advice = "check the port, and that this service is switched on in the camera"
        yield result.with_step(
            Step("port", "bad", f"{host}:{port}: {(error.strerror or 'no connection').lower()}", advice)
        )
        return
    yield result.with_step(Step("port", "ok", f"{port} answers in {(clock.mono_ns() - begun_ns) / 1e6:.0f} ms"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A packet and when it came."""

    raw: RawPacket
    arrival_s: float


def _watch(source: Source, clock: Clock, seconds: float) -> Iterator[_Seen]:
    begun_ns = clock.mono_ns()
    for raw in source.packets():
        arrival_s = (clock.mono_ns() - begun_ns) / NS_PER_S
        yield _Seen(raw, arrival_s)
        if arrival_s >= seconds:
            break


def _judged(result: Probe, seen: list[_Seen], source: Source) -> Probe:
    video = [s for s in seen if s.raw.format.kind == "video"]
    if len(video) < 2:
        return result.with_step(Step("video", "bad", "connected, but no picture comes", "restart the camera"))
    format = video[-1].raw.format
    size = format.width, format.height
    if format.codec == "mjpeg" and (picture := picture_kind(video[-1].raw.data)) is not None:
        size = picture[1:]
    span_s = max(1e-6, video[-1].arrival_s - video[0].arrival_s)
    keys = [s.arrival_s for s in video if s.raw.keyframe]
    result = replace(
        result,
        codec=format.codec,
        width=size[0],
        height=size[1],
        fps=round((len(video) - 1) / span_s, 1),
        bitrate=round(sum(len(s.raw.data) for s in video) * 8 / span_s),
        gop_s=round(max((b - a for a, b in pairwise(keys)), default=0.0), 1),
        reorders=any(
            b.raw.pts < a.raw.pts for a, b in pairwise(video) if a.raw.pts is not None and b.raw.pts is not None
        ),
        clock_rate=_clock_rate(video),
        audio=next((f.codec for f in source.formats if f.kind == "audio"), ""),
    )
    for step in (
        _video(result),
        _keyframes(result, keys, video[-1].arrival_s),
        _order(result),
        _clock(result),
        _audio(result),
    ):
        result = result.with_step(step)
    return result


def _clock_rate(video: list[_Seen]) -> float:
    """From the second packet on: the first ones of a connection waited inside FFmpeg."""
    timed = [(s.raw.dts * float(s.raw.format.time_base), s.arrival_s) for s in video[2:] if s.raw.dts is not None]
    if len(timed) < 2 or timed[-1][1] - timed[0][1] < 1:
        return 0.0
    return round((timed[-1][0] - timed[0][0]) / (timed[-1][1] - timed[0][1]), 3)


def _video(seen: Probe) -> Step:
    found = f"{seen.codec} {seen.width} x {seen.height}, {seen.fps:g} fps, {seen.bitrate / 1e6:.2f} Mbit/s"
    if seen.codec in COPIED:
        return Step("video", "ok", found)
    return Step(
        "video", "warn", found, "choose H.264 in the camera if it can: anything else is encoded here, which costs CPU"
    )


def _keyframes(seen: Probe, keys: list[float], watched_s: float) -> Step:
    advice = "set the keyframe interval to 1–2 s in the camera: alerts and live view start with a keyframe"
    if not keys:
        return Step("keyframes", "warn", f"none within {watched_s:.0f} s", advice)
    if not seen.gop_s:
        quiet_s = watched_s - keys[-1]
        return Step("keyframes", "warn" if quiet_s > LONG_GOP_S else "ok", f"more than {quiet_s:.0f} s apart", advice)
    return Step("keyframes", "warn" if seen.gop_s > LONG_GOP_S else "ok", f"every {seen.gop_s:g} s", advice)


def _order(seen: Probe) -> Step:
    if not seen.reorders:
        return Step("order", "ok", "no B-frames")
    return Step(
        "order", "warn", "B-frames", "switch them off (profile baseline or main without B): they delay every picture"
    )


def _clock(seen: Probe) -> Step:
    if not seen.clock_rate:
        return Step("clock", "ok", "the stream carries no clock; arrival is the time")
    found = f"{seen.clock_rate:.3f} s of stream for each second"
    if abs(seen.clock_rate - 1) <= WRONG_RATE:
        return Step("clock", "ok", found)
    return Step(
        "clock", "warn", found, "the camera claims another frame rate than it delivers; times are corrected here"
    )


def _audio(seen: Probe) -> Step:
    return Step("audio", "ok", seen.audio or "none")
