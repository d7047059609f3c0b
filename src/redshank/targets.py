"""Addresses a user names: which ones we connect to, and how to speak of them without giving a secret away.

Pure but for name look-ups. `check` blocks while it resolves a name, so it is called in a reader thread or a pool, never on the
event loop. The look-up itself runs in a daemon thread: with DNS away the system tries for 10 s and more, and nothing can end it.
What `check` returns is an address, and that address is what is connected to: a name that answers differently the next time (DNS
rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from urllib.parse import quote, urlsplit, urlunsplit

from redshank.errors import SourceMissing, TargetRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
LOOKUP_S = 5.0

# Cloud metadata services outside the link-local range: AWS over IPv6, Alibaba, Azure, Oracle.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
NAT64 = ipaddress.ip_network("64:ff9b::/96")

# Everything up to the last @ of a word is the login: a password may itself hold @ : / # and ?.
_LOGIN = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s\"'<>]*@", re.IGNORECASE)
_SECRETS = r"access_?token|token|auth|authorization|pass(?:word|wd)?|pwd|user(?:name)?|usr|login|api_?key|key|secret|sig|session"
_QUERY = re.compile(rf"(?P<name>[?&;](?:{_SECRETS})=)[^&;\s\"'#]*", re.IGNORECASE)
_FIELD = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|token|secret|api[_-]?key)\s*[=:]\s*)[^\s,;&\"']+", re.IGNORECASE
)
_HEADER = re.compile(r"(?P<name>\b(?:basic|bearer)\s+)[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
# Receivers that put their token into the path: Slack, Discord, Telegram.
_PATH = re.compile(r"(?P<name>hooks\.slack\.com/services/|/api/webhooks/|/bot(?=\d+:))[^\s?#\"']+", re.IGNORECASE)


def redact(text: str) -> str:
    """The same text or URL with logins, tokens and secret query values as `***`."""
    text = _LOGIN.sub(r"\g<scheme>***@", text)
    text = _QUERY.sub(r"\g<name>***", text)
    text = _HEADER.sub(r"\g<name>***", text)
    text = _FIELD.sub(r"\g<name>***", text)
    return _PATH.sub(r"\g<name>***", text)


def with_login(url: str, user: str, password: str) -> str:
    """The URL with this login instead of its own; user and password may hold any character.

    Only what RFC 3986 §3.2.1 forbids in a login is encoded: FFmpeg keeps 128 characters of it and no more.
    """
    if not user and not password:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = quote(user, safe="!$&'()*+,;=")
    if password:
        login += ":" + quote(password, safe="!$&'()*+,;=")
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def host_port(text: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` taken apart. Raises ValueError."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise ValueError(f"{text!r} is not host:port")
    return host.strip("[]").lower().rstrip("."), int(port)


def resolved(host: str, port: int) -> list[str]:
    """Numeric addresses of a name, in the system's order. Raises OSError."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


class Targets:
    """Which addresses may be connected to. Any thread.

    allow: the `host:port` entries of `security.allow_targets`, the only way to a loopback service.
    resolve: (host, port) to numeric addresses; raises OSError when there is no such name.
    lookup_s: how long we wait for it.
    """

    def __init__(self, allow: Sequence[str] = (), resolve: Resolve = resolved, lookup_s: float = LOOKUP_S) -> None:
        self._allow = frozenset(host_port(entry) for entry in allow)
        self._resolve = resolve
        self._lookup_s = lookup_s
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, int], Future[Sequence[str]]] = {}
        """Look-ups under way. Who asks again meanwhile waits for the same one, so there is never more than one thread for each name."""

    def allow(self, allow: Sequence[str]) -> None:
        """Other exceptions, from the next check on."""
        self._allow = frozenset(host_port(entry) for entry in allow)

    def check(self, host: str, port: int) -> str:
        """The numeric address to connect to. Raises TargetRefused, or SourceMissing when the name does not resolve."""
        name = host.strip("[]").lower().rstrip(".")
        try:
            addresses = self._look_up(name, port) if name else []
        except TimeoutError as error:
            raise SourceMissing(
                f"{host}: no answer from DNS within {self._lookup_s:g} s; check the network, or give the device's address"
            ) from error
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise SourceMissing(f"{host or 'no host'}: no such name; check the spelling and the network's DNS")
        refusals: list[str] = []
        for text in addresses:
            refusal = self._refusal(name, ipaddress.ip_address(text), port)
            if not refusal:
                return text
            refusals.append(refusal)
        raise TargetRefused(refusals[0])

    def _look_up(self, name: str, port: int) -> Sequence[str]:
        """Raises TimeoutError, OSError or UnicodeError."""
        with self._lock:
            answer = self._asked.get((name, port))
            if answer is None:
                answer = self._asked[name, port] = Future()
                threading.Thread(target=self._ask, args=(name, port, answer), name="look-up", daemon=True).start()
        return answer.result(self._lookup_s)

    def _ask(self, name: str, port: int, answer: Future[Sequence[str]]) -> None:
        try:
            addresses = self._resolve(name, port)
        except (OSError, UnicodeError) as error:
            self._forget(name, port)
            answer.set_exception(error)
        else:
            self._forget(name, port)
            answer.set_result(addresses)

    def _forget(self, name: str, port: int) -> None:
        """Before the answer is told: who asks after it gets a look-up of their own."""
        with self._lock:
            del self._asked[name, port]

    def _refusal(self, name: str, given: Address, port: int) -> str:
        address = embedded(given)
        at = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        if address in METADATA or address.is_link_local or given.is_link_local:
            return f"{at} is a link-local or metadata address ({given}): never connected to; give the device an ordinary address"
        if not (address.is_loopback or address.is_unspecified):
            no_device = address.is_multicast or address.is_reserved
            return f"{at} is not the address of one device ({given}); check it" if no_device else ""
        known = {(name, port), (str(given), port), (str(address), port)}
        if self._allow & known or (address.is_loopback and ("localhost", port) in self._allow):
            return ""
        return f'{at} is this machine itself; to allow it add "{at}" to security.allow_targets'


def embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, NAT64, 6to4), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address
