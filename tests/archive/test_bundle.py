"""Bundles: right for anyone who checks, complete about what is missing, resumable."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from redshank.archive import evidence
from redshank.archive.bundle import Seal, write_bundle
from redshank.archive.job import Control, Stopped
from redshank.clock import rfc3339
from redshank.store import recordings
from tests.archive.place import Place, StopsAt
from tests.playback.recording import NOON
from tests.playback.watching import watch

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEAL = Seal(KEY, NOON + 10**9, datetime(2026, 11, 21, 9, 0, 0, tzinfo=UTC), "redshank 0.1.0")


def bundle(place: Place, control: Control) -> Path:
    clips = [place.clip(2, 17), place.clip(0, 10, "sub")]
    return write_bundle(place.source, clips, place.out / "a.zip", SEAL, control)


@pytest.fixture
def filled(place: Place) -> Place:
    place.record(6)
    place.record(10, at_s=8)
    place.record(12, stream="sub", width=256, height=144)
    return place


def test_a_bundle_is_right_and_plays(filled: Place) -> None:
    path = bundle(filled, Control())
    found = evidence.verify(path, evidence.fingerprint(evidence.public_pem(KEY)))
    assert found.problem == ""
    assert [one.name for one in found.files] == [
        "yard-main.mp4",
        "yard-sub.mp4",
        "gaps.csv",
        "README.txt",
        "public.pem",
    ]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert watch(archive.read("yard-sub.mp4"), 10).numbers == list(range(100))
        assert found.fingerprint in archive.read("README.txt").decode()
    assert filled.left() == ["a.zip"]


def test_the_manifest_says_where_everything_is_from_and_what_is_missing(filled: Place) -> None:
    with zipfile.ZipFile(bundle(filled, Control())) as archive:
        said = json.loads(archive.read("manifest.json"))
        table = list(csv.reader(io.StringIO(archive.read("gaps.csv").decode())))
    main = said["clips"][0]
    assert (said["v"], said["site"], said["program"]) == (1, "default", "redshank 0.1.0")
    assert (main["camera"], main["stream"], main["seconds"]) == ("yard", "main", 13.0)
    assert (main["from"], main["to"]) == (rfc3339(NOON + 2_000_000), rfc3339(NOON + 17_000_000))
    hole = (rfc3339(NOON + 6_000_000), rfc3339(NOON + 8_000_000))
    assert main["gaps"] == [{"start": hole[0], "end": hole[1], "reason": "unknown"}]
    assert main["completeness"]["percent"] == pytest.approx(100 * 13 / 15)
    rows = {one.path: one for one in filled.recording.segments}
    assert all(len(one["sha256"]) == 64 and one["size"] == rows[one["path"]].size for one in main["segments"])
    assert table[1:] == [["yard", "main", *hole, "2.000", "unknown"]]


class Kept(Control):
    """How short the file ever was."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.least = 1 << 60
        self._path = path

    def at(self, done: int, total: int) -> None:
        self.least = min(self.least, self._path.stat().st_size)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.999])
def test_a_stopped_bundle_goes_on_and_is_the_same(share: float, filled: Place) -> None:
    whole = bundle(filled, Control())
    expected = whole.read_bytes()
    whole.unlink()
    total = sum(clip.movie.size for clip in (filled.clip(2, 17), filled.clip(0, 10, "sub")))
    with pytest.raises(Stopped):
        bundle(filled, StopsAt(int(share * total)))
    again = Kept(filled.out / "a.zip.part")
    assert bundle(filled, again).read_bytes() == expected
    assert again.least >= share * total
    assert filled.left() == ["a.zip"]


def test_one_flipped_byte_anywhere_in_a_real_bundle_is_found(filled: Place) -> None:
    path = bundle(filled, Control())
    data = path.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 150)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])
        assert evidence.verify(path).problem, f"byte {place}"


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def damaged_of(path: Path) -> tuple[list[list[dict[str, str]]], list[dict[str, str]]]:
    """Of each clip, and the recorded files of the first."""
    assert evidence.verify(path).problem == ""
    with zipfile.ZipFile(path) as archive:
        clips = json.loads(archive.read("manifest.json"))["clips"]
    return [clip["damaged"] for clip in clips], clips[0]["segments"]


def test_a_recorded_file_that_was_edited_is_never_signed_without_a_word(filled: Place) -> None:
    for one in filled.recording.segments:
        row = replace(one, sha256=sha256(filled.recording.file(one).read_bytes()).hexdigest())
        filled.store.write(lambda conn: recordings.replace_row(conn, row)).result()  # noqa: B023
    segment = filled.recording.segments[0]
    flip(filled.recording.file(segment), segment.media_to - 40)
    damaged, segments = damaged_of(bundle(filled, Control()))
    assert damaged == [[{"path": segment.path, "reason": "not as it was recorded: its SHA-256 is another"}], []]
    assert [one["sha256_of"] for one in segments] == ["export", *["recording"] * (len(segments) - 1)]
    assert segments[0]["sha256"] == sha256(filled.recording.file(segment).read_bytes()).hexdigest()


def test_without_a_hash_of_the_recording_the_checksums_inside_are_asked(place: Place) -> None:
    place.record(6)
    for one in place.recording.segments:
        bare = replace(one, sha256="")
        place.store.write(lambda conn: recordings.replace_row(conn, bare)).result()  # noqa: B023

    def made() -> tuple[list[list[dict[str, str]]], list[dict[str, str]]]:
        path = write_bundle(place.source, [place.clip(0, 5)], place.out / "a.zip", SEAL, Control(), force=True)
        return damaged_of(path)

    damaged, segments = made()
    assert (damaged, {one["sha256_of"] for one in segments}) == ([[]], {"export"})
    segment = place.recording.segments[0]
    flip(place.recording.file(segment), segment.media_to - 40)
    (((only,),), _segments) = made()
    assert only == {"path": segment.path, "reason": "not as it was recorded: a checksum inside it is another"}


def test_a_file_that_goes_while_it_is_copied_is_told(filled: Place) -> None:
    """The archive is finished, and says so."""
    segment = filled.recording.segments[0]

    class Deletes(Control):
        def at(self, done: int, total: int) -> None:
            if done == total:
                filled.recording.file(segment).unlink(missing_ok=True)

    clips = [filled.clip(2, 17)]
    flip(filled.recording.file(segment), 0)  # so that its hash is not enough
    damaged, _segments = damaged_of(write_bundle(filled.source, clips, filled.out / "a.zip", SEAL, Deletes()))
    assert [one["path"] for one in damaged[0]] == [segment.path]


def test_what_somebody_edited_in_a_stopped_bundle_is_written_again(filled: Place) -> None:
    whole = bundle(filled, Control())
    expected = whole.read_bytes()
    whole.unlink()
    with pytest.raises(Stopped):
        bundle(filled, StopsAt(30_000))
    for place in (1000, 22_000):
        flip(filled.out / "a.zip.part", place)
    assert bundle(filled, Control()).read_bytes() == expected
