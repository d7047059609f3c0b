"""Every word of the configuration reaches the part it is for."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from redshank import wiring
from redshank.config.load import load
from redshank.config.schema import Config

TEXT = """\
timezone: Europe/Berlin
public_url: https://nvr.example.org
detect: {fps: 7}
cameras:
  yard:
    friendly_name: Back yard
    location: Behind the house
    order: 2
    sleeps: true
    streams:
      main: {url: "rtsp://192.168.1.2/main", user: viewer, password: "p@:/#"}
      sub: {url: "rtsp://192.168.1.2/sub", transport: udp}
    detect: {min_score: 0.6, full_every_s: 0}
    motion: {sensitivity: 80, mask: {clock: "0,0,0.2,0,0.2,0.1,0,0.1"}}
    objects: {track: [person, cat], filters: {person: {min_area: 0.01}}}
    privacy_masks: {window: "0.5,0.5,1,0.5,1,1,0.5,1"}
    zones:
      porch: {coordinates: "0,0,1,0,1,1,0,1", inertia: 5, loitering_time: 4, objects: person}
  clip:
    order: 1
    url: /films/street.mp4
    detect: {enabled: false}
  off: {enabled: false, url: "rtsp://192.168.1.4/"}
rules:
  visitor: {labels: [person, dog], zones: porch, min_time: 2s, cooldown: 1m, channels: [], cameras: yard}
  stir: {labels: motion, cameras: clip}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path: Path = tmp_path_factory.mktemp("wiring") / "redshank.yaml"
    path.write_text(TEXT)
    loaded = load(path, {})
    assert list(loaded.problems) == []
    return loaded.config


def test_cameras_come_in_the_users_order_without_those_switched_off(config: Config) -> None:
    assert wiring.active(config) == ["clip", "yard"]


def test_capture_gets_every_stream_and_vision_the_small_one(config: Config) -> None:
    main, sub = wiring.streams(config, "yard")
    assert (main.stream, main.analysed, sub.stream, sub.analysed) == ("main", False, "sub", True)
    assert (main.source.user, main.source.password, main.source.url) == ("viewer", "p@:/#", "rtsp://192.168.1.2/main")
    assert (sub.source.transport, sub.sleeps, sub.ends) == ("udp", True, False)


def test_a_clip_that_does_not_loop_ends_and_is_not_analysed_when_switched_off(config: Config) -> None:
    (clip,) = wiring.streams(config, "clip")
    assert (clip.ends, clip.analysed) == (True, False)


def test_vision_gets_masks_filters_and_the_labels_of_rules(config: Config) -> None:
    told = wiring.analysis(config, "yard")
    assert (told.fps, told.min_score, told.full_every_s) == (7, 0.6, wiring.NEVER_S)
    assert told.labels == ("person", "cat", "dog")
    assert told.filters["person"].min_area == 0.01
    assert (told.sensitivity, len(told.masks), len(told.privacy)) == (80, 1, 1)


def test_a_rule_takes_what_its_zones_ask_for(config: Config) -> None:
    visitor, stir = wiring.rules(config)
    assert (visitor.name, visitor.on, stir.on) == ("visitor", "object", "motion")
    assert (visitor.min_time_s, visitor.inertia, visitor.cooldown_s) == (4, 5, 60)
    assert (visitor.channels, stir.channels) == ((), None)
    assert visitor.cameras == ("yard",)
    assert wiring.zone_labels(config) == {"yard": {"porch": ("person",)}, "clip": {}, "off": {}}


def test_messages_name_camera_place_zone_and_time_as_people_do(config: Config) -> None:
    site = wiring.words(config)
    assert (site.wording.zone, site.wording.public_url) == (ZoneInfo("Europe/Berlin"), "https://nvr.example.org")
    assert (site.places["yard"].name, site.places["yard"].place) == ("Back yard", "Behind the house")
    assert wiring.watched(config, "yard").title == "Back yard"
    assert wiring.watched(config, "clip").title == "clip"
