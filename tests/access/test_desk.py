"""Log-in, sessions, tokens, links: who they make one, and what ends them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from redshank.access import account, asker
from redshank.access.desk import TOUCH_US, Came, Desk
from redshank.access.password import Cost, Passwords
from redshank.access.refusal import Refusal
from redshank.access.secret import digest, new_secret
from redshank.access.who import Role, Verb
from redshank.clock import US_PER_S, new_id
from redshank.errors import StoreError
from redshank.store import register
from redshank.store.base import Store
from redshank.store.tokens import Guest, Token
from tests.access import people
from tests.access.people import HERE, HOME, PASSWORD
from tests.harness.clocks import FakeClock

HOUR_US = 3600 * US_PER_S


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000_000_000_000_000)


@pytest.fixture
def desk(tmp_path: Path, clock: FakeClock) -> Iterator[Desk]:
    with people.desk(tmp_path, clock) as made:
        yield made


async def test_the_first_one_becomes_administrator_and_nobody_after(desk: Desk) -> None:
    """rel:S03."""
    with pytest.raises(Refusal) as none:
        await desk.login("admin", "admin", HOME)
    assert none.value.why == "forbidden"
    cookie = await people.admin(desk)
    who = await desk.who(cookie, "", "127.0.0.1")
    assert who is not None
    assert (who.kind, who.name, who.role, set(who.rights)) == ("user", "admin", Role.ADMIN, set(Verb))
    with pytest.raises(Refusal) as again:
        await desk.setup("another", PASSWORD, "", HERE)
    assert again.value.why == "conflict"


async def test_from_elsewhere_it_takes_a_ticket_which_works_once(desk: Desk) -> None:
    """rel:S03."""
    ticket = await desk.ticket("setup")
    for wrong in ("", "x", await desk.ticket("setup", hours=-1)):
        with pytest.raises(Refusal) as refused:
            await desk.setup("admin", PASSWORD, wrong, HOME)
        assert refused.value.why == "forbidden"
    with pytest.raises(Refusal, match="does not work any more"):
        await desk.enter(ticket, HOME)
    assert await desk.setup("admin", PASSWORD, ticket, HOME)


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 201])
async def test_a_password_has_twelve_to_two_hundred_characters(desk: Desk, password: str) -> None:
    """rel:S15."""
    with pytest.raises(Refusal, match="12 to 200"):
        await desk.setup("admin", password, "", HERE)


async def test_only_the_right_password_gets_in_and_the_hash_is_none(desk: Desk, tmp_path: Path) -> None:
    """rel:S15."""
    await people.admin(desk)
    kept = (await desk.register()).named("ADMIN")
    assert kept is not None
    assert kept.password.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    for wrong in (PASSWORD.upper(), PASSWORD + " ", "", kept.password, kept.password.rpartition("$")[2], "x" * 1000):
        with pytest.raises(Refusal) as refused:
            await desk.login("admin", wrong, Came(f"192.0.2.{len(wrong) % 250}"))
        assert refused.value.why == "unknown"
        desk._clock.advance(60)  # type: ignore[attr-defined]
    assert await desk.login("Admin", PASSWORD, HOME)


async def test_a_password_is_the_same_however_its_letters_are_composed(desk: Desk) -> None:
    await desk.setup("admin", "Gr\u00fc\u00dfe aus K\u00f6ln", "", HERE)
    assert await desk.login("admin", "Gru\u0308\u00dfe aus Ko\u0308ln", HOME)


async def test_a_hash_made_with_other_parameters_is_made_anew_at_the_next_log_in(
    tmp_path: Path, clock: FakeClock
) -> None:
    with people.desk(tmp_path, clock) as desk:
        cookie = await people.admin(desk)
        later = Desk(desk._store, clock, Passwords(Cost(2, 16, 1)))
        await later.login("admin", PASSWORD, HOME)
        found = (await later.register()).named("admin")
        assert found is not None
        assert "m=16,t=2" in found.password
        assert await later.who(cookie, "", "") is not None, "it is the same password: nobody is logged out"


async def test_each_log_in_is_another_session_and_ends_the_one_it_came_with(desk: Desk) -> None:
    """rel:S18."""
    first = await people.admin(desk)
    second = await desk.login("admin", PASSWORD, Came("192.0.2.7", cookie=first))
    assert second != first
    assert len(second) >= 43
    assert await desk.who(first, "", "") is None
    chosen = await desk.login("admin", PASSWORD, Came("192.0.2.7", cookie="chosen by somebody else"))
    assert await desk.who("chosen by somebody else", "", "") is None
    assert {one.secret for one in (await desk.register()).sessions.values()} == {digest(second), digest(chosen)}


async def test_no_secret_is_in_the_database(desk: Desk, tmp_path: Path) -> None:
    """rel:S12 S18."""
    cookie = await people.admin(desk)
    owner = (await desk.register()).named("admin")
    assert owner is not None
    secrets = [cookie, PASSWORD, await people.token(desk, owner, ["live"]), await desk.ticket("login", owner.id)]
    with sqlite3.connect(tmp_path / "redshank.db") as conn:
        dump = "\n".join(conn.iterdump())
    assert "sessions" in dump
    assert [one for one in secrets if one in dump or one.removeprefix("rs_") in dump] == []


async def test_a_session_slides_thirty_days_and_ends_after_ninety(desk: Desk, clock: FakeClock) -> None:
    cookie = await people.admin(desk)
    for _ in range(4):
        clock.advance(20 * 86_400)
        assert await desk.who(cookie, "", "") is not None
    clock.advance(10 * 86_400)
    assert await desk.who(cookie, "", "") is None
    cookie = await desk.login("admin", PASSWORD, HOME)
    clock.advance(30 * 86_400)
    assert await desk.who(cookie, "", "") is None


async def test_last_seen_is_written_once_a_minute(desk: Desk, clock: FakeClock) -> None:
    cookie = await people.admin(desk)
    begun = clock.now()
    for seconds, seen in ((5, 0), (50, 0), (5, 60), (5, 60), (54, 60), (1, 120)):
        clock.advance(seconds)
        assert await desk.who(cookie, "", "") is not None
        desk._store.write(lambda conn: None).result()
        (kept,) = desk._store.read(register.load).sessions.values()
        assert kept.seen == begun + seen * US_PER_S
    assert TOUCH_US == 60 * US_PER_S


async def test_a_request_asks_no_database(desk: Desk) -> None:
    cookie = await people.admin(desk)
    who = await desk.who(cookie, "", "")
    assert who is not None
    reads: list[object] = []
    desk._store.read = lambda work: reads.append(work)  # type: ignore[method-assign,assignment,return-value]
    for _ in range(100):
        assert await desk.who(cookie, "", "") is not None
        assert await desk.who("nobody's", "", "") is None
        assert await desk.still(who)
    assert reads == []


@pytest.mark.parametrize(
    "what",
    [
        {"password": "another hash"},
        {"role": "operator"},
        {"rights": {"live": ["yard"]}},
        {"disabled": True},
    ],
    ids=lambda one: next(iter(one)),
)
async def test_what_changes_an_account_ends_its_sessions_at_once(desk: Desk, what: dict[str, object]) -> None:
    """rel:S18."""
    await people.admin(desk)
    anna = await people.user(desk, "Anna")
    cookie = await desk.login("anna", PASSWORD, HOME)
    who = await desk.who(cookie, "", "")
    assert who is not None
    assert await desk.still(who)
    await desk.change(partial(account.change, id=anna.id, values=what))
    assert await desk.who(cookie, "", "") is None
    assert not await desk.still(who)


async def test_another_name_ends_no_session(desk: Desk) -> None:
    await people.admin(desk)
    anna = await people.user(desk, "Anna")
    cookie = await desk.login("anna", PASSWORD, HOME)
    await desk.change(partial(account.change, id=anna.id, values={"name": "Anne"}))
    who = await desk.who(cookie, "", "")
    assert who is not None
    assert who.name == "Anne"


async def test_ones_own_password_ends_the_other_sessions_only(desk: Desk) -> None:
    """rel:S18."""
    mine = await people.admin(desk)
    other = await desk.login("admin", PASSWORD, HOME)
    who = await desk.who(mine, "", "127.0.0.1")
    assert who is not None
    with pytest.raises(Refusal, match="old password"):
        await desk.own_password(who, "not the old one", "the new password")
    await desk.own_password(who, PASSWORD, "the new password")
    assert await desk.who(mine, "", "") is not None
    assert await desk.who(other, "", "") is None
    with pytest.raises(Refusal):
        await desk.login("admin", PASSWORD, HOME)
    assert await desk.login("admin", "the new password", HOME)


async def test_a_removed_account_is_gone_with_all_it_made(desk: Desk, clock: FakeClock) -> None:
    """rel:S18."""
    await people.admin(desk)
    boss = await people.user(desk, "boss", Role.ADMIN)
    cookie = await desk.login("boss", PASSWORD, HOME)
    token = await people.token(desk, boss, ["live"])
    link = new_secret()
    now = clock.now()
    guest = Guest(new_id(now), "aunt", digest(link), ["live"], ["yard"], boss.id, now, now + HOUR_US)
    await desk.change(partial(account.give, one=guest))
    visitor = await desk.enter(link, HOME)
    before = [await desk.who(cookie, "", ""), await desk.who("", token, ""), await desk.who(visitor, "", "")]
    assert None not in before
    await desk.change(partial(account.remove, id=boss.id))
    assert [await desk.who(cookie, "", ""), await desk.who("", token, ""), await desk.who(visitor, "", "")] == [
        None
    ] * 3
    assert not any([await desk.still(one) for one in before if one])
    with pytest.raises(Refusal):
        await desk.enter(link, HOME)


async def test_the_last_administrator_stays(desk: Desk) -> None:
    await people.admin(desk)
    (only,) = (await desk.register()).admins
    for change in ({"role": "viewer"}, {"disabled": True}):
        with pytest.raises(Refusal, match="last administrator"):
            await desk.change(partial(account.change, id=only.id, values=change))
    with pytest.raises(Refusal, match="last administrator"):
        await desk.change(partial(account.remove, id=only.id))
    await people.user(desk, "second", Role.ADMIN)
    await desk.change(partial(account.remove, id=only.id))
    assert [one.name for one in (await desk.register()).admins] == ["second"]


@pytest.mark.parametrize(
    ("name", "role", "rights", "why"),
    [
        ("ADMIN", "viewer", None, "already"),
        ("", "viewer", None, "1 to 100"),
        (" anna", "viewer", None, "1 to 100"),
        ("an\nna", "viewer", None, "1 to 100"),
        ("x" * 101, "viewer", None, "1 to 100"),
        ("anna", "root", None, "role"),
        ("anna", "viewer", {"configure": None}, "configure"),
        ("anna", "viewer", {"export": ["yard"]}, "export"),
        ("anna", "admin", {"live": ["yard"]}, "everything"),
    ],
)
async def test_an_account_that_cannot_be_is_refused(desk: Desk, name: str, role: str, rights: object, why: str) -> None:
    await people.admin(desk)
    with pytest.raises(Refusal, match=why):
        await people.user(desk, name, role, rights=rights)  # type: ignore[arg-type]
    assert len((await desk.register()).users) == 1


async def test_rights_are_those_of_the_role_narrowed_to_cameras(desk: Desk) -> None:
    await people.admin(desk)
    await people.user(desk, "anna", Role.OPERATOR, rights={"live": ["yard", "door"], "history": None})
    who = await desk.who(await desk.login("anna", PASSWORD, HOME), "", "")
    assert who is not None
    assert who.cameras(Verb.LIVE, ["gate", "door", "yard"]) == ["door", "yard"]
    assert who.may(Verb.HISTORY, "gate")
    assert not who.may(Verb.EXPORT)
    assert not who.may(Verb.CONFIGURE)


async def test_a_token_is_worth_at_most_what_its_owner_is_now(desk: Desk, clock: FakeClock) -> None:
    """rel:S19."""
    await people.admin(desk)
    anna = await people.user(desk, "anna", Role.OPERATOR, rights={"live": ["yard", "door"], "history": None})
    secret = await people.token(desk, anna, ["live", "history", "configure"], ["yard", "gate"], clock.now() + HOUR_US)
    who = await desk.who("", secret, "192.0.2.9")
    assert who is not None
    assert (who.kind, who.role, who.address) == ("token", None, "192.0.2.9")
    assert who.rights == {Verb.LIVE: frozenset({"yard"}), Verb.HISTORY: frozenset({"yard", "gate"})}
    await desk.change(partial(account.change, id=anna.id, values={"rights": {"live": ["door"]}}))
    assert not await desk.still(who)
    less = await desk.who("", secret, "")
    assert less is not None
    assert not less.may(Verb.LIVE, "yard")
    await desk.change(partial(account.change, id=anna.id, values={"rights": None}))
    clock.advance(3600)
    assert await desk.who("", secret, "") is None


async def test_a_token_says_when_it_was_used_and_ends_when_taken(desk: Desk, clock: FakeClock) -> None:
    """rel:S18 S19."""
    await people.admin(desk)
    anna = await people.user(desk, "anna")
    secret = await people.token(desk, anna, ["live"])
    who = await desk.who("", secret, "")
    assert who is not None
    (kept,) = (await desk.register()).tokens.values()
    assert kept.last_used == clock.now()
    await desk.change(partial(account.take, kind=Token, id=kept.id))
    assert await desk.who("", secret, "") is None
    assert not await desk.still(who)
    for wrong in (secret[:-1], secret[3:], kept.secret, "rs_", "rs_" + "x" * 10_000):
        assert await desk.who("", wrong, "") is None


async def test_a_wrong_token_is_nobody_whatever_cookie_comes_with_it(desk: Desk) -> None:
    assert await desk.who(await people.admin(desk), "rs_wrong", "") is None


async def test_a_guest_comes_again_until_the_link_ends(desk: Desk, clock: FakeClock) -> None:
    await people.admin(desk)
    (boss,) = (await desk.register()).admins
    link, now = new_secret(), clock.now()
    guest = Guest(new_id(now), "aunt", digest(link), ["live", "delete"], ["yard"], boss.id, now, now + HOUR_US)
    await desk.change(partial(account.give, one=guest))
    cookies = [await desk.enter(link, HOME) for _ in range(3)]
    assert len(set(cookies)) == 3
    who = await desk.who(cookies[0], "", "")
    assert who is not None
    assert (who.kind, who.name, who.role) == ("guest", "aunt", None)
    assert who.may(Verb.LIVE, "yard")
    assert not who.may(Verb.LIVE, "door")
    clock.advance(3600)
    assert await desk.who(cookies[0], "", "") is None
    assert not await desk.still(who)
    with pytest.raises(Refusal):
        await desk.enter(link, HOME)


async def test_a_log_in_link_works_once(desk: Desk, clock: FakeClock) -> None:
    await people.admin(desk)
    anna = await people.user(desk, "anna")
    ticket, late = await desk.ticket("login", anna.id), await desk.ticket("login", anna.id, hours=1)
    who = await desk.who(await desk.enter(ticket, HOME), "", "")
    assert who is not None
    assert who.name == "anna"
    clock.advance(3600)
    for used in (ticket, late, "", "nonsense"):
        with pytest.raises(Refusal) as refused:
            await desk.enter(used, HOME)
        assert refused.value.why == "unknown"


async def test_somebody_who_says_the_password_each_time_is_vouched_for(desk: Desk) -> None:
    """RTSP."""
    await people.admin(desk)
    anna = await people.user(desk, "anna")
    who = await desk.vouch("anna", PASSWORD, "192.0.2.7")
    assert who.may(Verb.LIVE)
    assert await desk.still(who)
    with pytest.raises(Refusal):
        await desk.vouch("anna", "wrong", "192.0.2.7")
    secret = await people.token(desk, anna, ["live"])
    assert (await desk.vouch("anybody", secret, "192.0.2.7")).kind == "token"
    await desk.change(partial(account.change, id=anna.id, values={"password": await desk.passwords.hash("x" * 12)}))
    assert not await desk.still(who)


async def test_what_another_process_changes_holds_within_a_second(tmp_path: Path, clock: FakeClock) -> None:
    """As `redshank user` does it while the program runs."""
    with people.desk(tmp_path, clock) as desk:
        await people.admin(desk)
        anna = await people.user(desk, "anna")
        cookie = await desk.login("anna", PASSWORD, HOME)
        who = await desk.who(cookie, "", "")
        assert who is not None
        other = Store(f"sqlite:///{tmp_path}/redshank.db", clock)
        other.write(partial(account.remove, id=anna.id)).result()
        other.close()
        clock.advance(1)
        assert not await desk.still(who)
        assert await desk.who(cookie, "", "") is None


async def test_everybody_is_remembered_over_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    with people.desk(tmp_path, clock) as desk:
        cookie = await people.admin(desk)
    with people.desk(tmp_path, clock) as desk:
        assert await desk.who(cookie, "", "") is not None


async def test_logging_out_ends_this_session_alone(desk: Desk) -> None:
    """rel:S18."""
    mine, other = await people.admin(desk), await desk.login("admin", PASSWORD, HOME)
    who = await desk.who(mine, "", "")
    assert who is not None
    await desk.logout(who)
    assert await desk.who(mine, "", "") is None
    assert await desk.who(other, "", "") is not None


async def test_an_owner_has_so_many_sessions_and_the_one_longest_not_seen_ends(desk: Desk, clock: FakeClock) -> None:
    first = await people.admin(desk)
    second = await desk.login("admin", PASSWORD, HOME)
    clock.advance(3600)
    assert await desk.who(first, "", "") is not None
    for n in range(account.SESSIONS - 1):
        await desk.login("admin", PASSWORD, Came(f"198.51.100.{n}"))
        clock.advance(10)
    assert await desk.who(second, "", "") is None
    assert await desk.who(first, "", "") is not None
    assert len((await desk.register()).sessions) == account.SESSIONS
    assert asker.IDLE_US < asker.LONGEST_US


async def test_the_right_password_is_right_however_often_it_is_said(desk: Desk) -> None:
    """A recorder of somebody else's opens eight cameras at once; and a family comes home behind one address."""
    await people.admin(desk)
    at_once = await asyncio.gather(*(desk.vouch("admin", PASSWORD, "192.0.2.9") for _ in range(8)))
    assert [one.name for one in at_once] == ["admin"] * 8
    assert [(await desk.vouch("admin", PASSWORD, "192.0.2.9")).name for _ in range(60)] == ["admin"] * 60
    for n in range(20):
        await people.user(desk, f"child {n}")
        assert await desk.login(f"child {n}", PASSWORD, HOME)


