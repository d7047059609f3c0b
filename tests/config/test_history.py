"""The copies of every configuration that was in use."""

from __future__ import annotations

from pathlib import Path

from redshank.clock import US_PER_S
from redshank.config import history

NOON = 1_795_262_400 * US_PER_S


def test_a_file_somebody_else_put_there_costs_nothing(tmp_path: Path) -> None:
    """rel:T58: a copy made by hand keeps nobody from starting."""
    for name in ("my-backup.yaml", "0.yaml", "redshank.yaml", "2026-99-99T120000Z.yaml"):
        (tmp_path / name).write_text("mine")
    for number in range(history.KEPT + 2):
        history.keep(tmp_path, f"site: s{number}".encode(), NOON)
    found = list(history.entries(tmp_path))
    assert len(found) == history.KEPT
    assert [one.path.read_text() for one in found[:2]] == [f"site: s{history.KEPT + 1}", f"site: s{history.KEPT}"]
    assert (tmp_path / "my-backup.yaml").read_text() == "mine"
