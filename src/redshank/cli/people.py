"""`redshank user`: accounts, from the machine itself. Whoever may write the data folder may do this: so a lost password is replaced.

Works while the program runs (which sees it within a second) and while it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.store.base import Store
    from redshank.store.users import User

app = typer.Typer(
    help="Accounts: add, list, change and remove; links that log in once; who did what.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Of the account.")]
Config = Annotated[Path | None, typer.Option("--config", help="Configuration file.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")]
LINK_H = 24


@app.command("add")
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="admin, operator or viewer.")] = "viewer",
    link: Annotated[bool, typer.Option("--link", help="No password: print a link that logs in once.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """A new account. The password is asked for, or read from standard input."""
    from functools import partial

    from redshank.access import account
    from redshank.clock import SystemClock, new_id
    from redshank.store.users import User

    password = "" if link else _hashed()
    now = SystemClock().now()
    user = User(new_id(now), name, role, now, password=password)
    with _store(config, data) as store:
        _change(store, partial(account.add, user=user), f"new user {name}: {role}")
        typer.echo(f"{name}: added, role {role}")
        if link:
            typer.echo(_link(store, user, config, data))


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Every account."""
    from redshank.access import asker
    from redshank.cli.output import print_json, print_table
    from redshank.clock import rfc3339
    from redshank.store import users

    with _store(config, data) as store:
        found = store.read(users.list)
    if as_json:
        for one in found:
            rights = {verb.value: cameras for verb, cameras in asker.shown(asker.rights_of(one)).items()}
            print_json({"id": one.id, "name": one.name, "role": one.role, "disabled": one.disabled, "rights": rights})
        return
    rows = [
        (
            one.name,
            one.role,
            "disabled" if one.disabled else "",
            rfc3339(one.last_seen)[:16] if one.last_seen else "never",
        )
        for one in found
    ]
    print_table(("name", "role", "", "last seen"), rows)


@app.command("password")
def password(name: Name, config: Config = None, data: Data = None) -> None:
    """Another password, without the old one. It is asked for, or read from standard input; sessions of the account end."""
    hashed = _hashed()
    with _store(config, data) as store:
        _set(store, _named(store, name), password=hashed)
    typer.echo(f"{name}: has another password")


@app.command("role")
def role(
    name: Name,
    to: Annotated[str, typer.Argument(help="admin, operator or viewer.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Another role, with all rights that belong to it; an account that was disabled works again."""
    with _store(config, data) as store:
        _set(store, _named(store, name), role=to, rights=None, disabled=False)
    typer.echo(f"{name}: role {to}")


@app.command("remove")
def remove(name: Name, config: Config = None, data: Data = None) -> None:
    """An account, with its sessions, tokens and the links it made."""
    from functools import partial

    from redshank.access import account

    with _store(config, data) as store:
        _change(store, partial(account.remove, id=_named(store, name).id), f"removed user {name}")
    typer.echo(f"{name}: removed")


@app.command("ticket")
def ticket(name: Name, config: Config = None, data: Data = None) -> None:
    """A link that logs in once, within a day: for a lost password."""
    with _store(config, data) as store:
        typer.echo(_link(store, _named(store, name), config, data))


@app.command("audit")
def audit_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Lines.")] = 50,
    config: Config = None,
    data: Data = None,
) -> None:
    """Who did what, newest first, and whether no line was removed or changed (else it ends with 1)."""
    from functools import partial

    from redshank.cli.output import print_table
    from redshank.clock import rfc3339
    from redshank.store import audit
    from redshank.store.audit import Asked

    with _store(config, data) as store:
        lines = store.read(partial(audit.page, asked=Asked(), limit=limit))
        broken = store.read(audit.broken)
    rows = [
        (rfc3339(one.time)[:19], one.who or "?", one.what, one.camera, one.detail, one.address, count)
        for _number, one, count in lines
    ]
    print_table(("time (UTC)", "who", "what", "camera", "detail", "from", "times"), rows)
    if broken is not None:
        typer.echo(f"lines are missing or were changed before line {broken}", err=True)
        raise typer.Exit(1)


@contextmanager
def _store(config: Path | None, data: Path | None) -> Iterator[Store]:
    from redshank.app import data_folder
    from redshank.check import places
    from redshank.clock import SystemClock

    with places.database(data_folder(config, data), SystemClock(), make=True) as store:
        yield store


def _hashed() -> str:
    """Of a password that is typed twice, or comes by standard input."""
    import asyncio
    import sys

    from redshank.access.password import Passwords

    typed = (
        typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline()
    )
    return asyncio.run(Passwords().hash(typed.rstrip("\r\n")))


def _named(store: Store, name: str) -> User:
    """Raises ConfigError."""
    from redshank.errors import ConfigError
    from redshank.store import register

    there = store.read(register.load)
    found = there.named(name)
    if found is None:
        known = ", ".join(user.name for user in there.users.values()) or "none"
        raise ConfigError(f"there is no user {name!r}; there are: {known}")
    return found


def _set(store: Store, user: User, **values: Any) -> None:
    from functools import partial

    from redshank.access import account

    _change(store, partial(account.change, id=user.id, values=values), f"user {user.name}: {', '.join(values)}")


def _link(store: Store, user: User, config: Path | None, data: Path | None) -> str:
    """Where the page is, if it runs; else where it will be."""
    from functools import partial

    from redshank import status
    from redshank.access import account
    from redshank.access.secret import digest, new_secret
    from redshank.app import data_folder, read_config
    from redshank.clock import US_PER_S, SystemClock
    from redshank.store.tokens import Ticket

    secret, ends = new_secret(), SystemClock().now() + LINK_H * 3600 * US_PER_S
    one = Ticket(digest(secret), "login", user.id, ends)
    _change(store, partial(account.give, one=one), f"log-in link for {user.name}")
    loaded, _problem = read_config(config)
    port = loaded.config.web.port if loaded else 8970
    running = (status.read(data_folder(config, data)) or {}).get("page")
    page = (loaded.config.public_url if loaded else None) or running or f"http://localhost:{port}"
    return f"{page.rstrip('/')}/#enter={secret}"


def _change(store: Store, work: Callable[[Any], object], detail: str) -> None:
    """Noted as done by whoever has the machine. Raises Refusal, StoreError."""
    from redshank.clock import SystemClock
    from redshank.store import audit
    from redshank.store.audit import Line

    line = Line(SystemClock().now(), "nobody", "", "redshank user", "change", detail=detail)

    def both(conn: Any) -> None:
        work(conn)
        audit.add(conn, line)

    store.write(both).result()
