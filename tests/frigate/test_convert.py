"""Frigate's configuration as one of ours."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from redshank.config.document import parse
from redshank.config.load import Loaded, load
from redshank.config.secret import Secret
from redshank.config.yaml_text import in_line
from redshank.errors import ConfigError
from redshank.frigate.convert import Imported, convert
from redshank.frigate.report import Line
from tests.frigate.configurations import ALL, CANARIES, GO2RTC, NEW, OLD, SMALL

ENVIRON = {"TZ": "UTC", "FRIGATE_RTSP_PASSWORD": "hunter2"}


def loaded(folder: Path, made: Imported) -> Loaded:
    path = folder / "redshank.yaml"
    path.write_text(made.text)
    return load(path, ENVIRON)


def line(made: Imported, key: str) -> Line:
    return next(one for one in made.report if one.key == key)


@pytest.mark.parametrize("name", ALL)
def test_what_comes_out_loads_without_a_problem_and_has_its_cameras(name: str, tmp_path: Path) -> None:
    result = loaded(tmp_path, convert(ALL[name]))
    assert [str(problem) for problem in result.problems] == []
    assert result.config.cameras


@pytest.mark.parametrize("name", ALL)
def test_every_key_has_a_line_and_no_line_has_a_password(name: str) -> None:
    made = convert(ALL[name])
    keys = [one.key for one in made.report]
    assert len(keys) == len(set(keys))
    tree, _problems = parse(ALL[name], "")
    assert {key.split(".")[0].split("[")[0] for key in keys} >= {str(key) for key in tree}
    assert all(one.note or one.status == "mapped" for one in made.report)
    assert all(bool(one.to) == (one.status != "unsupported") for one in made.report)
    assert [canary for canary in CANARIES if canary in str(made.report)] == []


def test_streams_of_go2rtc_become_the_cameras_own_with_the_login_apart(tmp_path: Path) -> None:
    made = convert(GO2RTC)
    streams = loaded(tmp_path, made).config.cameras["front_door"].streams
    assert (streams["main"].url, streams["main"].user) == ("rtsp://10.0.0.21:554/h264Preview_01_main", "admin")
    assert streams["main"].password == Secret("canary@x")
    assert streams["sub"].kind == "flv"
    assert line(made, "go2rtc.streams.front").status == "mapped"
    assert line(made, "go2rtc.streams.unused").status == "unsupported"
    assert "--from-restream" in line(made, "cameras.odd.ffmpeg.inputs[0].path").note


def test_frigates_own_restream_may_be_read_instead(tmp_path: Path) -> None:
    config = loaded(tmp_path, convert(GO2RTC, "127.0.0.1:8554")).config
    assert config.cameras["front_door"].streams["main"].url == "rtsp://127.0.0.1:8554/front"
    assert config.cameras["odd"].streams["main"].url == "rtsp://127.0.0.1:8554/odd"
    assert config.security.allow_targets == ("127.0.0.1:8554",)
    assert convert(GO2RTC, "10.0.0.2:8554").text.count("allow_targets") == 0


@pytest.mark.parametrize("wrong", ["x", "x:", "x:99999", "a b:1", "x:1/../y", "-i:1\n", "[zz]:1", "http://x:1", "x:1#"])
def test_a_restream_that_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="host:port"):
        convert(SMALL, wrong)


def test_zones_masks_filters_and_names_are_the_same(tmp_path: Path) -> None:
    config = loaded(tmp_path, convert(GO2RTC)).config
    camera = config.cameras["front_door"]
    assert camera.friendly_name == "Front_Door"
    assert camera.order == 2
    assert camera.zones["porch"].coordinates == ((0.1, 0.5), (0.6, 0.5), (0.6, 1.0), (0.1, 1.0))
    assert (camera.zones["porch"].inertia, camera.zones["porch"].loitering_time) == (3, 4.0)
    assert camera.motion.mask["mask-1"][1] == (300 / 1280, 0.0)
    assert camera.objects.filters["person"].min_area == 5000 / (1280 * 720)
    assert config.timezone == "Europe/Berlin"


def test_an_outline_that_crosses_itself_is_left_out_and_told() -> None:
    told = line(convert(GO2RTC), "cameras.Front_Door.zones.bad.coordinates")
    assert told.status == "unsupported"
    assert "crosses itself" in told.note


def test_review_becomes_rules(tmp_path: Path) -> None:
    rules = loaded(tmp_path, convert(GO2RTC)).config.rules
    alert, quiet = rules["alerts"], rules["detections"]
    assert (alert.labels, alert.zones, alert.min_score) == (("person",), ("porch",), 0.75)
    assert (quiet.labels, quiet.severity) == (("car", "dog"), "quiet")


def test_what_a_camera_says_goes_before_what_is_said_for_all_an_empty_list_too(tmp_path: Path) -> None:
    common = "review: {alerts: {labels: [person, car]}}\nobjects: {track: [person, car], filters: {person: {threshold: 0.7}}}\n"
    one = "{ffmpeg: {inputs: [{path: rtsp://10.0.0.%d/, roles: [detect]}]}, %s}"
    own = {
        "a": "review: {alerts: {labels: []}}",
        "b": "objects: {filters: {person: {threshold: 0.9}}}",
        "c": "objects: {track: []}",
        "d": "review: {alerts: {labels: }}",
    }
    cameras = "".join(f"  {name}: {one % (i, said)}\n" for i, (name, said) in enumerate(own.items()))
    rules = loaded(tmp_path, convert(f"{common}cameras:\n{cameras}")).config.rules.values()
    found = [(rule.severity, rule.cameras, rule.labels, rule.min_score) for rule in rules]
    assert found == [
        ("quiet", ("a",), ("person", "car"), 0.7),
        ("alert", ("b",), ("person", "car"), 0.9),
        ("alert", ("d",), ("person", "car"), 0.7),
    ]


def test_a_rule_whose_zone_is_gone_is_left_out_rather_than_made_wider(tmp_path: Path) -> None:
    made = convert(GO2RTC.replace("required_zones: [porch]", "required_zones: [bad]"))
    assert not [rule for rule in loaded(tmp_path, made).config.rules.values() if rule.severity == "alert"]
    assert line(made, "cameras.Front_Door.review.alerts.required_zones").status == "unsupported"


def test_retention_of_every_version_is_understood(tmp_path: Path) -> None:
    days = {}
    for name, text in ALL.items():
        config = loaded(tmp_path, convert(text)).config
        record = config.record
        days[name] = (
            record.enabled,
            record.continuous.days,
            record.motion.days,
            record.detections.days,
            record.alerts.days,
        )
    assert days["go2rtc"] == (True, 0.0, 3.0, 14.0, 30.0)
    assert days["old"] == (True, 7.0, 7.0, 21.0, 21.0)
    assert days["new"] == (True, 0.5, 4.0, 10.0, 60.0)
    assert days["small"][0] is False
    assert loaded(tmp_path, convert(OLD)).config.cameras["drive_way"].record.continuous.days == 2.0


def test_a_variable_stays_a_variable() -> None:
    assert 'password: "${FRIGATE_RTSP_PASSWORD}"' in convert(SMALL).text


def test_what_is_switched_off_in_frigate_is_not_switched_on() -> None:
    made = convert(NEW)
    assert "off:" not in made.text
    assert "closed:" not in made.text
    assert line(made, "cameras.a.motion.mask.off.coordinates").status == "unsupported"


HOSTILE = [
    "exec:touch /tmp/x", "concat:/etc/passwd|x", "-i /etc/passwd", "; rm -rf /", "$(id)", "`id`", "a\nb: c",
    "!!python/object/apply:os.system [id]", "'; drop table x", "\x00", "../../etc/passwd", "file:///etc/passwd",
    "rtsp://u:p@h:99999/x", "http://[::1", "movie=/etc/passwd", "{{7*7}}", "<script>alert(1)</script>", "&a", "*a", "%41",
    "rtsp://" + "a" * 10_000, "x" * 10_000, "1e999", "-1", "NaN", "0x7f.1", "🦆", "# no", ": x",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_is_nothing_but_text(value: str, tmp_path: Path) -> None:
    """rel:S05: as a source, a name, a zone, a label."""
    word = in_line(value)
    text = f"""
