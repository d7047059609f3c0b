"""Files to be analysed: their times, frame numbers, and one clear line when they cannot be."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import av
import pytest

from redshank.clock import US_PER_S
from redshank.errors import SourceError, SourceMissing, SourceUnusable
from redshank.media.clip import open_clip
from redshank.media.decode import Decoder
from tests.harness.clocks import START
from tests.harness.footage import cached_clip, read_number
from tests.media.test_picture import picture, png


def test_packets_carry_the_clips_own_times() -> None:
    clip = open_clip(cached_clip(3), start=START)
    packets = list(clip.packets())
    assert (clip.width, clip.height, clip.fps, clip.duration_s, clip.is_picture) == (640, 360, 10, 3, False)
    assert [p.time for p in packets] == [START + n * US_PER_S // 10 for n in range(30)]
    assert [p.seq for p in packets] == list(range(30))
    assert [p.seq for p in packets if p.keyframe] == [0, 10, 20]
    assert {p.camera for p in packets} == {clip.path.stem}


@pytest.mark.parametrize("bframes", [0, 2])
def test_frame_numbers_are_those_of_presentation(bframes: int) -> None:
    clip = open_clip(cached_clip(3, bframes=bframes))
    decoder = Decoder()
    frames = [f for p in clip.packets() for f in decoder.decode(p)] + decoder.flush()
    assert clip.frames == 30
    assert [clip.frame_number(f.pts) for f in frames] == list(range(1, 31))
    assert [read_number(f.y) for f in frames] == list(range(30))
    assert [f.time for f in frames] == [n * US_PER_S // 10 for n in range(30)]


def test_a_clip_knows_when_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "made.mp4"
    with av.open(str(cached_clip(1))) as source, av.open(str(path), "w") as out:
        out.metadata["creation_time"] = "2026-01-01T00:00:00Z"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    assert open_clip(path).made == START
    assert open_clip(path).start == START
    assert open_clip(path, start=5).start == 5
    assert open_clip(cached_clip(1)).made is None
    assert open_clip(cached_clip(1)).start == 0


def test_a_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "visitor.png"
    path.write_bytes(picture("png"))
    clip = open_clip(path)
    (packet,) = clip.packets()
    assert clip.is_picture
    assert (clip.width, clip.height, clip.frames, clip.frame_number(0)) == (66, 50, 1, 1)
    (frame,) = Decoder().decode(packet)
    assert frame.y.shape == (50, 66)


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    video = tmp_path / "clip.jpg"
    shutil.copy(cached_clip(1), video)
    assert len(list(open_clip(video).packets())) == 10
    image = tmp_path / "image.mp4"
    image.write_bytes(picture("mjpeg"))
    assert open_clip(image).is_picture


def broken_files(folder: Path) -> dict[str, bytes]:
    whole = cached_clip(3).read_bytes()
    canary = folder / "canary.txt"
    canary.write_text("secret-canary")
    return {
        "empty.mp4": b"",
        "noise.mp4": bytes(range(256)) * 40,
        "text.mp4": b"just some words\n" * 100,
        "no-index.mp4": whole[: len(whole) // 2] if b"moov" not in whole[: len(whole) // 2] else whole[:600],
        "playlist.mp4": f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nfile://{canary}\n#EXT-X-ENDLIST\n".encode(),
        "concat.mp4": f"ffconcat version 1.0\nfile {canary}\n".encode(),
        "sdp.mp4": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "mpd.mp4": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
        "bomb.mp4": png(60_000, 60_000),
        "sound.mp4": b"RIFF" + bytes(4) + b"WAVEfmt " + bytes(40),
    }


@pytest.mark.parametrize("name", list(broken_files(cached_clip(1).parent)))
def test_a_file_that_cannot_be_analysed_gives_one_line(name: str, tmp_path: Path) -> None:
    """rel:S22 S23: corrupt, empty, renamed, playlists that would open other files: nothing is opened, one line says why."""
    path = tmp_path / name
    path.write_bytes(broken_files(tmp_path)[name])
    with pytest.raises(SourceUnusable, match=name) as caught:
        list(open_clip(path).packets())
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value).replace(str(tmp_path), "")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="no such file"):
        open_clip(tmp_path / "none.mp4")
    with pytest.raises(SourceUnusable, match="is not a file"):
        open_clip(tmp_path)


def test_a_name_with_odd_characters_is_only_a_name(tmp_path: Path) -> None:
    for name in ("http:x.mp4", "-y.mp4", "a|b.mp4", "concat:a.mp4", "%d ü.mp4"):
        path = tmp_path / name
        shutil.copy(cached_clip(1), path)
        assert len(list(open_clip(path).packets())) == 10


def test_a_clip_cut_off_in_the_middle_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "cut.ts"
    with av.open(str(cached_clip(3))) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    packets = open_clip(path).packets()
    seen: list[int] = []
    with suppress(SourceError):
        seen.extend(packet.seq for packet in packets)
    assert 15 <= len(seen) <= 25
