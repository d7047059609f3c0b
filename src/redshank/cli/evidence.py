"""`redshank evidence`: check a bundle, from whichever installation it came, and show the key ours are signed with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Check exported evidence, and show the key it is signed with.", no_args_is_help=True)


@app.callback()
def evidence() -> None:
    """Check exported evidence, and show the key it is signed with."""


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A bundle (.zip), or the folder it was unpacked to.")],
    key: Annotated[str, typer.Option("--key", help="Fingerprint or public key it must be signed with.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Is every byte as it was signed? Needs no installation. Ends with 1 when anything was changed."""
    from redshank.archive.evidence import Verdict, wanted_key
    from redshank.archive.evidence import verify as check
    from redshank.cli.output import print_json, progress

    wanted = wanted_key(key) if key else ""
    with progress(bytes_=True) as bars:
        bar = bars.add_task("verify", total=None)
        found: Verdict = check(file, wanted, lambda done, total: bars.update(bar, completed=done, total=total))
    if as_json:
        files = [{"name": one.name, "size": one.size, "problem": one.problem} for one in found.files]
        said = {name: found.manifest.get(name) for name in ("site", "made", "program", "clips")}
        print_json(
            {"ok": not found.problem, "problem": found.problem, "key": found.fingerprint, "files": files, **said}
        )
        raise typer.Exit(1 if found.problem else 0)
    for one in found.files:
        typer.echo(_shown(f"{'ALTERED' if one.problem else 'ok':8} {one.name} ({one.size} bytes)"))
    if found.problem:
        typer.echo(_shown(f"{file}: NOT as it was signed: {found.problem}"), err=True)
        raise typer.Exit(1)
    typer.echo(f"{file}: every byte is as it was signed, {found.manifest['made']}, with the key")
    typer.echo(f"  {found.fingerprint}")
    if wanted:
        typer.echo("which is the one you named.")
    else:
        typer.echo(
            "Anyone can make a key: compare it with what the owner says it is (redshank evidence key), or give --key."
        )


def _shown(text: str) -> str:
    """Nothing of a file from elsewhere moves the cursor or begins a line."""
    return "".join(c if c.isprintable() else "?" for c in text)


@app.command("key")
def key(
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """The public key of this installation and its fingerprint: tell it to whoever will have to trust your evidence."""
    from redshank.app import data_folder
    from redshank.archive.evidence import fingerprint, public_pem, signing_key
    from redshank.cli.output import print_json

    pem = public_pem(signing_key(data_folder(config, data)))
    if as_json:
        print_json({"fingerprint": fingerprint(pem), "public": pem.decode()})
        return
    typer.echo(pem.decode(), nl=False)
    typer.echo(f"fingerprint (SHA-256): {fingerprint(pem)}")