cameras:
  ok:
    ffmpeg: {{inputs: [{{path: "rtsp://10.0.0.1/a", roles: [detect]}}]}}
    friendly_name: {word}
    zones: {{{word}: {{coordinates: {word}}}}}
  {word}: {{ffmpeg: {{inputs: [{{path: {word}, roles: [{word}], input_args: {word}}}]}}}}
objects: {{track: [{word}, person], filters: {{{word}: {{min_area: {word}}}}}}}
detect: {{fps: {word}, width: {word}}}
record: {{enabled: {word}, retain: {{days: {word}, mode: {word}}}}}
ui: {{timezone: {word}}}
"""
    made, error = tried(text)
    assert "\n" not in error
    if made is not None:
        result = loaded(tmp_path, made)
        urls = [one.url for camera in result.config.cameras.values() for one in camera.streams.values()]
        assert result.problems == ()
        assert "ok" in result.config.cameras
        assert not [url for url in urls if url.startswith(("exec", "concat", "-"))]


def tried(text: str) -> tuple[Imported | None, str]:
    """What came out, or the error."""
    try:
        return convert(text), ""
    except ConfigError as error:
        return None, str(error)


def test_three_hundred_damaged_files_give_a_configuration_or_one_clear_error(tmp_path: Path) -> None:
    good = bad = 0
    for seed in range(300):
        made, error = tried(damaged(random.Random(seed)))
        said = error + str(made.report if made else "")
        assert [canary for canary in CANARIES if canary in said] == []
        assert "\n" not in error
        assert made is None or loaded(tmp_path, made).problems == ()
        good, bad = good + (made is not None), bad + bool(error)
    assert min(good, bad) > 50


def damaged(random_: random.Random) -> str:
    """One to four wounds."""
    lines = random_.choice(list(ALL.values())).splitlines(keepends=True)
    odd = [
        "[]",
        "{}",
        "null",
        "-1e999",
        "*nope",
        "!!python/object:x y",
        "&a [*a]",
        "'",
        "? [x]",
        "[[[[1]]]]",
        "{a: {b: [c]}}",
        "99999999999999999999",
    ]
    for _ in range(random_.randint(1, 4)):
        i = random_.randrange(len(lines))
        match random_.randrange(6):
            case 0:
                lines[i] = "\n"
            case 1:
                lines.insert(i, random_.choice(lines))
            case 2:
                lines[i] = " " * random_.randrange(9) + lines[i].lstrip()
            case 3:
                lines[i] = lines[i].split(":")[0] + ": " + random_.choice(odd) + "\n"
            case 4:
                lines[i:] = [lines[i][: random_.randrange(len(lines[i]) + 1)]]
            case 5:
                lines[i] = lines[i].replace(
                    random_.choice([":", "{", "[", '"', ","]), random_.choice(["", ": ", "}", "\t"]), 1
                )
    return "".join(lines)
