"""`redshank service install|status|remove`: start with the machine, also after a power cut, through systemd.

As root a system service, else a service of the user. Nothing is downloaded and no shell is involved: one unit file is written and
`systemctl` is told of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from redshank.errors import ConfigError

app = typer.Typer(help="Start with the machine (systemd).", no_args_is_help=True)
UNIT = "redshank.service"


def unit_text(python: str, config: Path | None, data: Path | None, system: bool) -> str:
    """The unit file. Recording must come back by itself, so there is no limit on restarts."""
    options = [f"--config {_quoted(config.resolve())}"] if config else []
    options += [f"--data {_quoted(data.resolve())}"] if data else []
    command = " ".join([_quoted(Path(python)), "-m redshank run", *options])
    return f"""[Unit]
Description=Redshank video surveillance
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart={command}
Restart=always
RestartSec=2
TimeoutStopSec=20
KillMode=mixed
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full
UMask=0077

[Install]
WantedBy={"multi-user.target" if system else "default.target"}
"""


def unit_path(system: bool) -> Path:
    if system:
        return Path("/etc/systemd/system") / UNIT
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "systemd" / "user" / UNIT


@app.command()
def install(
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration file to run with; default: the one found here.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder to run with.")] = None,
    print_only: Annotated[bool, typer.Option("--print", help="Only print the unit file.")] = False,
) -> None:
    """Install and start the service."""
    system = os.geteuid() == 0
    text = unit_text(sys.executable, _chosen(config), data, system)
    if print_only:
        typer.echo(text, nl=False)
        return
    _need_systemd()
    path = unit_path(system)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    _systemctl(system, "daemon-reload")
    _systemctl(system, "enable", "--now", UNIT)
    typer.echo(f"Installed {path}; Redshank is running and starts with the machine.")
    if not system:
        typer.echo("For a start before you log in, run once: loginctl enable-linger")


@app.command()
def status() -> None:
    """What systemd says of it. Ends with 1 when it is not active."""
    _need_systemd()
    system = os.geteuid() == 0
    if not unit_path(system).exists():
        typer.echo("Not installed. Install it with: redshank service install")
        raise typer.Exit(1)
    raise typer.Exit(1 if _run(system, "status", "--no-pager", "--lines=5", UNIT) else 0)


@app.command()
def remove() -> None:
    """Stop it and take it out of systemd. Configuration, recordings and database stay."""
    _need_systemd()
    system = os.geteuid() == 0
    path = unit_path(system)
    if not path.exists():
        typer.echo("Not installed: nothing to remove.")
        return
    _run(system, "disable", "--now", UNIT)
    path.unlink()
    _systemctl(system, "daemon-reload")
    typer.echo(f"Removed {path}. Configuration and data are untouched.")


def _chosen(config: Path | None) -> Path | None:
    """What `redshank run` would take here: the service starts in another folder and would not find it."""
    from redshank.config.load import find

    path = find(config, os.environ)
    if path is not None and not path.is_file():
        raise ConfigError(f"{path}: no such file; write one with: redshank init {path}")
    return path


def _need_systemd() -> None:
    if shutil.which("systemctl") is None:
        raise ConfigError(
            "this machine has no systemd (systemctl not found): start `redshank run` from its own service manager, or use the container"
        )


def _run(system: bool, *arguments: str) -> int:
    return subprocess.run(["systemctl", *([] if system else ["--user"]), *arguments], check=False).returncode


def _systemctl(system: bool, *arguments: str) -> None:
    if _run(system, *arguments):
        raise ConfigError(f"systemctl {' '.join(arguments)} failed: is systemd running here, and may you use it?")


def _quoted(path: Path) -> str:
    """For a unit file: spaces and specials inside double quotes, `%` doubled (systemd.service(5), "Command lines")."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'
