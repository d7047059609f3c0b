"""Which ONVIF cameras are in this network: WS-Discovery (OASIS, 1.1 §5 as ONVIF Core §7 uses it), a question to everybody over UDP.

On the event loop; what was answered is read in a thread, bounded in number and size. An answer proves nothing: whoever connects to what
it names checks the address as any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from uuid import UUID
from xml.etree.ElementTree import Element

from redshank.clock import Clock
from redshank.errors import SourceUnusable
from redshank.onvif.soap import ENVELOPE
from redshank.onvif.xml import parse, text

EVERYBODY = ("239.255.255.250", 3702)
WAIT_S = 3.0
AGAIN_S = 0.5
"""UDP loses some; the question is asked twice (SOAP-over-UDP 1.1 §4.2)."""
MOST_ANSWERS = 512
MOST_BYTES = 16_384
MOST_CAMERAS = 256
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that answered."""

    name: str
    make: str
    """Often empty: few say it."""
    model: str
    address: str
    """Numeric."""
    xaddr: str
    """Of its device service."""


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: list[tuple[bytes, str]]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) <= MOST_BYTES and len(self._heard) < MOST_ANSWERS:
            self._heard.append((data, addr[0]))

    def error_received(self, exc: Exception) -> None:
        """Somebody has no such port; others may answer."""


async def discover(
    addresses: Sequence[str], clock: Clock, everybody: tuple[str, int] = EVERYBODY, wait_s: float = WAIT_S
) -> list[Found]:
    """Those that answered within `wait_s`, by address. addresses: of this machine's interfaces (IPv4), each of which asks."""
    heard: list[tuple[bytes, str]] = []
    id = f"urn:uuid:{UUID(bytes=secrets.token_bytes(16), version=4)}"
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        asking = []
        for address in addresses:
            # An interface that has just gone, or cannot do this, asks nobody.
            with contextlib.suppress(OSError):
                transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(heard), sock=_socket(address))
                stack.callback(transport.close)
                asking.append(transport)
        for pause_s in (AGAIN_S, wait_s - AGAIN_S):
            for transport in asking:
                transport.sendto(question(id), everybody)
            await clock.sleep(max(0.0, pause_s))
    return await asyncio.to_thread(_found, heard, id)


def _socket(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        made.bind((address, 0))
    except OSError:
        made.close()
        raise
    return made


def question(id: str) -> bytes:
    """A Probe for network video transmitters."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{ENVELOPE}" xmlns:a="{_ADDRESSING}"><s:Header>'
        f"<a:Action>{_DISCOVERY}/Probe</a:Action><a:MessageID>{id}</a:MessageID>"
        f"<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>"
        f'<s:Body><Probe xmlns="{_DISCOVERY}"><Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
        f"dn:NetworkVideoTransmitter</Types></Probe></s:Body></s:Envelope>"
    ).encode()


def _found(heard: Sequence[tuple[bytes, str]], id: str) -> list[Found]:
    cameras: dict[str, Found] = {}
    for data, sender in heard:
        for one in matches(data, sender, id):
            if len(cameras) < MOST_CAMERAS:
                cameras.setdefault(one.address, one)
    return sorted(cameras.values(), key=lambda one: ipaddress.ip_address(one.address).packed)


def matches(data: bytes, sender: str, id: str) -> list[Found]:
    """The cameras of one answer to the question `id`; none of what is not one."""
    try:
        root = parse(data)
    except SourceUnusable:
        return []
    if text(root, "Header", "RelatesTo") != id:
        return []
    found = (_camera(one, sender) for one in root.iter("ProbeMatch"))
    return [one for one in found if one is not None]


def _camera(match: Element, sender: str) -> Found | None:
    xaddrs = [one for one in text(match, "XAddrs").split()[:8] if _usable(one)]
    if not xaddrs:
        return None
    xaddr = next((one for one in xaddrs if urlsplit(one).hostname == sender), xaddrs[0])
    said = [unquote(one.partition("://www.onvif.org/")[2]) for one in text(match, "Scopes").split()[:64]]
    return Found(
        name=_scope(said, "name"),
        make=_scope(said, "manufacturer") or _scope(said, "mfr"),
        model=_scope(said, "hardware"),
        address=urlsplit(xaddr).hostname or "",
        xaddr=xaddr,
    )


def _usable(xaddr: str) -> bool:
    """Names, loopback and link-local addresses are not for us."""
    try:
        parts = urlsplit(xaddr)
        address = ipaddress.ip_address(parts.hostname or "")
        _ = parts.port
    except ValueError:
        return False
    odd = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and not odd


def _scope(said: Sequence[str], name: str) -> str:
    """`name/Front%20door` → `Front door`."""
    found = next((one for one in said if one.lower().startswith(f"{name}/")), "")
    return " ".join("".join(c if c.isprintable() else " " for c in found[len(name) + 1 :]).split())[:100]
