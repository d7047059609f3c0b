"""What a file says about its codecs."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.errors import SourceUnusable, StoreError
from redshank.media.box import boxes
from redshank.media.codec_config import (
    audio_config,
    audio_format,
    format_of_entry,
    picture_parts,
    raw_aac,
    sample_entry,
    setup_of,
    units,
    video_format,
)
from redshank.media.rtp import parameter_sets
from redshank.model import StreamFormat
from tests.harness.footage import cached_clip
from tests.media.files import annexb, packets_of, written

AAC = StreamFormat("audio", "aac", Fraction(1, 8000), sample_rate=8000, channels=1)


def clip(codec: str) -> StreamFormat:
    """As FFmpeg's own MP4 muxer describes it."""
    return packets_of(cached_clip(1, codec=codec))[0].format


def test_an_avcc_is_what_ffmpeg_writes() -> None:
    theirs = clip("libx264")
    assert video_format(theirs, b"").extradata == theirs.extradata


def test_an_hvcc_says_what_ffmpeg_writes() -> None:
    """All but the least size of tiles, which we do not look for, and a note of the encoder, which is not wanted there."""
    theirs = clip("libx265")
    ours = video_format(theirs, b"")
    assert ours.extradata[:13] == theirs.extradata[:13]
    assert ours.extradata[16:22] == theirs.extradata[16:22]
    assert parameter_sets(ours) == parameter_sets(theirs)
    assert [ours.extradata[22], ours.extradata[23]] == [3, 0x80 | 32]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_stream_is_described_alike_however_it_comes(codec: str) -> None:
    given = packets_of(cached_clip(1, codec=codec, width=320, height=180))
    wanted = video_format(given[0].format, b"")
    assert (wanted.width, wanted.height, wanted.time_base) == (320, 180, Fraction(1, 90_000))
    for other in (annexb(given), annexb(given, repeat=False), annexb(given, extradata=False)):
        assert video_format(other[0].format, other[0].data) == wanted


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@given(st.binary(max_size=80), st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_damaged_parameter_sets_are_the_cameras_fault_and_nothing_else(
    codec: str, extradata: bytes, data: bytes
) -> None:
    names = (b"\x67", b"\x68") if codec == "h264" else (b"\x40\x01", b"\x42\x01", b"\x44\x01")
    sets = b"".join(b"\0\0\0\1" + name + data for name in names)
    with suppress(SourceUnusable):
        video_format(StreamFormat("video", codec, Fraction(1, 90_000), extradata), sets)


@pytest.mark.parametrize("codec", ["mjpeg", "vp9", ""])
def test_other_pictures_are_not_recorded(codec: str) -> None:
    with pytest.raises(SourceUnusable, match="set the camera to"):
        video_format(StreamFormat("video", codec, Fraction(1, 90_000)), b"")


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_sounds_description_is_the_encoders(rate: int, channels: int) -> None:
    context = av.CodecContext.create("aac", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = rate, "mono" if channels == 1 else "stereo", "fltp"
    context.open()
    assert audio_config(rate, channels) == bytes(context.extradata or b"")[:2]


def test_a_rate_that_has_no_index_is_written_out() -> None:
    assert audio_config(10_000, 1).hex() == "1780138808"


def test_sound_that_an_mp4_file_cannot_say_is_left_out() -> None:
    assert audio_format(replace(AAC, codec="pcm_alaw")) is None
    assert audio_format(replace(AAC, sample_rate=96_000)) is None
    assert audio_format(replace(AAC, sample_rate=0)) is None
    made = audio_format(replace(AAC, time_base=Fraction(1, 90_000)))
    assert made == replace(AAC, extradata=audio_config(8000, 1))


def test_an_adts_header_goes_with_and_without_its_checksum() -> None:
    assert raw_aac(bytes.fromhex("fff14c800320fc") + b"sound") == b"sound"
    assert raw_aac(bytes.fromhex("fff04c800320fc0102") + b"sound") == b"sound"
    assert raw_aac(b"\x21\x10sound") == b"\x21\x10sound"
    assert raw_aac(b"\xff\xf1") == b"\xff\xf1"


@pytest.mark.parametrize("format", [clip("libx264"), clip("libx265"), AAC], ids=["h264", "hevc", "aac"])
def test_an_entry_is_read_as_it_was_written(format: StreamFormat) -> None:
    made = video_format(format, b"") if format.kind == "video" else audio_format(format)
    assert made is not None
    ((kind, payload),) = boxes(sample_entry(made))
    assert format_of_entry(kind, payload, made.time_base.denominator) == made
    for size in range(len(payload)):
        with pytest.raises(StoreError):
            format_of_entry(kind, payload[:size], 1)


def test_an_entry_of_another_kind_is_refused() -> None:
    with pytest.raises(StoreError):
        format_of_entry(b"av01", bytes(200), 90_000)


def test_setups_are_equal_for_equal_tracks_only() -> None:
    video, other = video_format(clip("libx264"), b""), video_format(clip("libx265"), b"")
    sound = audio_format(AAC)
    assert sound is not None
    every = [setup_of([video], 0), setup_of([other], 0), setup_of([video, sound], 0), setup_of([video], 8)]
    assert len(set(every)) == 4
    assert setup_of([replace(video)], 0) == every[0]
    assert all(len(setup) == 16 and int(setup, 16) >= 0 for setup in every)


def test_a_packet_says_itself_how_its_units_are_parted() -> None:
    assert units(b"\0\0\0\1\x65ab\0\0\1\x65cd", 4) == [b"\x65ab", b"\x65cd"]
    assert units(b"\0\0\1\x65ab", 0) == [b"\x65ab"]
    assert units(b"\0\0\0\3\x65ab", 0) == [b"\x65ab"]
    assert units(b"\0\3\x65ab\0\3\x65cd", 2) == [b"\x65ab", b"\x65cd"]
    assert units(b"\0\0\1\x03" + bytes(range(256)) + b"xyz", 4) == [bytes(range(256)) + b"xyz"]


def test_what_is_no_picture_goes_and_messages_stay() -> None:
    kept, known = b"\x06\x05\x01x\x80", b"\x68\xce\x38\x80"
    parts = picture_parts("h264", [b"\x09\xf0", known, kept, b"\x65abc", b"\x0c\xff\x80"], frozenset({known}))
    assert parts == [b"\0\0\0\5", kept, b"\0\0\0\4", b"\x65abc"]
    parts = picture_parts("hevc", [b"\x46\x01\x50", b"\x4e\x01x", b"\x26\x01abc", b"\x4c\x01\xff"], frozenset())
    assert parts == [b"\0\0\0\3", b"\x4e\x01x", b"\0\0\0\5", b"\x26\x01abc"]


def test_ffmpeg_reads_the_entry_of_sound_with_its_rate() -> None:
    given = packets_of(cached_clip(1, audio="aac"))
    with av.open(io.BytesIO(written(given).data)) as file:
        sound = file.streams.audio[0]
        assert (sound.rate, sound.channels, sound.codec_context.name) == (48_000, 2, "aac")
