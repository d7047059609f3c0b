"""Secrets that we make: of sessions, tokens, links. Pure but for the kernel's random numbers.

256 random bits need no slow hash: nobody guesses them, so the database holds their SHA-256, by which they are also found (a look-up
by a hash tells nothing by how long it takes).
"""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32
TOKEN = "rs_"
"""A token begins so, so that one that is where it should not be is recognised."""
LONGEST = 200
"""Anything longer is none of ours, and not even looked at."""


def new_secret() -> str:
    """43 letters, digits, - and _."""
    return secrets.token_urlsafe(BYTES)


def new_token() -> str:
    return TOKEN + new_secret()


def digest(secret: str) -> str:
    """SHA-256, hex; empty for what cannot be a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest() if 0 < len(secret) <= LONGEST else ""
