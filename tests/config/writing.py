"""Configurations for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from redshank.config.load import Loaded, load


def loaded(folder: Path, source: str, environ: Mapping[str, str] | None = None) -> Loaded:
    """The configuration `source` written to a file and loaded; no usual places, no machine's own environment."""
    path = folder / "redshank.yaml"
    path.write_text(dedent(source), encoding="utf-8")
    return load(path, {"TZ": "UTC", **(environ or {})})


def lines(result: Loaded) -> list[str]:
    """Problems as `line key: …`, without the folder."""
    return [str(p).removeprefix(f"{p.where.file}:") for p in result.problems]
