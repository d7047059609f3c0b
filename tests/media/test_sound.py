"""Sound to AAC, once, in step with the pictures."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from redshank.media.connect import open_source
from redshank.media.settings import SourceSettings
from redshank.media.sound import Converted, with_playable_sound
from redshank.media.source import RawPacket, Source
from redshank.model import StreamFormat
from redshank.targets import Targets
from tests.fakes import ScriptedSource, video_packets
from tests.harness.clocks import FakeClock
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.media.files import played, written
from tests.media.watch import watching

RATE = 8000
STEP = 160
"""Samples of a packet: 20 ms, as cameras send."""
PCM = StreamFormat("audio", "pcm_s16be", Fraction(1, RATE), sample_rate=RATE, channels=1)
CAMERA = SourceSettings("rtsp://me:geheim@cam/")


def clicks(seconds: float, rate: int = RATE) -> NDArray[np.int16]:
    """5 ms of 1 kHz in the middle of every second, silence else."""
    at = np.arange(round(seconds * rate)) / rate
    loud = np.abs(at % 1 - 0.5) < 0.0025
    return np.asarray(np.where(loud, 12_000 * np.sin(2 * np.pi * 1000 * at), 0), np.int16)


def sent(seconds: float) -> list[RawPacket]:
    """Big-endian PCM, as RTP L16 gives it, with exact times."""
    data = clicks(seconds).astype(">i2").tobytes()
    return [
        RawPacket(PCM, n * STEP, n * STEP, STEP, True, data[n * STEP * 2 : (n + 1) * STEP * 2])
        for n in range(len(data) // STEP // 2)
    ]


def converted(packets: Sequence[RawPacket]) -> list[RawPacket]:
    changer = Converted(packets[0].format, CAMERA, FakeClock())
    return [made for packet in packets for made in changer.change(packet)]


def heard(packets: Sequence[RawPacket]) -> list[float]:
    """When clicks are heard by whoever plays the packets at their times: the loudest moment of each, in seconds."""
    decoder = decoder_of(packets[0].format)
    at: list[NDArray[np.float64]] = []
    level: list[NDArray[np.float32]] = []
    for raw in packets:
        assert raw.pts is not None
        begin = float(raw.pts * raw.format.time_base)
        for frame in decoder.decode(av.Packet(raw.data)):
            samples = np.abs(frame.to_ndarray()[0]).astype(np.float32)
            at.append(begin + np.arange(samples.size) / frame.sample_rate)
            level.append(np.convolve(samples, np.ones(40, np.float32) / 40, "same"))
    times, levels = np.concatenate(at), np.concatenate(level)
    loud = np.flatnonzero(levels > 0.08)
    groups = np.split(loud, np.flatnonzero(np.abs(np.diff(times[loud])) > 0.3) + 1)
    return [float(times[group[np.argmax(levels[group])]]) for group in groups if group.size]


def decoder_of(format: StreamFormat) -> AudioCodecContext:
    context = av.CodecContext.create("aac", "r")
    assert isinstance(context, AudioCodecContext)
    context.extradata = format.extradata
    return context


def off(found: Sequence[float], wanted: Sequence[float]) -> float:
    """The largest distance of a click from the nearest one that was made, s; every one must be there."""
    assert len(found) == len(wanted), (found[:5], wanted[:5])
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True))


def test_a_click_is_heard_when_it_was_made() -> None:
    """The encoder's priming frame is accounted for: at 8 kHz it alone would be 128 ms."""
    made = converted(sent(20))
    assert off(heard(made), [n + 0.5 for n in range(20)]) < 0.005
    assert all(b.pts == (a.pts or 0) + 1024 for a, b in pairwise(made) if b.pts is not None)
    assert made[0].format.codec == "aac"
    assert made[0].format.sample_rate == RATE


@pytest.mark.parametrize("jitter_s", [0.005, 0.012])
def test_jitter_is_evened_out(jitter_s: float) -> None:
    chance = random.Random(1)
    late = [replace(p, pts=(p.pts or 0) + round(chance.uniform(-jitter_s, jitter_s) * RATE)) for p in sent(30)]
    made = converted(late)
    assert off(heard(made), [n + 0.5 for n in range(30)]) < 0.02
    steps = [(b.pts or 0) - (a.pts or 0) for a, b in pairwise(made)]
    assert max(abs(step - 1024) for step in steps) <= jitter_s * RATE


def test_times_that_are_missing_are_counted_on() -> None:
    chance = random.Random(2)
    some = [p if chance.random() < 0.1 else replace(p, pts=None, dts=None) for p in sent(30)]
    assert off(heard(converted(some)), [n + 0.5 for n in range(30)]) < 0.005


def test_as_long_as_no_packet_has_a_time_none_is_made_up() -> None:
    made = converted([replace(p, pts=None, dts=None) for p in sent(3)])
    assert len(made) > 10
    assert all(raw.pts is None and raw.dts is None for raw in made)


