from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from redshank.bus import schemas
from redshank.bus.messages import KINDS, TOPICS, Unreadable, Value, envelope, pack, unpack, value_of
from redshank.errors import BusError
from tests.bus.samples import NOW, alert, camera_state, event, observation

DOCS = Path(__file__).parents[2] / "docs/reference/bus"
VALUES: list[Value] = [observation(), camera_state(), event(), event(end=NOW + 1), alert()]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_every_value_comes_back_as_it_was(value: Value) -> None:
    sent = envelope(value, "id-1", NOW + 5)
    received = unpack(pack(sent))
    assert received == sent
    assert value_of(received) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_every_message_fits_its_documented_schema(value: Value) -> None:
    message = envelope(value, "id-1", NOW)
    schema = json.loads((DOCS / f"{message.kind}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(pack(message)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(pack(message)), "v": 2}, schema)


def test_the_schemas_are_current_and_listed() -> None:
    made = schemas.schemas()
    assert made.keys() == KINDS.keys() == TOPICS.keys()
    for kind, schema in made.items():
        assert (DOCS / f"{kind}.json").read_text(encoding="utf-8") == schemas.text(schema)
        assert f"{kind}.json" in (DOCS / "README.md").read_text(encoding="utf-8")


def test_times_boxes_and_the_envelope_have_the_stated_form() -> None:
    whole = json.loads(pack(envelope(observation(7), "id-1", NOW + 1)))
    assert list(whole) == ["v", "kind", "id", "site", "camera", "stream", "epoch", "seq", "time", "sent", "data"]
    assert (whole["v"], whole["kind"], whole["site"], whole["epoch"], whole["seq"]) == (
        1,
        "observation",
        "default",
        3,
        7,
    )
    assert whole["sent"] == "2026-01-01T00:00:00.123457Z"
    assert whole["data"]["tracks"][0]["box"] == [0.1, 0.2, 0.3, 0.4]
    assert whole["data"]["tracks"][0]["last_seen"] == "2026-01-01T00:00:00.123456Z"


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default() -> None:
    whole = json.loads(pack(envelope(event(), "id-1", NOW)))
    whole["new"] = whole["data"]["new"] = [1]
    del whole["data"]["zones"], whole["stream"]
    read = value_of(unpack(json.dumps(whole).encode()))
    assert read == replace(event(), zones=())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"v":2,"kind":"event"}', "version '2'"),
        (b'{"kind":"event"}', "version 'None'"),
        (b'{"v":1,"kind":"event"}', "Envelope.id is missing"),
        (b'{"v":1,"kind":"event","id":5,"camera":"a"}', "id: expected str"),
        (b'{"v":NaN}', "not JSON"),
        (b" " * 1_000_000, "1000000 bytes"),
    ],
)
def test_what_is_no_message_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        unpack(body)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"box": [0, 1, 2]}, "box: expected a list of 4"),
        ({"kind": "party"}, "kind: expected one of track, motion, health"),
        ({"start": "yesterday"}, "start: expected a time"),
        ({"score": "high"}, "score: expected a number"),
        ({"zones": "porch"}, "zones: expected a list"),
        ({"label": 5}, "label: expected str"),
    ],
)
def test_data_that_does_not_fit_names_the_field(change: dict[str, object], reason: str) -> None:
    message = envelope(event(), "id-1", NOW)
    with pytest.raises(Unreadable, match=reason):
        value_of(replace(message, data={**message.data, **change}))


def test_an_unknown_kind_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="unknown kind 'party'"):
        value_of(replace(envelope(event(), "id-1", NOW), kind="party"))


def test_what_is_no_json_or_too_large_is_refused_at_the_sender() -> None:
    message = envelope(event(), "id-1", NOW)
    with pytest.raises(BusError, match="cannot be written as JSON"):
        pack(replace(message, data={"x": float("nan")}))
    with pytest.raises(BusError, match="expected at most 900000"):
        pack(replace(message, data={"x": "a" * 900_000}))
