"""What another configuration means for a running site, as a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from redshank.apply import difference
from redshank.config.load import load
from redshank.config.schema import Config

BASE = """\
timezone: UTC
cameras:
  yard:
    url: rtsp://192.168.1.2/yard
    zones: {porch: "0,0,1,0,1,1"}
  hall: {url: rtsp://192.168.1.3/hall, user: me, password: old, detect: {fps: 3}}
rules: {visit: {labels: person, cooldown: 60}}
channels: {mail: {type: email, host: mail.example.org, sender: a@example.org, to: b@example.org, password: old}}
record: {continuous: 7}
web: {port: 8970}
"""


def read(folder: Path, text: str) -> Config:
    file = folder / "redshank.yaml"
    file.write_text(text)
    found = load(file, {})
    assert found.problems == ()
    return found.config


@pytest.mark.parametrize(
    ("was", "now", "live", "restart"),
    [
        ("cooldown: 60", "cooldown: 30", ["rules.visit.cooldown"], []),
        ("{visit:", "{call:", ["rules.visit", "rules.call"], []),
        ("labels: person", "labels: [person, car]", ["rules.visit.labels"], []),
        ("  hall:", "  more: {url: rtsp://192.168.1.4/}\n  hall:", ["cameras.more"], []),
        ("  hall:", "  attic:", ["cameras.hall", "cameras.attic"], []),
        ("192.168.1.2", "192.168.1.9", ["cameras.yard.streams.main.url"], []),
        ("user: me, password: old", "user: me, password: new", ["cameras.hall.streams.main.password"], []),
        ("b@example.org, password: old", "b@example.org, password: new", ["channels.mail.password"], []),
        ("fps: 3", "fps: 4", ["cameras.hall.detect.fps"], []),
        ("porch", "lawn", ["cameras.yard.zones.porch", "cameras.yard.zones.lawn"], []),
        ("1,1", "1,0.5", ["cameras.yard.zones.porch.coordinates"], []),
        ("continuous: 7", "continuous: 3", ["record.continuous.days"], []),
        ("record:", "detector: {threads: 2}\nrecord:", ["detector.threads"], []),
        ("timezone: UTC", "timezone: Europe/Berlin", ["timezone"], []),
        ("record:", "security: {allow_targets: ['127.0.0.1:80']}\nrecord:", ["security.allow_targets"], []),
        ("port: 8970", "port: 8971", [], ["web.port"]),
        ("record:", "rtsp: {port: 8555}\nrecord:", [], ["rtsp.port"]),
        ("record:", "storage: {volumes: {nas: /mnt/nas}}\nrecord:", [], ["storage.volumes.nas"]),
        ("record:", "bus: kafka://kafka:9092\nrecord:", [], ["bus.url"]),
        ("record:", "backup: {keep: 5}\nrecord:", [], ["backup.keep"]),
        ("record:", "site: home\nrecord:", [], ["site"]),
        ("record:", "data: elsewhere\nrecord:", [], ["data"]),
        ("record:", "# nothing but words\nrecord:", [], []),
    ],
)
def test_each_key_holds_at_once_or_waits_for_a_restart(
    tmp_path: Path, was: str, now: str, live: list[str], restart: list[str]
) -> None:
    found = difference(read(tmp_path, BASE), read(tmp_path, BASE.replace(was, now)))
    assert (list(found.live), list(found.restart), bool(found)) == (live, restart, bool(live or restart))


def test_a_global_value_is_told_once_and_not_for_each_camera_that_has_it(tmp_path: Path) -> None:
    """`hall` has its own and keeps it; `yard` follows."""
    running, wanted = read(tmp_path, BASE), read(tmp_path, BASE + "detect: {fps: 8}\n")
    assert difference(running, wanted).live == ("detect.fps",)
    both = read(tmp_path, BASE.replace("fps: 3", "fps: 9") + "detect: {fps: 8}\n")
    assert difference(running, both).live == ("detect.fps", "cameras.hall.detect.fps")


def test_what_waits_for_a_restart_is_as_it_runs_and_waits_until_then(tmp_path: Path) -> None:
    running = read(tmp_path, BASE)
    wanted = read(tmp_path, BASE.replace("8970", "8971").replace("cooldown: 60", "cooldown: 5"))
    first = difference(running, wanted)
    assert (first.config.web.port, first.config.rules["visit"].cooldown) == (8970, 5)
    later = difference(first.config, wanted)
    assert (later.live, later.restart) == ((), ("web.port",))
    assert not difference(first.config, first.config)


def test_it_says_what_it_touches(tmp_path: Path) -> None:
    found = difference(read(tmp_path, BASE), read(tmp_path, BASE + "detector: {threads: 2}\n"))
    assert found.touches("detector")
    assert not found.touches("detect", "rules")


def test_no_value_is_told(tmp_path: Path) -> None:
    found = difference(read(tmp_path, BASE), read(tmp_path, BASE.replace("password: old", "password: hush")))
    assert "hush" not in repr((found.live, found.restart))
    assert len(found.live) == 2