async def test_what_is_remembered_tells_nobody_who_guesses(desk: Desk, clock: FakeClock) -> None:
    """rel:S16"""
    await people.admin(desk)
    await desk.vouch("admin", PASSWORD, "192.0.2.9")
    for guess in ("wrong", "wrong too", "wrong again", "and again"):
        with pytest.raises(Refusal):
            await desk.vouch("admin", guess, "192.0.2.9")
    with pytest.raises(Refusal) as refused:
        await desk.vouch("admin", PASSWORD, "192.0.2.9")
    assert refused.value.why == "often"


async def test_what_is_remembered_ends_with_the_password_or_the_account(desk: Desk) -> None:
    """rel:S18"""
    await people.admin(desk)
    anna = await people.user(desk, "anna", Role.OPERATOR)
    assert (await desk.vouch("anna", PASSWORD, "192.0.2.9")).may(Verb.EXPORT)
    await desk.change(partial(account.change, id=anna.id, values={"role": "viewer"}))
    assert not (await desk.vouch("anna", PASSWORD, "192.0.2.9")).may(Verb.EXPORT)
    await desk.change(partial(account.change, id=anna.id, values={"disabled": True}))
    with pytest.raises(Refusal):
        await desk.vouch("anna", PASSWORD, "192.0.2.9")


