"""How much a request may bring, and how slowly, looked at before anybody reads it: also of strangers nothing larger gets into memory,
and nobody holds a connection by half a request (rel:S21)."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redshank.web.answer import problem

BODY = 1_000_000
"""Bytes."""
LARGER = {"/api/test-image": 12_000_000}
"""By address, where a picture comes."""


BODY_S = 20.0
"""So long the whole of a request may take to come."""
LARGER_S = 60.0
"""What is larger."""
CLOSE = {"Connection": "close"}


class Limit:
    """Around the application."""

    def __init__(self, app: ASGIApp, patience_s: float = BODY_S) -> None:
        self._app = app
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = LARGER.get(scope["path"], BODY)
        came, whole, answered = 0, False, False
        patience_s = LARGER_S if most > BODY else self._patience_s
        deadline = asyncio.get_running_loop().time() + patience_s

        async def bounded() -> Message:
            nonlocal came, whole
            try:
                async with asyncio.timeout_at(None if whole else deadline):
                    message = await receive()
            except TimeoutError:
                if answered:  # all that is left to say is that we do not listen any more
                    return {"type": "http.disconnect"}
                raise HTTPException(408, f"the request did not come within {patience_s:g} s", CLOSE) from None
            whole = not message.get("more_body", False)
            came += len(message.get("body", b""))
            if came > most:
                raise HTTPException(413, f"the request is larger than {most} bytes", CLOSE)
            return message

        async def answer(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        if _announced(scope) > most:
            await problem(413, f"the request is larger than {most} bytes")(scope, receive, send)
        else:
            await self._app(scope, bounded, answer)


def _announced(scope: Scope) -> int:
    told = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) for value in told if value.isdigit()), default=0)
