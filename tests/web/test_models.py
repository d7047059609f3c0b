"""Models over the server."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redshank.playback.studio import Busy
from redshank.web.trial import Model
from tests.web.serving import Place, client, place

MINE = Model("mine", "mine@1", True, True, "yolo", False, 640, 640, ("cat",), "", "your own", "mine.onnx", 1000)


class Known:
    """Two lines of progress, and the end."""

    def __init__(self) -> None:
        self.pulled: list[str] = []
        self.busy = False

    def all(self) -> list[Model]:
        return [MINE]

    def labels(self) -> tuple[str, tuple[str, ...]]:
        return "mine@1", ("cat",)

    def known(self, name: str) -> bool:
        return name == "tiny"

    async def pull(self, name: str) -> AsyncGenerator[Mapping[str, Any], None]:
        if self.busy:
            raise Busy("wait")
        self.pulled.append(name)
        yield {"done": 1, "total": 2}
        yield {"ok": True, "id": "tiny@1"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def test_models_and_labels_are_listed(here: Place) -> None:
    here.rooms = replace(here.rooms, models=Known())
    with client(here.app) as session:
        (model,) = session.get("/api/models").json()["models"]
        labels = session.get("/api/labels").json()
    assert (model["name"], model["used"], model["proven"], model["labels"]) == ("mine", True, False, ["cat"])
    assert labels == {"model": "mine@1", "labels": ["cat"]}


def test_only_one_of_the_catalogue_is_fetched_and_its_progress_comes_as_lines(here: Place) -> None:
    known = Known()
    here.rooms = replace(here.rooms, models=known)
    with client(here.app) as session:
        answer = session.post("/api/models/tiny/pull")
        odd = [
            session.post(f"/api/models/{name}/pull").status_code
            for name in ("mine", "--store=x", "..%2f..", "tiny%20x")
        ]
        known.busy = True
        busy = session.post("/api/models/tiny/pull")
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"done": 1, "total": 2},
        {"ok": True, "id": "tiny@1"},
    ]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert known.pulled == ["tiny"]
    assert set(odd) <= {404, 405}
    assert busy.status_code == 503