def test_lost_packets_stay_lost_and_what_follows_is_in_time() -> None:
    chance = random.Random(3)
    given = sent(60)
    kept = [p for p in given if chance.random() > 0.05 or abs((p.pts or 0) / RATE % 1 - 0.5) < 0.05]
    assert len(kept) < len(given) * 0.97
    assert off(heard(converted(kept)), [n + 0.5 for n in range(60)]) < 0.02


def test_a_hole_is_a_hole() -> None:
    made = converted([p for p in sent(20) if not 5 <= (p.pts or 0) / RATE < 12.2])
    times = [float((raw.pts or 0) * raw.format.time_base) for raw in made]
    assert not any(5 < at < 12.199 for at in times)
    assert off(heard(made), [n + 0.5 for n in range(20) if not 5 <= n < 12]) < 0.02


@pytest.mark.parametrize("jump_s", [-3600, -5, 3600])
def test_a_jump_of_the_cameras_clock_is_passed_on(jump_s: int) -> None:
    """The stamper bridges it, for pictures and sound alike."""
    given = [replace(p, pts=(p.pts or 0) + (n >= 500) * jump_s * RATE) for n, p in enumerate(sent(20))]
    found = heard(converted(given))
    assert off(sorted(found), sorted([n + 0.5 + (n >= 10) * jump_s for n in range(20)])) < 0.02


@pytest.mark.parametrize("ppm", [-2000, 1000])
def test_over_ten_minutes_sound_does_not_drift(ppm: float) -> None:
    """A microphone's clock that is off against the camera's, jitter, missing times and lost packets together, 10 simulated minutes."""
    chance = random.Random(4)
    given: list[RawPacket] = []
    for p in sent(600):
        true = (p.pts or 0) * (1 + ppm / 1e6)
        pts = round(true + chance.uniform(-0.008, 0.008) * RATE) if chance.random() < 0.7 else None
        if chance.random() > 0.01 or abs((p.pts or 0) / RATE % 1 - 0.5) < 0.05:
            given.append(replace(p, pts=pts, dts=pts))
    assert off(heard(converted(given)), [(n + 0.5) * (1 + ppm / 1e6) for n in range(600)]) < 0.02


# -- what cameras send


def encoded(name: str, rate: int, bit_rate: int = 64_000) -> list[RawPacket]:
    """Ten seconds of clicks by FFmpeg's encoder."""
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout, context.time_base = rate, "mono", Fraction(1, rate)
    context.format = "flt" if name == "libopus" else "u8" if name == "pcm_u8" else "s16"
    context.bit_rate = bit_rate
    context.open()
    decoder = {"libopus": "opus"}.get(name, name)
    size = context.frame_size or rate // 50
    wave = clicks(10, rate)
    made: list[RawPacket] = []
    resampler = av.AudioResampler(context.format.name, "mono", rate)
    for at in range(0, len(wave) - size, size):
        frame = av.AudioFrame.from_ndarray(wave[None, at : at + size], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, context.time_base
        for part in resampler.resample(frame):
            made += [
                RawPacket(
                    StreamFormat(
                        "audio",
                        decoder,
                        Fraction(1, rate),
                        bytes(context.extradata or b""),
                        sample_rate=rate,
                        channels=1,
                    ),
                    packet.pts,
                    packet.pts,
                    0,
                    True,
                    bytes(packet),
                )
                for packet in context.encode(part)
            ]
    return [replace(raw, format=made[0].format) for raw in made]


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("pcm_alaw", 8000), ("pcm_mulaw", 8000), ("pcm_u8", 8000), ("pcm_s16le", 16_000), ("g726", 8000), ("g726le", 8000),
        ("g722", 16_000), ("mp2", 48_000), ("libopus", 48_000), ("pcm_s16be", 44_100), ("pcm_alaw", 11_024), ("pcm_mulaw", 6000),
    ],
)  # fmt: skip
def test_what_cameras_send_becomes_aac_in_time(name: str, rate: int) -> None:
    given = encoded(name, rate, 32_000 if "g726" in name else 64_000)
    made = converted(given)
    assert made[0].format.sample_rate == {11_024: 11_025, 6000: 7350}.get(rate, rate)
    assert made[0].format.extradata
    found = heard(made)
    assert off(found, [n + 0.5 for n in range(len(found))]) < 0.02
    assert len(found) >= 9


def around(sound: Sequence[RawPacket], format: StreamFormat) -> ScriptedSource:
    pictures = video_packets(5)
    return ScriptedSource([pictures[0], *sound, *pictures[1:]], (pictures[0].format, format))


def kinds(source: Source) -> list[str]:
    return [f"{raw.format.kind} {raw.format.codec}" for raw in source.packets()]


def test_aac_and_silence_are_left_alone() -> None:
    aac = StreamFormat("audio", "aac", Fraction(1, 48_000), b"\x11\x90", sample_rate=48_000, channels=2)
    source = around([], aac)
    assert with_playable_sound(source, CAMERA, FakeClock()) is source
    pictures = ScriptedSource(video_packets(3))
    assert with_playable_sound(pictures, CAMERA, FakeClock()) is pictures


