"""How often a password may be tried. Pure: functions of buckets and of the time; `store.attempts` keeps the buckets over restarts.

Three things are counted, a try as soon as it begins (so that many at once count as many):

- of an address, 30 a minute: whoever tries many names;
- of a name, 10 a minute from all addresses together: whoever tries from many addresses;
- of a name from one address, 3, then ever more slowly, up to one a minute. This one is slower than the name's ten, so that one address
  alone never uses them up, and the owner still gets in from another. An address from where they did get in lately does not ask for
  the ten at all, so that not even a thousand addresses lock them out.

The right password gives back what it took. Both buckets are leaky (as in GCRA, ITU-T I.371): in any minute at most burst + 60 s / gap.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass, replace

from redshank.clock import US_PER_S
from redshank.store.attempts import Bucket


@dataclass(frozen=True, slots=True)
class Lane:
    """So many at once, then one each so often."""

    burst: int
    gap_us: int


ADDRESS = Lane(15, 4 * US_PER_S)
NAME = Lane(5, 12 * US_PER_S)
FREE = 3
"""Tries of a name from one address before it gets slower."""
SLOWEST_US = 60 * US_PER_S
KNOWN_US = 90 * 86_400 * US_PER_S
"""So long an address is known after a log-in."""
MOST = {"address:": 5_000, "name:": 5_000, "pair:": 10_000, "known:": 5_000}
"""Buckets of each kind that are kept."""


def place(address: str) -> str:
    """What counts as one address: of IPv6 the network (/64), of which everybody has 2⁶⁴ addresses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def keys(name: str, address: str) -> dict[str, str]:
    """By kind. Names are hashed: somebody may have typed a password in their place."""
    known = hashlib.sha256(name.casefold().encode("utf-8", "replace")).hexdigest()[:32]
    where = place(address)
    return {
        "address": f"address:{where}",
        "name": f"name:{known}",
        "pair": f"pair:{known}:{where}",
        "known": f"known:{known}:{where}",
    }


def lane_wait(bucket: Bucket, lane: Lane, now: int) -> int:
    """µs until one more is allowed; 0: now."""
    # A clock that was set back must not lock anybody out for longer than a full bucket does.
    free = min(bucket.free, now + lane.burst * lane.gap_us)
    return max(0, free - now - (lane.burst - 1) * lane.gap_us)


def lane_taken(bucket: Bucket, lane: Lane, now: int) -> Bucket:
    return replace(bucket, free=max(now, min(bucket.free, now + lane.burst * lane.gap_us)) + lane.gap_us, updated=now)


def lane_given(bucket: Bucket, lane: Lane, now: int) -> Bucket:
    """Back."""
    return replace(bucket, free=bucket.free - lane.gap_us, updated=now)


def pair_wait(bucket: Bucket, now: int) -> int:
    """µs until this name may be tried from this address."""
    return min(SLOWEST_US, max(0, bucket.free - now))


def pair_taken(bucket: Bucket, now: int) -> Bucket:
    """4 s after the third, then twice as long each time."""
    failures = min(bucket.failures + 1, 1000)
    wait = 0 if failures < FREE else min(SLOWEST_US, (4 << min(failures - FREE, 8)) * US_PER_S)
    return replace(bucket, free=now + wait, failures=failures, updated=now)


def seconds(wait_us: int) -> int:
    """As Retry-After says it."""
    return math.ceil(wait_us / US_PER_S)
