"""Servers that receive what we send and keep it: mail, webhooks, Slack. They can be told to refuse, fail or hang.

Each runs in a thread of its own. Settings are changed from the test's thread and hold for the next message. `wait(n)` blocks until
n things arrived.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.harness.certificate import certificate
from tests.harness.http_server import HttpRequest, HttpServer, answer
from tests.harness.loop_thread import LoopThread

T = TypeVar("T")


class Inbox(Generic[T]):
    """Append-only, filled by one thread, waited for by another."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    @property
    def items(self) -> list[T]:
        """A copy, oldest first."""
        with self._changed:
            return list(self._items)

    def wait(self, count: int, timeout_s: float = 10) -> list[T]:
        """Everything, once at least `count` arrived. Fails the test otherwise."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._items) >= count, timeout_s)
            assert arrived, f"{len(self._items)} of {count} arrived within {timeout_s} s"
            return list(self._items)


# -- mail


@dataclass(frozen=True, slots=True)
class Mail:
    sender: str
    receivers: tuple[str, ...]
    raw: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class SmtpSink:
    """`tls`: none, starttls (required before anything else) or implicit. With a user, login is required."""

    def __init__(
        self, tls: Literal["none", "starttls", "implicit"] = "none", user: str = "", password: str = "", port: int = 0
    ) -> None:
        self.host, self.port = "127.0.0.1", port
        self.user, self.password = user, password
        self.inbox: Inbox[Mail] = Inbox()
        self.tried: Inbox[str] = Inbox()
        """The answer given to each message, refused ones included."""
        self.status = "250 OK"
        """What the next messages are answered after DATA, e.g. `451 try later`, `550 no such user`; only 2xx are kept."""
        self.refuse_receiver: dict[str, str] = {}
        """Address -> answer to its RCPT TO."""
        self.hang = False
        """Never answers DATA."""
        self._tls = tls
        self._server: asyncio.Server | None = None

    def __enter__(self) -> SmtpSink:
        self._thread = LoopThread("smtp-sink")
        self.accept()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.refuse()
        self._thread.stop()

    def accept(self) -> None:
        """Listen (again, on the same port)."""
        self._thread.call(self._listen())

    def refuse(self) -> None:
        """Close the port; connections that exist go on."""
        self._thread.run(self._close)

    def wait(self, count: int, timeout_s: float = 10) -> list[Mail]:
        return self.inbox.wait(count, timeout_s)

    async def _listen(self) -> None:
        context = certificate().server_context() if self._tls == "implicit" else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self.host, self.port, ssl=context, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _protocol(self) -> SMTP:
        starttls = self._tls == "starttls"
        return SMTP(
            self,
            hostname="sink.test",
            tls_context=certificate().server_context() if starttls else None,
            require_starttls=starttls,
            auth_require_tls=False,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        # handled=False, else aiosmtpd sends no 535 and a client that failed waits for ever
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        given = data.login.decode(), data.password.decode()
        return AuthResult(success=given == (self.user, self.password), handled=False, auth_data=given[0])

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.user and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address in self.refuse_receiver:
            return self.refuse_receiver[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.hang:
            await asyncio.Event().wait()
        status = self.status
        if status.startswith("2"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            encrypted = self._tls == "implicit" or session.ssl is not None
            user = str(session.auth_data or "")
            self.inbox.add(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), content, encrypted, user))
        self.tried.add(status)
        return status


# -- webhooks


class WebhookSink:
    """Keeps every request. `plan` says what to answer to the next ones; then `status` holds."""

    def __init__(self, tls: bool = False, port: int = 0) -> None:
        context: ssl.SSLContext | None = certificate().server_context() if tls else None
        self.inbox: Inbox[HttpRequest] = Inbox()
        self.status = 204
        self.headers: Mapping[str, str] = {}
        self.body = b""
        self.plan: deque[int] = deque()
        self.hang = False
        """Reads the request and never answers."""
        self.cut = False
        """Reads the request and closes the connection in the middle of the answer."""
        self.server = HttpServer(self._handle, context)
        self.server.port = port

    def __enter__(self) -> WebhookSink:
        self.server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.server.close()

    @property
    def url(self) -> str:
        return f"{self.server.base_url}/hook"

    def refuse(self) -> None:
        self.server.stop()

    def accept(self) -> None:
        self.server.start()

    def wait(self, count: int, timeout_s: float = 10) -> list[HttpRequest]:
        return self.inbox.wait(count, timeout_s)

    async def _handle(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        self.inbox.add(request)
        if self.hang:
            await asyncio.Event().wait()
        status = self.plan.popleft() if self.plan else self.status
        whole = answer(status, self.body, self.headers)
        writer.write(whole[:20] if self.cut else whole)
