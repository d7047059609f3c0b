"""Where the tiles of a wall go (ui/src/pages/live/wall.ts): its laws, over many walls at once."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

UI = Path(__file__).parents[2] / "ui"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None or not (UI / "node_modules/typescript").is_dir(), reason="needs Node and `npm ci` in ui/"
)
RUN = """
import ts from "typescript";
import { readFileSync } from "node:fs";
const source = readFileSync(process.argv[1], "utf8");
const { outputText } = ts.transpileModule(source, { compilerOptions: { module: "ESNext", target: "ES2022" } });
const made = await import("data:text/javascript," + encodeURIComponent(outputText));
const calls = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(calls.map(([name, ...args]) => made[name](...args))));
"""


def run(calls: list[list[Any]]) -> list[Any]:
    """Call functions of wall.ts."""
    argv = [str(NODE), "--input-type=module", "-e", RUN, str(UI / "src/pages/live/wall.ts")]
    done = subprocess.run(argv, input=json.dumps(calls), capture_output=True, text=True, cwd=UI, timeout=50, check=True)
    found: list[Any] = json.loads(done.stdout)
    return found


@cache
def walls() -> list[tuple[list[float], int, int, list[dict[str, int]]]]:
    """Ratios, width and height of the room, the tiles."""
    chance = random.Random(7)
    asked: list[tuple[list[float], int, int]] = []
    for number in range(300):
        ratios = [chance.choice([16 / 9, 16 / 9, 4 / 3, 9 / 16, 1.0, 2.4, 3.6]) for _ in range(1 + number % 64)]
        asked.append((ratios, chance.randint(300, 4000), chance.randint(200, 2200)))
    found = run([["packed", ratios, {"width": wide, "height": high}] for ratios, wide, high in asked])
    return [(*wall, tiles) for wall, tiles in zip(asked, found, strict=True)]


def test_every_camera_has_a_tile_in_its_own_shape() -> None:
    for ratios, _wide, _high, tiles in walls():
        assert len(tiles) == len(ratios)
        for ratio, tile in zip(ratios, tiles, strict=True):
            assert abs(tile["width"] - ratio * tile["height"]) <= 1 + ratio


def test_everything_is_in_the_room_and_reaches_two_of_its_sides() -> None:
    for ratios, wide, high, tiles in walls():
        left, right = min(t["x"] for t in tiles), max(t["x"] + t["width"] for t in tiles)
        top, bottom = min(t["y"] for t in tiles), max(t["y"] + t["height"] for t in tiles)
        assert (min(left, top) >= 0, right <= wide, bottom <= high) == (True, True, True), ratios
        assert right - left >= wide - 1 or bottom - top >= high - 1


def test_there_are_no_gaps_and_nothing_lies_over_another() -> None:
    for _ratios, _wide, _high, tiles in walls():
        covered = sum(t["width"] * t["height"] for t in tiles)
        left, right = min(t["x"] for t in tiles), max(t["x"] + t["width"] for t in tiles)
        top, bottom = min(t["y"] for t in tiles), max(t["y"] + t["height"] for t in tiles)
        # A pixel at the end of a row may be lost to rounding.
        assert abs(covered - (right - left) * (bottom - top)) <= 2 * (bottom - top)
        for before, tile in pairwise(tiles):
            beside = tile["x"] == before["x"] + before["width"] and tile["y"] == before["y"]
            below = tile["x"] == left and tile["y"] == before["y"] + before["height"]
            assert beside or below


def test_no_other_number_of_rows_shows_more() -> None:
    found = run([["packed", [16 / 9] * 4, {"width": 1600, "height": 900}]])[0]
    assert {(t["width"], t["height"]) for t in found} == {(800, 450)}
    alone = run([["packed", [16 / 9], {"width": 1000, "height": 1000}]])[0]
    assert alone == [{"x": 0, "y": 219, "width": 1000, "height": 562}] or alone[0]["width"] == 1000
    assert run([["packed", [], {"width": 10, "height": 10}]]) == [[]]


def test_a_phone_has_one_below_the_other() -> None:
    found = run([["column", [16 / 9, 4 / 3, 9 / 16], 390]])[0]
    assert [tile["width"] for tile in found] == [390] * 3
    assert [tile["y"] for tile in found] == [0, found[0]["height"], found[0]["height"] + found[1]["height"]]


def test_new_cameras_stand_behind_the_order_a_person_chose() -> None:
    calls: list[list[Any]] = [
        ["ordered", ["a", "b", "c", "d"], ["c", "gone", "a"]],
        ["moved", ["a", "b", "c"], "c", 0],
        ["moved", ["a", "b"], "a", 9],
    ]
    assert run(calls) == [["c", "a", "b", "d"], ["c", "a", "b"], ["b", "a"]]
