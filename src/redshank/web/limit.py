"""How much a request may bring, looked at before anybody reads it: also of strangers nothing larger gets into memory (rel:S21)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redshank.errors import RedshankError
from redshank.web.answer import problem

BODY = 1_000_000
"""Bytes."""
LARGER = {"/api/test-image": 12_000_000}
"""By address, where a picture comes."""


class TooLarge(RedshankError):
    """More came than was announced, or than may come."""


class Limit:
    """Around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = LARGER.get(scope["path"], BODY)
        came = 0

        async def bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise TooLarge(f"the request is larger than {most} bytes")
            return message

        if _announced(scope) > most:
            await problem(413, f"the request is larger than {most} bytes")(scope, receive, send)
        else:
            await self._app(scope, bounded, send)


def _announced(scope: Scope) -> int:
    told = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) for value in told if value.isdigit()), default=0)