def test_adts_headers_are_taken_off_and_say_the_format() -> None:
    bare = StreamFormat("audio", "aac", Fraction(1, 90_000), sample_rate=48_000, channels=2)
    framed = [RawPacket(bare, n, n, 0, True, bytes.fromhex("fff14c8001bffc") + b"sound") for n in range(3)]
    other = RawPacket(bare, 3, 3, 0, True, bytes.fromhex("fff1504001bffc") + b"sound")
    headless = RawPacket(bare, 0, 0, 0, True, b"\x21\x10")
    source = with_playable_sound(around([headless, *framed, other], bare), CAMERA, FakeClock())
    made = [raw for raw in source.packets() if raw.format.kind == "audio"]
    assert [raw.data for raw in made] == [b"sound"] * 4
    assert [raw.format.extradata.hex() for raw in made] == ["1190"] * 3 + ["1208"]
    assert made[0].format is made[2].format


def test_sound_nobody_can_decode_is_left_out_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    format = replace(PCM, codec="g729")
    source = with_playable_sound(around([replace(p, format=format) for p in sent(1)], format), CAMERA, FakeClock())
    assert [f.kind for f in source.formats] == ["video"]
    assert kinds(source) == ["video h264"] * 5
    (record,) = caplog.records
    assert "left out" in record.message
    assert "geheim" not in str(vars(record))


def test_broken_sound_is_given_up_and_pictures_go_on(caplog: pytest.LogCaptureFixture) -> None:
    format = StreamFormat("audio", "mp2", Fraction(1, 90_000), sample_rate=48_000, channels=1)
    noise = [RawPacket(format, n, n, 0, True, bytes(40)) for n in range(200)]
    source = with_playable_sound(around(noise, format), CAMERA, FakeClock())
    assert kinds(source) == ["video h264"] * 5
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_its_cost_is_counted_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "redshank.media.sound")
    clock = FakeClock()
    changer = Converted(PCM, CAMERA, clock)
    for packet in sent(150):
        clock.advance(STEP / RATE)
        changer.change(packet)
    lines = [vars(record) for record in caplog.records]
    assert [round(line["seconds"], -1) for line in lines] == [60, 120]
    assert 0 < lines[0]["cpu_s"] <= lines[1]["cpu_s"] <= changer.spent_s + 0.01


# -- through everything


def test_a_camera_with_g711_is_recorded_with_sound() -> None:
    clip = cached_clip(4, audio="pcm_alaw")
    with FakeCamera(clip) as camera, watching(camera.url, [camera.port]) as watch:
        watch.until_packets(30)
        packets = list(watch.packets)
    begin = next(n for n, p in enumerate(packets) if p.keyframe and p.format.kind == "video")
    sound = [p for p in packets if p.format.kind == "audio"]
    assert {p.format.codec for p in sound} == {"aac"}
    seconds = (packets[-1].time - packets[begin].time) / 1e6
    assert len(sound) * 1024 / 8000 > seconds - 0.6
    file = played(written(packets[begin:], formats=[packets[begin].format, sound[0].format]).data)
    assert file.sound_s
    assert abs(file.sound_s[-1] - file.times[-1]) < 1


@pytest.fixture
def mjpeg_with_sound(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as out:
        video, sound = out.add_stream("mjpeg", rate=10), out.add_stream("pcm_alaw", rate=RATE)
        assert isinstance(video, av.VideoStream)
        assert isinstance(sound, av.AudioStream)
        video.width, video.height, video.pix_fmt, sound.layout = 64, 48, "yuvj420p", "mono"
        wave = clicks(3)
        for number in range(30):
            picture = av.VideoFrame(64, 48, "yuvj420p")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            out.mux(video.encode(picture))
            frame = av.AudioFrame.from_ndarray(wave[None, number * 800 : number * 800 + 800], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, number * 800, Fraction(1, RATE)
            out.mux(sound.encode(frame))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def test_pictures_and_sound_are_both_encoded(mjpeg_with_sound: Path) -> None:
    source = open_source(SourceSettings(str(mjpeg_with_sound), loop=False, paced=False), Targets(), 5)
    assert [f.codec for f in source.formats] == ["h264", "aac"]
    raws = list(source.packets())
    assert len([raw for raw in raws if raw.format.kind == "video"]) == 30
    found = heard([raw for raw in raws if raw.format.kind == "audio"])
    assert off(found, [n + 0.5 for n in range(len(found))]) < 0.02
    assert len(found) >= 2


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_a_decoder_the_demuxer_has_set_up_is_used(bits: int) -> None:
    """Of G.726 only that knows the bits a sample: with other ones the clicks would be elsewhere, if anywhere."""
    given = encoded("g726", RATE, bits * RATE)
    decoder = av.CodecContext.create("g726", "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout, decoder.options = RATE, "mono", {"bits_per_coded_sample": str(bits)}
    changer = Converted(given[0].format, CAMERA, FakeClock(), decoder)
    untimed = [given[0], *(replace(raw, pts=None, dts=None) for raw in given[1:])]
    found = heard([made for raw in untimed for made in changer.change(raw)])
    assert off(found, [n + 0.5 for n in range(len(found))]) < 0.02
    assert len(found) >= 9
