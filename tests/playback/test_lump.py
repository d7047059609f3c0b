"""Fragments put together: all their samples, in the same bytes, however the file is read."""

from __future__ import annotations

from pathlib import Path

from redshank.media.segment import AUDIO, VIDEO
from redshank.playback.fragment import Change, Run, fragments, runs
from redshank.playback.lump import BLOCK, PEEK, Window, lump
from tests.playback.recording import NOON, Recording, numbered

SAME = Change(0, {VIDEO: 0, AUDIO: 0}, {VIDEO: 1, AUDIO: 1})


def coded(block: bytes, moof: int, tracks: list[Run], track: int) -> list[tuple[int, int, int, bytes]]:
    """dts, pts, flags and data of a track's samples."""
    samples = [sample for run in tracks if run.track == track for sample in run.samples]
    return [(s.dts, s.pts, s.flags, block[moof + s.data_at : moof + s.data_at + s.size]) for s in samples]


def test_the_fragments_of_a_file_are_one_with_all_their_samples_and_of_the_size_they_had(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    (segment,) = recording.add(numbered(8, bframes=2, gop_s=4, audio="aac"), NOON, segment_s=60)
    data = recording.file(segment).read_bytes()
    made = []
    for ahead in (PEEK, BLOCK):
        window = Window(lambda at, size: data[at : at + size], segment.media_to, ahead)
        room = segment.media_to - segment.media_from
        found = lump(window, segment.media_from, segment.media_to, SAME, room=room)
        assert found.whole
        parts = (part if isinstance(part, bytes) else data[part.start : part.stop] for part in found.parts)
        made.append(b"".join(parts))
        assert len(made[-1]) == room
    assert made[0] == made[1]
    assert list(fragments(made[0])) == [(0, len(made[0]))]
    media = data[segment.media_from : segment.media_to]
    for track in (VIDEO, AUDIO):
        before = [one for moof, end in fragments(media) for one in coded(media, moof, runs(media, moof, end), track)]
        assert coded(made[0], 0, runs(made[0]), track) == before
        assert len(before) >= 80
