"""Commands run as typed, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner, Result

from redshank.errors import RedshankError


def typed(command: Callable[..., Any] | typer.Typer, *words: str | Path) -> Result:
    """Exit code and output; an error of ours ends with 2 and is on standard error, as `redshank.cli.main` does it."""
    app = command
    if not isinstance(app, typer.Typer):
        app = typer.Typer()
        app.command()(command)
    found = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(found.exception, RedshankError):
        found.exit_code = 2
    elif found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found
