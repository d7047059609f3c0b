"""The command line. Heavy imports live inside commands so that `redshank --help` is instant.

Every command ends with 0 (done; for `analyse`: something was found), 1 (nothing found, not running, a problem in what was checked)
or 2 (an error: one line on standard error, no traceback).
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from redshank.cli import (
    analyse,
    backup,
    config,
    demo,
    doctor,
    evidence,
    export,
    import_frigate,
    models,
    notify,
    people,
    private,
    run,
    service,
    status,
    storage,
    verify,
)
from redshank.errors import RedshankError

app = typer.Typer(
    name="redshank",
    help="Self-hosted AI video surveillance: from a camera to an alert that explains itself.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"redshank {version('redshank')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Self-hosted AI video surveillance: from a camera to an alert that explains itself."""


app.command("run")(run.run)
app.command("analyse")(analyse.analyse)
app.command("demo")(demo.demo)
app.command("check")(config.check)
app.command("init")(config.init)
app.command("import-frigate")(import_frigate.import_frigate)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("private")(private.private)
app.command("export")(export.export)
app.command("purge")(storage.purge)
app.command("verify")(verify.verify)
app.command("rebuild-index")(verify.rebuild_index)
app.command("restore")(backup.restore)
app.command("rollback")(backup.rollback)
app.add_typer(backup.app, name="backup")
app.add_typer(evidence.app, name="evidence")
app.add_typer(storage.app, name="storage")
app.add_typer(storage.hold, name="hold")
app.add_typer(models.app, name="models")
app.add_typer(notify.app, name="notify")
app.add_typer(service.app, name="service")
app.add_typer(people.app, name="user")


def main() -> None:
    """Entry point of the `redshank` command."""
    try:
        app()
    except RedshankError as error:
        print(f"redshank: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output (head, less) went away: nothing more to say, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
