"""`redshank import-frigate`: Frigate's configuration as one of ours, and what became of each of its keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redshank.errors import ConfigError

if TYPE_CHECKING:
    from redshank.frigate.convert import Imported

MOST_BYTES = 4_000_000


def import_frigate(
    file: Annotated[Path, typer.Argument(help="Frigate's config.yml.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write ours; never over a file.", show_default="print"),
    ] = None,
    restream: Annotated[
        str, typer.Option("--from-restream", help="host:8554 of Frigate, to read its streams instead of the cameras.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: text and report.")] = False,
) -> None:
    """Turn a configuration of Frigate into one of Redshank; say for each key: mapped, changed or unsupported."""
    from redshank.frigate.convert import convert

    made = convert(_read(file), restream)
    if output is not None:
        _write(output, made.text)
    if as_json:
        _tell_json(made)
        return
    if output is None:
        typer.echo(made.text, nl=False)
    _tell(made, output)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None


def _write(path: Path, text: str) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path}: exists already and is left as it is: choose another name") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from None


def _tell(made: Imported, output: Path | None) -> None:
    """Beside the text, so that it can be written to a file."""
    for line in made.report:
        to = f" -> {line.to}" if line.to else ""
        note = f" ({line.note})" if line.note else ""
        typer.echo(f"{line.status:<11} {line.key}{to}{note}", err=output is None)
    counts = {
        status: sum(line.status == status for line in made.report) for status in ("mapped", "changed", "unsupported")
    }
    typer.echo(", ".join(f"{number} {status}" for status, number in counts.items()), err=output is None)
    if output is not None:
        typer.echo(f"wrote {output}: now redshank check --config {output}")


def _tell_json(made: Imported) -> None:
    from dataclasses import asdict

    from redshank.cli.output import print_json

    print_json({"text": made.text, "report": [asdict(line) for line in made.report]})
