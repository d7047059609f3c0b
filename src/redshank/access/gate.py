"""The limiter over its buckets in the database: each function is one transaction, so that two tries at once count as two."""

from __future__ import annotations

from sqlalchemy import Connection

from redshank.access import limiter
from redshank.store import attempts
from redshank.store.attempts import Bucket


def enter(conn: Connection, name: str, address: str, now: int) -> int:
    """Count a try of this name from this address. µs to wait, in which case nothing was counted; 0: go on. Write."""
    key = limiter.keys(name, address)
    of_address, of_name, pair = (attempts.get(conn, key[kind]) for kind in ("address", "name", "pair"))
    known = attempts.get(conn, key["known"]).free > now
    wait = max(
        limiter.lane_wait(of_address, limiter.ADDRESS, now),
        0 if known else limiter.lane_wait(of_name, limiter.NAME, now),
        limiter.pair_wait(pair, now),
    )
    if wait > 0:
        return wait
    attempts.put(conn, limiter.lane_taken(of_address, limiter.ADDRESS, now))
    if not known:
        attempts.put(conn, limiter.lane_taken(of_name, limiter.NAME, now))
    attempts.put(conn, limiter.pair_taken(pair, now))
    for prefix, most in limiter.MOST.items():
        attempts.keep(conn, prefix, most)
    return 0


def enter_address(conn: Connection, address: str, now: int) -> int:
    """The same for what has no name: a link. Write."""
    bucket = attempts.get(conn, limiter.keys("", address)["address"])
    wait = limiter.lane_wait(bucket, limiter.ADDRESS, now)
    if wait == 0:
        attempts.put(conn, limiter.lane_taken(bucket, limiter.ADDRESS, now))
        attempts.keep(conn, "address:", limiter.MOST["address:"])
    return wait


def right(conn: Connection, name: str, address: str, now: int) -> None:
    """It was the right password. Write."""
    key = limiter.keys(name, address)
    attempts.remove(conn, key["pair"])
    attempts.put(conn, limiter.lane_given(attempts.get(conn, key["address"]), limiter.ADDRESS, now))
    if attempts.get(conn, key["known"]).free <= now:
        attempts.put(conn, limiter.lane_given(attempts.get(conn, key["name"]), limiter.NAME, now))
    attempts.put(conn, Bucket(key["known"], now + limiter.KNOWN_US, 0, now))
