"""What tests of the recording program share: a configuration for several cameras, and waiting for what is told and kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from threading import Event
from urllib.parse import urlsplit

from tests.e2e.program import CLOCK, Program, eventually, since_s
from tests.harness.fake_camera import FakeCamera
from tests.harness.oracle import Key, between, judge
from tests.harness.recordings import Recorded, decode_errors

QUICK = "record: {segment: 4, streams: [main]}\n"
BLIND = "detect: {enabled: false}\n"


def config(cameras: Mapping[str, FakeCamera | str], rest: str = QUICK + BLIND, more: Mapping[str, str] = {}) -> str:
    """cameras: name → camera or address; more: name → further lines of it, in YAML's flow style."""
    urls = {name: camera.url if isinstance(camera, FakeCamera) else camera for name, camera in cameras.items()}
    lines = [f"  {name}: {{url: '{url}'{', ' + more[name] if name in more else ''}}}\n" for name, url in urls.items()]
    targets = ", ".join(f'"127.0.0.1:{urlsplit(url).port}"' for url in urls.values())
    return f"cameras:\n{''.join(lines)}security: {{allow_targets: [{targets}]}}\nweb: {{enabled: false}}\n{rest}"


def polled(recorded: Recorded, over: Event, wrong: list[str], seen: set[str]) -> None:
    """Open every file the database names, again and again, and hold its length against the row."""
    while not over.wait(0.02):
        try:
            rows = recorded.rows()
        except sqlite3.OperationalError:  # no database yet
            continue
        for row in rows:
            path = row["path"]
            if path in seen:
                continue
            seen.add(path)
            try:
                size = len((recorded.root / path).read_bytes())
            except FileNotFoundError:
                wrong.append(f"not there: {path}")
                continue
            if size != row["size"]:
                wrong.append(f"{size} of {row['size']} bytes: {path}")


def is_recorded(program: Program, name: str, stream: str = "main") -> bool:
    """As the status says: something of the present connection is on disk."""
    return bool(program.camera(name, stream).get("recording", {}).get("recording"))


def until_recorded(program: Program, names: Iterable[str], within_s: float = 20) -> float:
    """Seconds until all of them are."""
    begun = CLOCK.mono_ns()
    wanted = list(names)
    eventually(
        lambda: all(is_recorded(program, name) for name in wanted),
        within_s,
        f"{wanted} recorded; {program.said()[-800:]}",
    )
    return since_s(begun)


def until_files(recorded: Recorded, count: int, camera: str = "*", within_s: float = 25) -> None:
    """Until so many are finished."""
    eventually(lambda: len(recorded.files(camera)) >= count, within_s, f"{count} finished files of {camera}")


def problem(program: Program, words: str, within_s: float) -> str:
    """The status' line with these words, as soon as there is one."""

    def found() -> str:
        return next((line for line in program.status.get("problems", ()) if words in line), "")

    return eventually(found, within_s, f"{words!r} among {program.status.get('problems')}")


def lost(camera: FakeCamera, recorded: Recorded, name: str, stream: str = "main") -> tuple[Key, ...]:
    """Sent to a viewer between the first and the last frame on disk, and not there. Nothing may be there twice or disordered."""
    stamps = recorded.stamps(name, stream)
    verdict = judge(between(camera.journal, stamps[0], stamps[-1]), stamps)
    assert (verdict.duplicated, verdict.out_of_order, verdict.unknown) == ((), (), ()), str(verdict)
    return verdict.lost


def unsound(recorded: Recorded, rebuilt: bool = False) -> list[str]:
    """What is wrong with it: database and files agree, and every file decodes from its first picture to its last, or else."""
    wrong = recorded.disagreements(rebuilt) + [error for file in recorded.files() for error in decode_errors(file)]
    return wrong if recorded.integrity() == "ok" else ["the database is damaged", *wrong]
