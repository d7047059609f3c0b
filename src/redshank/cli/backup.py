"""`redshank backup`, `restore` and `rollback`: the database, the configuration and the keys in one sealed file, and the ways back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.errors import ConfigError

if TYPE_CHECKING:
    from redshank.backup.bundle import Contents
    from redshank.backup.restore import Restored

app = typer.Typer(
    help="Save database, configuration and keys into one file under a passphrase.", invoke_without_command=True
)

PASSPHRASE = "REDSHANK_BACKUP_PASSPHRASE"
LEAST = 8
"""Characters of a new passphrase."""
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help=f"Its first line is the passphrase; else ${PASSPHRASE}, else you are asked."
    ),
]


@app.callback()
def backup(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; it must not exist.")] = None,
    passphrase_file: PassphraseFile = None,
    config: ConfigFile = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Save the database, the configuration with its history and the keys, also while Redshank runs. Footage is not in it."""
    if context.invoked_subcommand is not None:
        return
    from redshank.app import data_folder, read_config
    from redshank.backup import bundle, snapshot
    from redshank.cli.output import print_json, progress
    from redshank.clock import SystemClock

    folder, now = data_folder(config, data), SystemClock().now()
    loaded, _problem = read_config(config)
    source = bundle.Source(folder, loaded.path if loaded else config, os.environ)
    target = (output or Path(f"redshank-{snapshot.stamp(now)}.backup")).absolute()
    passphrase = _passphrase(passphrase_file, new=True)
    with progress(bytes_=True) as bars:
        bar = bars.add_task("backup", total=None)
        made = bundle.make(
            source, target, passphrase, now, lambda done, all_: bars.update(bar, completed=done, total=all_)
        )
    if as_json:
        print_json({"file": str(target), "bytes": target.stat().st_size, **_shown(made)})
        return
    typer.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB, {_words(made)}; read back and found right.")
    for missing in made.left_out:
        typer.echo(f"not in it, save it yourself: {missing}")
    typer.echo("not in it: recordings, pictures and models. Without the passphrase nobody can read it, you included.")


@app.command("list")
def list_copies(config: ConfigFile = None, data: Data = None, as_json: Json = False) -> None:
    """The copies of the database that Redshank makes itself, newest first."""
    from redshank.app import data_folder
    from redshank.backup import database, snapshot
    from redshank.cli.output import print_json, print_table
    from redshank.clock import rfc3339

    folder = data_folder(config, data)
    found: list[dict[str, Any]] = [
        {"file": str(path), "made": rfc3339(snapshot.taken_at(path) or 0), "bytes": path.stat().st_size}
        for path in snapshot.listed(folder)
    ]
    if as_json:
        print_json({"copies": found})
    elif found:
        print_table(
            ("made (UTC)", "MB", "file"), [(c["made"][:19], f"{c['bytes'] / 1e6:.1f}", c["file"]) for c in found]
        )
    else:
        typer.echo(f"There is none in {folder / database.FOLDER}: Redshank makes one every 5 minutes while it runs.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Try a backup: unpack it, open its database as a start would, compare it with what was saved. Nothing is changed."""
    from redshank.backup import drill
    from redshank.cli.output import print_json
    from redshank.clock import SystemClock

    found = drill.try_bundle(file, _passphrase(passphrase_file, new=False), SystemClock())
    if as_json:
        print_json({"file": str(file), "ok": True, **_shown(found)})
    else:
        typer.echo(f"{file}: right, {_words(found)}.")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    config: ConfigFile = None,
    data: Data = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is in the data folder; it is kept aside.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Put a backup into a data folder that is not in use. Recordings stay where they are and are found again."""
    from redshank.app import data_folder
    from redshank.backup.restore import restore as put_back
    from redshank.cli.output import print_json, progress
    from redshank.clock import SystemClock

    folder = data_folder(config, data)
    passphrase = _passphrase(passphrase_file, new=False)
    with progress(bytes_=True) as bars:
        bar = bars.add_task("restore", total=None)
        done = put_back(
            file, passphrase, folder, SystemClock(), force, lambda at, all_: bars.update(bar, completed=at, total=all_)
        )
    put = next(
        (folder / e.name for e in done.contents.files if e.name.startswith("config/") and "secrets" not in e.name), None
    )
    if as_json:
        shown = {"kept": done.kept, "without_keys": done.without_keys, "config": put}
        print_json({"data": str(folder), **shown, **_shown(done.contents)})
        return
    _tell_restored(done, folder, put)


def _tell_restored(done: Restored, folder: Path, put: Path | None) -> None:
    typer.echo(f"{folder}: restored, {_words(done.contents)}.")
    if done.kept:
        typer.echo(f"What was there is kept: {done.kept}")
    if done.kept and done.without_keys:
        typer.echo(
            f"The backup holds no keys: those that were in use are in {done.kept / 'keys'} now, copy them back to go on with them."
        )
    if put:
        typer.echo(f"The configuration is {put}; it was {done.contents.config} when the backup was made.")
    for missing in done.contents.left_out:
        typer.echo(f"not in the backup, provide it yourself: {missing}")
    typer.echo(
        "Footage newer than the backup comes back from the recordings themselves at the next start (redshank rebuild-index)."
    )
    typer.echo(f"Start it with: redshank run --data {folder}" + (f" --config {put}" if put else ""))


def rollback(config: ConfigFile = None, data: Data = None, as_json: Json = False) -> None:
    """Return to the database as it was before the last start that migrated it. Redshank must not be running."""
    from redshank.app import data_folder
    from redshank.backup import migration
    from redshank.cli.output import print_json
    from redshank.clock import SystemClock

    done = migration.rollback(data_folder(config, data), SystemClock())
    if as_json:
        print_json({"copy": done.copy, "kept": done.kept, "schema": done.schema, "release": done.fits})
        return
    typer.echo(f"The database is again what it was before the migration (schema {done.schema}, {done.copy.name}).")
    typer.echo(
        f"The newer one is kept: {done.kept}. Events since the migration are only there; recordings are untouched."
    )
    typer.echo(
        f"Start release {done.fits} now (pip install 'redshank=={done.fits}.*'): this one would migrate it again."
    )


def _passphrase(file: Path | None, new: bool) -> str:
    """Raises ConfigError when there is none to be had, or a new one is too short."""
    if file is not None:
        try:
            found = (file.read_text().splitlines() or [""])[0]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--passphrase-file {file}: cannot be read ({error})") from None
    else:
        found = os.environ.get(PASSPHRASE, "")
        if not found and sys.stdin.isatty():
            found = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    if not found:
        raise ConfigError(f"no passphrase: give --passphrase-file or set ${PASSPHRASE}")
    if new and len(found) < LEAST:
        raise ConfigError(f"the passphrase is too short: expected at least {LEAST} characters, better five words")
    return found


def _words(contents: Contents) -> str:
    from redshank.clock import rfc3339

    keys = sum(entry.name.startswith("keys/") for entry in contents.files)
    rows = sum(contents.database.counts.values())
    return f"made {rfc3339(contents.made)[:19]}Z by Redshank {contents.version}: {rows} rows, {len(contents.files)} files, {keys} keys"


def _shown(contents: Contents) -> dict[str, Any]:
    from redshank.clock import rfc3339

    return {
        "made": rfc3339(contents.made),
        "version": contents.version,
        "schema": contents.database.schema,
        "rows": dict(contents.database.counts),
        "files": [entry.name for entry in contents.files],
        "not_in_it": list(contents.left_out),
    }
