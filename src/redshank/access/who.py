"""Who asks, and what they may do: rights are verbs, each for some cameras or for all of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Verb(StrEnum):
    """What can be done with a camera, or (configure) with the whole site."""

    LIVE = "live"
    HISTORY = "history"
    EXPORT = "export"
    DELETE = "delete"
    TALK = "talk"
    CONFIGURE = "configure"


class Role(StrEnum):
    """admin: everything · operator: looks, exports, reviews, talks · viewer: looks."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


Rights = Mapping[Verb, frozenset[str] | None]
"""Verb → cameras; None: every camera, also those added later. A verb that is not there is not allowed."""

ROLE_RIGHTS: Mapping[Role, Rights] = {
    Role.ADMIN: dict.fromkeys(Verb),
    Role.OPERATOR: dict.fromkeys((Verb.LIVE, Verb.HISTORY, Verb.EXPORT, Verb.TALK)),
    Role.VIEWER: dict.fromkeys((Verb.LIVE, Verb.HISTORY)),
}
"""Of a role, before they are narrowed to cameras."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever asks, as the guard knows them."""

    kind: Literal["user", "guest", "token", "nobody"]
    id: str
    """Of the user, guest link or token."""
    name: str
    role: Role | None = None
    """Of a user."""
    rights: Rights = field(default_factory=dict)
    session: str = ""
    """Id of the session, not its secret; empty for a token."""
    address: str = ""
    """Where the request comes from."""

    def may(self, verb: Verb, camera: str | None = None) -> bool:
        """camera: None asks whether the verb is theirs at all."""
        if verb not in self.rights:
            return False
        cameras = self.rights[verb]
        return cameras is None or camera is None or camera in cameras

    def cameras(self, verb: Verb, known: Iterable[str]) -> list[str]:
        """Those of `known` the verb is theirs for, in the same order."""
        return [name for name in known if self.may(verb, name)]


NOBODY = Who("nobody", "", "")
