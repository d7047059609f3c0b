"""From where somebody asks. Pure.

The server has put the address of the first one that is no trusted proxy in place of the connection's by then (`web.trusted_proxies`);
what others write into X-Forwarded-For changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a request."""

    address: str
    direct: bool
    """No proxy says that it stands between: one on this machine makes everybody look as if they sat here."""

    @property
    def here(self) -> bool:
        """From this machine itself."""
        return self.direct and _loopback(self.address)


def origin_of(scope: Mapping[str, Any]) -> Origin:
    """Of an ASGI connection."""
    client = scope.get("client")
    return Origin(client[0] if client else "", not any(name.lower() in _FORWARDED for name, _value in scope["headers"]))


def _loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
