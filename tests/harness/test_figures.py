"""A figure takes the place of the one measured before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.figures import FILE, figure


def test_figures_stand_in_order_and_the_newest_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "reliability.md"
    file.write_text("# Figures\n\n| test | measured | how | when |\n|---|---|---|---|\n")
    monkeypatch.setenv(FILE, str(file))
    for number, measured in (("T03", "0 lost"), ("T01", "2 lost"), ("T01", "1 lost"), ("T10", "all")):
        figure(number, measured, "tried")
    rows = [line for line in file.read_text().splitlines() if line.startswith("| T")]
    assert [row.split(" | ")[:2] for row in rows] == [["| T01", "1 lost"], ["| T03", "0 lost"], ["| T10", "all"]]
