"""The API's description, and the types the page has from it, are those of the routes there are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from redshank.web.openapi import described

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "ui" / "src" / "lib" / "schema.d.ts"
TOOL = ROOT / "ui" / "node_modules" / ".bin" / "openapi-typescript"
ANEW = "run: python -m redshank.web.openapi > docs/reference/openapi.json && (cd ui && npm run types)"


def test_the_description_is_current() -> None:
    assert (ROOT / "docs" / "reference" / "openapi.json").read_text() == described(), ANEW


def test_every_route_says_what_it_answers() -> None:
    paths = json.loads(described())["paths"]
    silent = [
        f"{method} {path}"
        for path, methods in paths.items()
        for method, one in methods.items()
        if "description" not in one and "summary" not in one
    ]
    assert silent == []


@pytest.mark.skipif(not TOOL.exists(), reason="the page's tools are not installed: make page")
def test_the_pages_types_are_made_from_it(tmp_path: Path) -> None:
    made = tmp_path / "schema.d.ts"
    source = ROOT / "docs" / "reference" / "openapi.json"
    subprocess.run([TOOL, source, "-o", made, "--alphabetize"], check=True, capture_output=True, cwd=ROOT / "ui")
    assert made.read_text() == TYPES.read_text(), ANEW
