"""HTTP Digest (RFC 7616) for one camera: MD5 or SHA-256, `qop=auth` or none at all. Pure.

Our own since httpx reads the whole body of a refusal before it answers to the challenge, however large a hostile camera makes it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.request import parse_http_list

from redshank.errors import SourceDenied

HASHES = {"MD5": hashlib.md5, "MD5-SESS": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-256-SESS": hashlib.sha256}
IN_CLEAR = "the camera asks for the password in clear (Basic), which was not sent: switch digest authentication on in the camera"
DENIED = "the camera refuses the login; check user name and password of its ONVIF account"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the camera wants the password mixed with."""

    realm: str
    nonce: str
    algorithm: str
    qop: bool
    opaque: str

    def header(self, login: tuple[str, str], method: str, path: str, count: int) -> str:
        """`Authorization` of the request number `count` with this challenge, from 1."""
        user, password = login

        def digest(text: str) -> str:
            return HASHES[self.algorithm](text.encode()).hexdigest()

        own = secrets.token_hex(16)
        secret = digest(f"{user}:{self.realm}:{password}")
        if self.algorithm.endswith("-SESS"):
            secret = digest(f"{secret}:{self.nonce}:{own}")
        middle = f"{self.nonce}:{count:08x}:{own}:auth" if self.qop else self.nonce
        said = {
            "username": user,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": path,
            "response": digest(f"{secret}:{middle}:{digest(f'{method}:{path}')}"),
            **({"opaque": self.opaque} if self.opaque else {}),
            **({"cnonce": own} if self.qop else {}),
        }
        quoted = [f'{name}="{_quoted(value)}"' for name, value in said.items()]
        plain = [f"algorithm={self.algorithm}", *([f"qop=auth, nc={count:08x}"] if self.qop else [])]
        return "Digest " + ", ".join([*quoted, *plain])


def challenge(offered: Sequence[str]) -> Challenge:
    """The best of the `WWW-Authenticate` headers. Raises SourceDenied: there is none, or none that keeps the password secret."""
    found = [one for one in map(_challenge, offered) if one is not None]
    if found:
        return max(found, key=lambda one: one.algorithm.startswith("SHA"))
    basic = any(one.strip().lower().startswith("basic") for one in offered)
    raise SourceDenied(IN_CLEAR if basic else DENIED)


def _challenge(offered: str) -> Challenge | None:
    scheme, _, rest = offered.strip().partition(" ")
    if scheme.lower() != "digest" or len(offered) > 2000 or not offered.isprintable():
        return None
    pairs = (one.partition("=") for one in parse_http_list(rest))
    said = {name.strip().lower(): _unquoted(value.strip()) for name, _, value in pairs}
    algorithm, qop = said.get("algorithm", "MD5").upper(), said.get("qop", "")
    wanted = [one.strip().lower() for one in qop.split(",")]
    if algorithm not in HASHES or not said.get("nonce") or (qop and "auth" not in wanted):
        return None
    return Challenge(said.get("realm", ""), said["nonce"], algorithm, bool(qop), said.get("opaque", ""))


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
