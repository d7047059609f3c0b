"""SOAP 1.2 as ONVIF speaks it: envelopes out, with WS-UsernameToken when somebody logs in; bodies and faults back. Pure.

The digest is that of the OASIS "Web Services Security UsernameToken Profile 1.1" §3.1: the password itself never leaves. A fresh nonce
each time, and the camera's own time, since a clock that is off by more than seconds is refused (ONVIF Core §5.9.2).
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from hashlib import sha1
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from redshank.clock import rfc3339
from redshank.errors import SourceDenied, SourceError, SourceUnusable
from redshank.onvif.xml import below, parse, text

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_DIGEST = f"{_SECURITY}-username-token-profile-1.0#PasswordDigest"
_BASE64 = f"{_SECURITY}-soap-message-security-1.0#Base64Binary"
_DENIED = ("notauthorized", "failedauthentication", "invalidsecurity", "authority")


def envelope(body: str, header: str = "") -> bytes:
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{ENVELOPE}">{head}<s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def login(user: str, password: str, now: int, nonce: bytes | None = None) -> str:
    """The header of one message. now: the camera's time, µs. nonce: only for tests."""
    nonce = nonce or secrets.token_bytes(16)
    created = rfc3339(now)[:19] + "Z"
    digest = b64encode(sha1(nonce + created.encode() + password.encode()).digest()).decode()
    return (
        f'<Security s:mustUnderstand="1" xmlns="{_SECURITY}-wssecurity-secext-1.0.xsd"><UsernameToken>'
        f'<Username>{escape(user)}</Username><Password Type="{_DIGEST}">{digest}</Password>'
        f'<Nonce EncodingType="{_BASE64}">{b64encode(nonce).decode()}</Nonce>'
        f'<Created xmlns="{_SECURITY}-wssecurity-utility-1.0.xsd">{created}</Created></UsernameToken></Security>'
    )


def answer(data: bytes) -> Element:
    """What the body holds. Raises SourceDenied, SourceUnusable, or SourceError for another fault."""
    body = below(parse(data), "Body")
    if body is None or not len(body):
        raise SourceUnusable("its answer is not SOAP: this address does not speak ONVIF")
    found = body[0]
    if found.tag == "Fault":
        raise _fault(found)
    return found


def _fault(fault: Element) -> SourceError:
    """SOAP 1.2 §5.4, or 1.1 as some cameras answer."""
    codes = " ".join(text(one) for one in fault.iter() if one.tag in ("Value", "faultcode"))
    reason = text(fault, "Reason", "Text") or text(fault, "faultstring") or codes or "no reason given"
    if any(word in (codes + reason).lower().replace(" ", "") for word in _DENIED):
        return SourceDenied("it refuses the login; check user name and password of its ONVIF account")
    return SourceError(f"it answers: {reason[:200]}")