async def test_a_flood_of_log_ins_leaves_the_recorders_writes_their_room(tmp_path: Path, clock: FakeClock) -> None:
    """rel:S16"""
    with people.desk(tmp_path, clock) as desk:
        await people.admin(desk)
        written: list[object] = []
        real = desk._store.write
        desk._store.write = lambda work: written.append(work) or real(work)  # type: ignore[method-assign,func-returns-value]
        tries = (desk.login(f"user {n}", PASSWORD, HOME) for n in range(2000))
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert all(isinstance(one, Refusal) for one in answers)
        assert 0 < len(written) < 150
        assert real(lambda conn: "recorded").result(5) == "recorded"


async def test_a_password_an_administrator_set_meanwhile_stays(desk: Desk) -> None:
    await people.admin(desk)
    anna = await people.user(desk, "anna")
    await desk.change(partial(account.change, id=anna.id, values={"password": "by the administrator"}))
    late = partial(account.own_password, id=anna.id, old=anna.password, new="of a thief", session="")
    with pytest.raises(Refusal, match="changed meanwhile"):
        await desk.change(late)
    assert (await desk.register()).users[anna.id].password == "by the administrator"


@pytest.mark.parametrize("what", [{"password": "another"}, {"role": "operator"}, {"disabled": True}], ids=str)
async def test_what_ends_sessions_ends_log_in_links_too(desk: Desk, what: dict[str, object]) -> None:
    """rel:S18"""
    await people.admin(desk)
    anna = await people.user(desk, "anna")
    link = await desk.ticket("login", anna.id)
    await desk.change(partial(account.change, id=anna.id, values=what))
    await desk.change(partial(account.change, id=anna.id, values={"disabled": False}))
    with pytest.raises(Refusal, match="does not work any more"):
        await desk.enter(link, HOME)


async def test_rights_that_cannot_be_looked_at_again_hold_for_half_a_minute(desk: Desk, clock: FakeClock) -> None:
    cookie = await people.admin(desk)
    real = desk._store.read

    def broken(_work: object) -> None:
        raise StoreError("the disk is gone")

    desk._store.read = broken  # type: ignore[method-assign,assignment]
    clock.advance(20)
    assert await desk.who(cookie, "", "") is not None
    clock.advance(10)
    with pytest.raises(StoreError, match="cannot be read"):
        await desk.who(cookie, "", "")
    desk._store.read = real  # type: ignore[method-assign]
    clock.advance(1)
    assert await desk.who(cookie, "", "") is not None
