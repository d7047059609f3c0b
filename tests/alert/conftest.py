"""Certificates for the servers of this room, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alert.servers import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For `mail.example`; the first file is also what a client must trust."""
    return make_certificate(tmp_path_factory.mktemp("certificates"), "mail.example")
