"""What a terminal shows so that somebody can open the page: address, a QR code for phones, the one-time link of the first visit."""

from __future__ import annotations

import io
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import segno


@dataclass(frozen=True, slots=True)
class Invitation:
    """How the page is reached."""

    addresses: tuple[str, ...]
    """`https://192.168.1.7:8970`, the best first."""
    ticket: str = ""
    """Of the first visit, or of a log-in: used once. Empty: one logs in with a password."""
    kind: str = "setup"
    """setup or enter."""
    fingerprint: str = ""
    """Of our own certificate authority."""

    @property
    def link(self) -> str:
        """Whom it is for need not type anything."""
        return f"{self.addresses[0]}/#{self.kind}={self.ticket}" if self.ticket else self.addresses[0]


def words(invitation: Invitation, lan: bool) -> str:
    """For a terminal. lan: others than this machine can come."""
    lines = [f"The page: {invitation.link}"]
    lines += [f"          {other}" for other in invitation.addresses[1:]]
    if invitation.ticket and invitation.kind == "setup":
        lines.append("Whoever opens it first chooses the administrator's password; the link works once.")
    if lan:
        lines += ["", _qr(invitation.link)]
        if invitation.fingerprint:
            lines.append(
                "A browser warns once, until the device trusts this certificate authority (the page shows how), SHA-256:"
            )
            lines.append(f"  {invitation.fingerprint}")
    elif invitation.ticket and invitation.kind == "setup":
        lines.append("For phones and other computers on your network: redshank run --lan")
    return "\n".join(lines)


def _qr(text: str) -> str:
    """As characters that are half a line high."""
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, compact=True, border=2)
    return drawn.getvalue()


def ranked(addresses: Sequence[str]) -> list[str]:
    """The address a phone will most likely reach first: private IPv4, then other IPv4, IPv6, this machine itself."""

    def rank(text: str) -> int:
        address = ipaddress.ip_address(text)
        if address.is_loopback or address.is_link_local:
            return 9
        return 3 if address.version == 6 else 1 if text.startswith(("192.168.", "10.")) else 2

    return sorted(addresses, key=rank)
