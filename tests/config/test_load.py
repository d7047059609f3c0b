from __future__ import annotations

from pathlib import Path

import pytest

from redshank import wiring
from redshank.bus.kafka_settings import KafkaSettings
from redshank.config.channel import Email
from redshank.config.load import check_labels, find, load, local_zone
from redshank.config.secret import Secret
from redshank.errors import ConfigError
from tests.config.writing import lines, loaded


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    result = load(None, {"REDSHANK_DATA_DIR": str(tmp_path), "TZ": "Europe/Berlin"})
    assert result.problems == ()
    assert result.config.data == tmp_path
    assert result.config.timezone == "Europe/Berlin"
    assert (result.config.bus.url, result.config.detect.fps, result.config.objects.track) == (
        "memory:",
        5.0,
        ("person",),
    )


def test_a_camera_in_its_shortest_form_is_one_main_stream(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras: {yard: {url: 'rtsp://10.0.0.9:554/live', transport: udp}}")
    camera = result.config.cameras["yard"]
    assert result.problems == ()
    assert camera.streams["main"].url == "rtsp://10.0.0.9:554/live"
    assert camera.streams["main"].transport == "udp"
    assert camera.detect_stream == "main"


def test_frigate_inputs_become_main_and_sub(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        cameras:
          yard:
            ffmpeg:
              inputs:
                - {path: "rtsp://10.0.0.9/sub", roles: [detect]}
                - {path: "rtsp://10.0.0.9/main", roles: [record, audio]}
        """,
    )
    streams = result.config.cameras["yard"].streams
    assert result.problems == ()
    assert (streams["main"].url, streams["sub"].url) == ("rtsp://10.0.0.9/main", "rtsp://10.0.0.9/sub")
    assert result.config.cameras["yard"].detect_stream == "sub"


def test_a_file_of_frigate_runs_and_what_is_unknown_is_told(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        mqtt: {enabled: false}
        detect: {width: 1280, height: 720, fps: 5}
        record: {enabled: true}
        objects: {track: [person, dog], filters: {person: {min_area: 5000, threshold: 0.7}}}
        cameras:
          back:
            ffmpeg:
              hwaccel_args: preset-vaapi
              inputs:
                - path: rtsp://viewer:{FRIGATE_RTSP_PASSWORD}@10.0.10.10:554/live
                  input_args: preset-rtsp-restream
                  roles: [detect, record]
            motion: {mask: ["0,0,1280,0,1280,100"], contour_area: 20}
            zones: {yard: {coordinates: "0.1,0.1,0.9,0.1,0.5,0.9", loitering_time: 4, inertia: 3, objects: person}}
            snapshots: {enabled: true}
        version: 0.16-0
        """,
        {"FRIGATE_RTSP_PASSWORD": "hunter2"},
    )
    camera = result.config.cameras["back"]
    stream = camera.streams["main"]
    assert (stream.url, stream.user, stream.password) == ("rtsp://10.0.10.10:554/live", "viewer", Secret("hunter2"))
    assert camera.motion.mask["1"][2] == (1.0, 100 / 720)
    assert camera.zones["yard"].objects == ("person",)
    assert camera.objects.filters["person"].min_area == pytest.approx(5000 / 1280 / 720)
    unknown = [
        "mqtt",
        "objects.filters.person.threshold",
        "cameras.back.ffmpeg",
        "cameras.back.snapshots",
        "version",
    ]
    unknown += ["cameras.back.ffmpeg.inputs[0].input_args", "cameras.back.motion.contour_area"]
    assert sorted(problem.where.key for problem in result.problems) == sorted(unknown)


def test_login_in_the_address_is_taken_out_and_unescaped(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras: {yard: {url: 'rtsp://admin:p%40ss%2F@10.0.0.9/live'}}")
    stream = result.config.cameras["yard"].streams["main"]
    assert (stream.url, stream.user) == ("rtsp://10.0.0.9/live", "admin")
    assert stream.password is not None
    assert stream.password.reveal() == "p@ss/"


def test_a_password_of_its_own_needs_no_escaping_and_keeps_its_zeros(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        cameras:
          a: {url: "rtsp://10.0.0.9/live", user: admin, password: "p@s:s/w#rd"}
          b: {url: "rtsp://10.0.0.9/live", password: 007}
        """,
    )
    passwords = [camera.streams["main"].password for camera in result.config.cameras.values()]
    assert [p.reveal() for p in passwords if p] == ["p@s:s/w#rd", "007"]


@pytest.mark.parametrize("address", ["rtsp://admin:hun/ter2@10.0.0.9/live", "rtsp://admin:hun#ter2@10.0.0.9/live"])
def test_an_unescaped_password_in_the_address_is_refused_without_showing_it(tmp_path: Path, address: str) -> None:
    result = loaded(tmp_path, f"cameras: {{yard: {{url: '{address}'}}}}")
    assert len(result.problems) == 1
    assert "ter2" not in str(result.problems[0])
    assert "`user:` and `password:`" in str(result.problems[0])


def test_a_camera_overrides_the_global_sections_key_by_key(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        detect: {fps: 3, min_score: 0.3}
        objects: {track: [person, car], filters: {person: {min_score: 0.6}}}
        cameras:
          yard: {url: clip.mp4, detect: {fps: 7}, objects: {filters: {car: {max_area: 0.5}}}}
        """,
    )
    camera = result.config.cameras["yard"]
    assert (camera.detect.fps, camera.detect.min_score) == (7.0, 0.3)
    assert camera.objects.filters["person"].min_score == 0.6
    assert camera.objects.filters["car"].max_area == 0.5
    assert camera.streams["main"].url == str(tmp_path / "clip.mp4")


def test_zones_may_be_pixels_of_the_stated_picture_and_areas_too(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        cameras:
          yard:
            url: clip.mp4
            detect: {width: 640, height: 480}
            motion: {min_area: 3072}
            zones: {porch: {coordinates: "0,0,320,0,320,240"}, gate: {coordinates: [[0, 0], [0.5, 0], [0.5, 0.5]]}}
        """,
    )
    camera = result.config.cameras["yard"]
    triangle = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))
    assert [zone.coordinates for zone in camera.zones.values()] == [triangle, triangle]
    assert camera.motion.min_area == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("0,0,1,1,1,0,0,1", "crosses itself"),
        ("0,0,1,1", "at least three points"),
        ("0,0,1,1,0.5", "at least three points"),
        ("0,0,1,1,0.5,0.5", "enclose something"),
        ("0,0,640,0,640,480", "detect.width"),
        ("0,0,nan,0,1,1", "from 0 to 1"),
        ("-0.1,0,1,0,1,1", "from 0 to 1"),
        ("top left", "expected numbers"),
    ],
)
def test_a_zone_that_means_nothing_is_refused_with_its_line(tmp_path: Path, zone: str, expected: str) -> None:
    result = loaded(tmp_path, f"cameras:\n  yard:\n    url: a.mp4\n    zones:\n      z:\n        coordinates: {zone}\n")
    (line,) = lines(result)
    assert line.startswith("6: cameras.yard.zones.z.coordinates is ")
    assert expected in line


def test_one_bad_camera_of_eight_leaves_seven(tmp_path: Path) -> None:
    """rel:T58"""
    cameras = "".join(f"  cam{i}: {{url: 'rtsp://10.0.0.{i}/live'}}\n" for i in range(1, 8))
    result = loaded(tmp_path, f"cameras:\n{cameras}  cam8: {{url: 'rtps://10.0.0.8/live', detect: {{fps: fast}}}}\n")
    assert sorted(result.config.cameras) == [f"cam{i}" for i in range(1, 8)]
    assert [line.split(": expected")[0] for line in lines(result)] == [
        "9: cameras.cam8.detect.fps is 'fast'",
        "9: cameras.cam8.url is 'rtps://10.0.0.8/live'",
    ]


def test_an_unknown_key_is_told_with_a_guess_and_the_camera_still_runs(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras:\n  yard:\n    url: a.mp4\n    frendly_name: Yard\n")
    assert lines(result) == ['4: cameras.yard.frendly_name: unknown key, did you mean "friendly_name"?']
    assert "yard" in result.config.cameras


def test_a_mistyped_privacy_mask_stops_its_camera(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras:\n  yard:\n    url: a.mp4\n    privacy_mask: {n: '0,0,1,0,1,1'}\n")
    assert lines(result) == ['4: cameras.yard.privacy_mask: unknown key, did you mean "privacy_masks"?']
    assert result.config.cameras == {}


def test_a_wrong_global_value_falls_back_and_the_rest_of_its_section_counts(tmp_path: Path) -> None:
    result = loaded(tmp_path, "detect: {fps: many, min_score: 0.7}\nbus: nats://x\ncameras: {a: {url: a.mp4}}\n")
    assert (result.config.detect.fps, result.config.detect.min_score, result.config.bus.url) == (5.0, 0.7, "memory:")
    assert result.config.cameras["a"].detect.min_score == 0.7
    assert len(result.problems) == 2


def test_rules_that_name_nothing_known_are_told(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        cameras: {yard: {url: a.mp4, zones: {porch: "0,0,1,0,1,1"}}, road: {url: b.mp4}}
        channels: {mail: {type: console}}
        rules:
          good: {cameras: yard, zones: porch, channels: mail, cooldown: 1m}
          no-zone: {zones: porsch}
          no-camera: {cameras: [yrad]}
          no-channel: {channels: [mial]}
          never: {cameras: road, zones: porch}
          everything:
        """,
    )
    assert lines(result) == [
        "6: rules.no-zone.zones is 'porsch': expected one of the zones in this file, did you mean \"porch\"?",
        "7: rules.no-camera.cameras is 'yrad': expected one of the cameras in this file, did you mean \"yard\"?",
        "8: rules.no-channel.channels is 'mial': expected one of the channels in this file, did you mean \"mail\"?",
        "9: rules.never.zones: none of its cameras has such a zone, it can never fire",
    ]
    assert sorted(result.config.rules) == ["everything", "good", "never", "no-channel"]
    assert result.config.rules["good"].cooldown == 60
    assert result.config.rules["everything"].channels is None


def test_a_rule_of_a_broken_camera_is_not_reported_again(tmp_path: Path) -> None:
    result = loaded(tmp_path, "cameras: {yard: {url: 'x://y'}}\nrules: {r: {cameras: yard}}\n")
    assert len(result.problems) == 1
    assert "r" in result.config.rules


def test_labels_are_held_against_the_model(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        "objects: {track: [person, cat]}\ncameras: {a: {url: a.mp4}}\nrules:\n  r:\n    labels: [persn]\n",
    )
    assert [str(p).removeprefix(p.where.file) for p in check_labels(result, ["person", "dog"])] == [
        ":1: objects.track[1] is 'cat': expected a label of the model",
        ":5: rules.r.labels[0] is 'persn': expected a label of the model, did you mean \"person\"?",
    ]
    assert result.config.labels_of("a") == ("person", "cat", "persn")


def test_plain_motion_is_a_label_of_rules_only(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        cameras: {a: {url: a.mp4, objects: {track: motion}, zones: {z: "0,0,1,0,1,1"}}}
        rules:
          stir: {labels: motion, min_motion: 0.02, motion_gap: 1m, max_per_minute: 5}
          both: {labels: [person, motion]}
          there: {labels: motion, zones: z}
        """,
    )
    assert [str(p).removeprefix(p.where.file) for p in check_labels(result, ["person"])] == [
        ":2: cameras.a.objects.track is 'motion': expected a label of the model"
    ]
    assert lines(result) == [
        "5: rules.both: labels: motion is for a rule of its own: expected no other labels and no zones",
        "6: rules.there: labels: motion is for a rule of its own: expected no other labels and no zones",
    ]
    assert result.config.labels_of("a") == ()
    (stir,) = wiring.rules(result.config)
    assert (stir.on, stir.min_motion, stir.gap_s, stir.max_per_minute) == ("motion", 0.02, 60.0, 5)


def test_a_cameras_sound_can_be_left_out(tmp_path: Path) -> None:
    config = loaded(tmp_path, "cameras: {a: {url: a.mp4, audio: false}, b: {url: b.mp4}}").config
    assert [wiring.source(config.cameras[name].streams["main"]).audio for name in "ab"] == [False, True]


def test_the_environment_wins_and_is_listed_as_locked(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        "bus: memory\ndetect: {fps: 3}\ncameras: {front-door: {url: a.mp4}}\n",
        {
            "REDSHANK__DETECT__FPS": "9",
            "REDSHANK__CAMERAS__FRONT_DOOR__FRIENDLY_NAME": "Door",
            "REDSHANK__OBJECTS__TRACK": "[person, car]",
            "REDSHANK__BUS": "kafka://broker:9092/",
        },
    )
    assert result.problems == ()
    assert result.config.cameras["front-door"].detect.fps == 9
    assert result.config.cameras["front-door"].friendly_name == "Door"
    assert result.config.objects.track == ("person", "car")
    assert result.config.bus.url == "kafka://broker:9092/"
    assert set(result.locked) == {"bus.url", "cameras.front-door.friendly_name", "detect.fps", "objects.track"}


def test_a_wrong_override_names_its_variable(tmp_path: Path) -> None:
    result = loaded(tmp_path, "", {"REDSHANK__DETECT__FPS": "fast", "REDSHANK____X": "1"})
    assert [str(p) for p in result.problems] == [
        "$REDSHANK____X: REDSHANK____X: expected REDSHANK__SECTION__KEY",
        "$REDSHANK__DETECT__FPS: detect.fps is 'fast': expected a valid number",
    ]


@pytest.mark.parametrize("url", ["kafka://a:9092", "kafka://a,b:9093/?prefix=home&security=sasl_ssl"])
def test_a_bus_address_that_config_takes_is_one_the_bus_takes(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, f"bus: {url}").config.bus.url == url
    assert KafkaSettings.of(url).servers


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://a:99999", "kafka://u:hunter2@a:1", "kafka://a/?prefx=x", "nats://a:1", "kafka://a:0"]
)
def test_a_wrong_bus_address_is_told_with_its_line_and_falls_back(tmp_path: Path, url: str) -> None:
    result = loaded(tmp_path, f"bus: {{url: '{url}'}}")
    assert result.config.bus.url == "memory:"
    assert lines(result)[0].startswith("1: bus.url is ")
    assert "hunter2" not in str(result.problems)
    with pytest.raises(ConfigError):
        KafkaSettings.of(url)


def test_a_certificate_file_is_beside_the_configuration_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    assert loaded(tmp_path, "bus: {ca_file: ca.pem}").config.bus.ca_file == tmp_path / "ca.pem"
    assert lines(loaded(tmp_path, "bus: {ca_file: no.pem}")) == [
        "1: bus.ca_file is 'no.pem': expected a file that exists"
    ]


def test_channels_are_told_apart_by_type(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        channels:
          mail: {type: email, host: h, sender: a@example.org, to: "a@example.org, b@example.org", timeout: 5s}
          odd: {type: emial}
          half: {type: email, host: h, sender: a@example.org, to: []}
        """,
    )
    mail = result.config.channels["mail"]
    assert isinstance(mail, Email)
    assert (mail.to, mail.timeout) == (("a@example.org", "b@example.org"), 5.0)
    assert lines(result) == [
        "4: channels.odd.type is 'emial': expected one of console, folder, email, slack, webhook, did you mean \"email\"?",
        "5: channels.half.to: expected at least one",
    ]


@pytest.mark.parametrize(
    "url", ["http://xn--zz--/", "http://a..b/", "https://h:99999/", f"http://{'h' * 64}/", "h.example"]
)
def test_an_address_that_can_never_be_one_is_told_here(tmp_path: Path, url: str) -> None:
    result = loaded(tmp_path, f"channels: {{hook: {{type: webhook, url: '{url}'}}}}")
    assert [line.partition(": expected")[2] for line in lines(result)] == [
        " an address such as https://host.example:8970"
    ]


@pytest.mark.parametrize(
    "url", ["http://müller.example/x", "http://xn--9ca.de/", "http://[::1]:8970/", "http://a_b.example./"]
)
def test_an_address_that_may_be_one_passes(tmp_path: Path, url: str) -> None:
    assert lines(loaded(tmp_path, f"channels: {{hook: {{type: webhook, url: '{url}'}}}}")) == []


def test_the_file_is_searched_in_the_stated_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": str(tmp_path)}
    assert find(Path("given.yaml"), environ) == Path("given.yaml")
    assert find(None, {**environ, "REDSHANK_CONFIG": "/x.yaml"}) == Path("/x.yaml")
    (tmp_path / ".config/redshank").mkdir(parents=True)
    (tmp_path / ".config/redshank/redshank.yaml").touch()
    assert find(None, environ) == tmp_path / ".config/redshank/redshank.yaml"
    (tmp_path / "redshank.yaml").touch()
    assert find(None, environ) == Path("redshank.yaml")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)$"):
        load(tmp_path / "nowhere.yaml", {})


def test_a_byte_that_is_not_utf8_is_told_and_the_rest_counts(tmp_path: Path) -> None:
    path = tmp_path / "redshank.yaml"
    path.write_bytes("cameras:\n  a:\n    url: a.mp4\n    friendly_name: T\xfcr\n".encode("latin-1"))
    result = load(path, {})
    assert lines(result) == ["4: the file: not UTF-8 text here: save the file as UTF-8"]
    assert result.config.cameras["a"].friendly_name == "T\N{REPLACEMENT CHARACTER}r"


def test_an_unknown_zone_in_the_environment_is_ignored() -> None:
    assert local_zone({"TZ": "Europe/Vienna"}) == "Europe/Vienna"
    assert local_zone({"TZ": "Mars/Base"}) not in ("Mars/Base", "")


def test_recording_is_set_for_all_and_for_one_camera_in_short_forms(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        """
        record: {continuous: {days: 3}, motion: 12h, alerts: {retain: {days: 2w, mode: all}}, quota: 1.5TB,
                 schedule: "mon 8:00-9:00 10:00-11:00"}
        storage: {volumes: {nas: /mnt/nas, default: {path: /srv/video, reserve: 10GiB}}}
        cameras:
          a: {url: "rtsp://10.0.0.1/1", record: {mode: motion, volume: nas, max_days: 30d, schedule: always}}
          b: {url: "rtsp://10.0.0.2/1", record: {volume: nsa, detections: forever}}
        """,
    )
    a, b = (result.config.cameras[name].record for name in "ab")
    assert (a.mode, a.volume, a.max_days, a.schedule, a.quota) == ("motion", "nas", 30.0, (), 1_500_000_000_000)
    assert (a.continuous.days, a.motion.days, a.alerts.days) == (3.0, 0.5, 14.0)
    assert (b.volume, b.detections.days, len(b.schedule)) == ("default", "forever", 2)
    assert result.config.storage.volumes["default"].reserve == 10 * 1024**3
    assert [(p.where.key, p.value) for p in result.problems] == [("cameras.b.record.volume", "'nsa'")]
