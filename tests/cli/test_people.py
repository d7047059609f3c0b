"""`redshank user`, as typed."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from redshank.access.desk import Desk
from redshank.access.refusal import Refusal
from redshank.cli.people import app
from redshank.clock import SystemClock
from redshank.store import schema_access
from redshank.store.base import Store
from tests.access.people import HOME
from tests.cli.typed import typed

PASSWORD = "correct horse battery"


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, ...]:
    config = tmp_path / "redshank.yaml"
    config.write_text("public_url: https://cctv.example.org\n")
    return ("--data", str(tmp_path / "data"), "--config", str(config))


def said(word: str, *words: str) -> Result:
    """With the word on standard input."""
    return CliRunner().invoke(app, list(words), input=word + "\n")


async def enter(folder: Path, name: str, password: str) -> bool:
    store = Store(f"sqlite:///{folder}/data/redshank.db", SystemClock())
    try:
        await Desk(store, SystemClock()).login(name, password, HOME)
    except Refusal:
        return False
    finally:
        store.close()
    return True


def test_a_lost_password_is_replaced_on_the_machine(at: tuple[str, ...], tmp_path: Path) -> None:
    assert said("forgotten since", "add", "admin", "--role", "admin", *at).stdout == "admin: added, role admin\n"
    assert not asyncio.run(enter(tmp_path, "admin", PASSWORD))
    assert said(PASSWORD, "password", "ADMIN", *at).exit_code == 0
    assert asyncio.run(enter(tmp_path, "admin", PASSWORD))


def test_what_cannot_be_is_one_line(at: tuple[str, ...]) -> None:
    assert "12 to 200 characters" in str(said("short", "add", "anna", *at).exception)
    assert said(PASSWORD, "add", "anna", "--role", "admin", *at).exit_code == 0
    for words, why in (
        (("add", "Anna", "--link"), "already"),
        (("add", "otto", "--link", "--role", "root"), "role is one of"),
        (("remove", "anna"), "last administrator"),
        (("role", "anna", "viewer"), "last administrator"),
        (("ticket", "nobody"), "there are: anna"),
    ):
        found = typed(app, *words, *at)
        assert found.exit_code == 2
        assert why in str(found.exception)


async def test_a_link_logs_in_once(at: tuple[str, ...], tmp_path: Path) -> None:
    assert typed(app, "add", "admin", "--role", "admin", "--link", *at).exit_code == 0
    link = typed(app, "ticket", "admin", *at).stdout.strip()
    found = re.fullmatch(r"https://cctv\.example\.org/#enter=([\w-]{43})", link)
    assert found
    store = Store(f"sqlite:///{tmp_path}/data/redshank.db", SystemClock())
    desk = Desk(store, SystemClock())
    cookie = await desk.enter(found[1], HOME)
    who = await desk.who(cookie, "", "")
    assert who is not None
    assert who.name == "admin"
    # Who came by a link has no password yet, and needs no old one to choose it.
    await desk.own_password(who, "", PASSWORD)
    desk.close()
    store.close()
    assert await enter(tmp_path, "admin", PASSWORD)


def test_accounts_are_listed_without_a_secret(at: tuple[str, ...]) -> None:
    said(PASSWORD, "add", "admin", "--role", "admin", *at)
    typed(app, "add", "anna", "--link", *at)
    lines = [json.loads(line) for line in typed(app, "list", "--json", *at).stdout.splitlines()]
    assert [(one["name"], one["role"]) for one in lines] == [("admin", "admin"), ("anna", "viewer")]
    assert lines[1]["rights"] == {"live": None, "history": None}
    shown = typed(app, "list", *at).stdout
    assert "anna" in shown
    assert "argon2" not in shown


def test_the_audit_has_it_and_shows_when_a_line_is_missing(at: tuple[str, ...], tmp_path: Path) -> None:
    said(PASSWORD, "add", "admin", "--role", "admin", *at)
    typed(app, "add", "anna", "--link", *at)
    typed(app, "remove", "anna", *at)
    found = typed(app, "audit", *at)
    assert found.exit_code == 0
    assert "redshank user" in found.stdout
    audit = schema_access.audit
    store = Store(f"sqlite:///{tmp_path}/data/redshank.db", SystemClock())
    store.write(lambda conn: conn.execute(audit.delete().where(audit.c.number == 2))).result()
    store.close()
    assert typed(app, "audit", *at).exit_code == 1
