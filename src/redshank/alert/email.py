"""The e-mail channel: SMTP with implicit TLS (465) or STARTTLS (587). Runs on the event loop, one connection per mail.

Each receiver gets it: one the server refuses for good does not lose the others and is only logged; one it puts off (4xx) is tried again
alone, the others do not get it twice. Replies that mean "not now" and every failed connection raise ChannelError; a refused login or a
mail nobody may receive raises ChannelRefused.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from email.errors import MessageError
from email.headerregistry import Address
from typing import Literal

import aiosmtplib

from redshank.alert.base import Message
from redshank.alert.letter import letter, message_id
from redshank.alert.post import Resolve, address_of, hide, tls_context
from redshank.errors import ChannelError, ChannelRefused

_log = logging.getLogger(__name__)

PORTS = {"tls": 465, "starttls": 587, "none": 25}
TOO_BIG = 552
LOGIN_WANTED = (530, 534, 535, 538)
REMEMBERED = 1000
"""Mails of which some receivers wait; the oldest is forgotten (its receivers may then get it twice)."""


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """One mail server and who is told. `password` never appears in a message, a log line or a repr."""

    name: str
    host: str
    sender: str
    """Address alone; `sender_name` is what people see."""
    receivers: tuple[str, ...]
    security: Literal["tls", "starttls", "none"] = "tls"
    port: int = 0
    """0: the usual one of `security`."""
    username: str = ""
    password: str = field(default="", repr=False)
    sender_name: str = "Redshank"
    verify: bool = True
    ca_file: str = ""
    timeout_s: float = 10.0


def mail_address(text: str, key: str, display_name: str = "") -> Address:
    """Raises ChannelRefused for anything that is not one plain ASCII address; there is no way to a second header from here."""
    try:
        if not text.isascii() or not text.isprintable() or any(c in text for c in " <>,;"):
            raise ValueError("not one plain address")
        address = Address(display_name, addr_spec=text)
        if not address.domain:
            raise ValueError("no domain")
    except (ValueError, MessageError, IndexError) as error:
        raise ChannelRefused(f"{key}: {text!r} is not a mail address; expected name@example.org") from error
    return address


class EmailChannel:
    """`send` returns the Message-ID that later mails of the same alert answer."""

    can_update = False

    def __init__(self, settings: EmailSettings, resolve: Resolve) -> None:
        key = f"channels.{settings.name}"
        if not settings.receivers:
            raise ChannelRefused(f"{key}.receivers: nobody is listed; expected at least one address")
        if settings.security == "none" and settings.username:
            raise ChannelRefused(f"{key}.security: a password is never sent unencrypted; use tls or starttls")
        self._settings = settings
        self._sender = mail_address(settings.sender, f"{key}.sender", settings.sender_name)
        self._receivers = tuple(mail_address(receiver, f"{key}.receivers").addr_spec for receiver in settings.receivers)
        self._port = settings.port or PORTS[settings.security]
        self._resolve = resolve
        self._tls = tls_context(settings.verify, settings.ca_file)
        self._done: OrderedDict[str, dict[str, bool]] = OrderedDict()
        if settings.security == "none":
            _log.warning("mail is sent unencrypted channel=%s host=%s", settings.name, settings.host)
        elif not settings.verify:
            _log.warning("certificate is not checked channel=%s host=%s", settings.name, settings.host)

    @property
    def name(self) -> str:
        return self._settings.name

    async def send(self, message: Message, previous: str) -> str:
        try:
            await self._deliver(message, previous)
        except aiosmtplib.SMTPResponseException as error:
            if error.code != TOO_BIG or message.picture is None:
                raise self._translated(error) from error
            small = replace(message, picture=None, no_picture="the mail server takes no message of this size")
            await self._deliver_small(small, previous)
        return previous or message_id(message.id, self._sender)

    async def close(self) -> None:
        """Nothing stays open between two mails."""

    async def _deliver_small(self, message: Message, previous: str) -> None:
        try:
            await self._deliver(message, previous)
        except aiosmtplib.SMTPResponseException as error:
            raise self._translated(error) from error

    async def _deliver(self, message: Message, previous: str) -> None:
        done = self._done.get(message.id, {})
        waiting = [receiver for receiver in self._receivers if receiver not in done]
        mail = letter(message, self._sender, self._receivers, previous)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                refused = await self._session(mail, waiting)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {one.recipient: (one.code, one.message) for one in error.recipients}
        except (TimeoutError, aiosmtplib.SMTPTimeoutError) as error:
            raise ChannelError(f"{self._where}: no answer within {self._settings.timeout_s:g} s") from error
        except aiosmtplib.SMTPResponseException:
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError, OverflowError) as error:
            # ValueError, OverflowError: a host, port or login that TLS, SMTP or the system cannot hold.
            raise ChannelError(f"{self._where}: {self._connect_reason(error)}") from error
        self._settle(message.id, waiting, refused)

    async def _session(self, mail: bytes, receivers: list[str]) -> dict[str, tuple[int, str]]:
        """One connection, one mail; returns the refused receivers when at least one was accepted."""
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=None,
            sock=await self._connect(),
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=None if settings.security == "none" else self._tls,
            timeout=settings.timeout_s,
            local_hostname="redshank.local",  # asking the system for its name can block on DNS
        )
        try:
            await client.connect()
            if settings.username:
                await client.login(settings.username, settings.password)
            refused, _ = await client.sendmail(self._sender.addr_spec, receivers, mail)
            return {receiver: (reply[0], reply[1]) for receiver, reply in refused.items()}
        finally:
            client.close()

    async def _connect(self) -> socket.socket:
        """To the address that was checked; the TLS name stays the configured one."""
        address = await address_of(self._settings.host, self._port, self._resolve)
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        with ExitStack() as unless_connected:
            unless_connected.callback(sock.close)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (address, self._port))
            unless_connected.pop_all()
        return sock

    def _settle(self, mail_id: str, tried: list[str], refused: dict[str, tuple[int, str]]) -> None:
        """Remember who is done; raise for those to try again, and when nobody has it."""
        done = self._done.pop(mail_id, {})
        for receiver in tried:
            code, text = refused.get(receiver, (250, ""))
            if code >= 500:
                _log.warning(
                    "receiver refused channel=%s receiver=%s answer=%s", self.name, receiver, self._reply(code, text)
                )
            if code >= 500 or receiver not in refused:
                done[receiver] = code < 500
        later = [receiver for receiver in tried if receiver not in done]
        if later:
            self._done[mail_id] = done
            while len(self._done) > REMEMBERED:
                self._done.popitem(last=False)
            raise ChannelError(f"{self._where}: put off for {', '.join(later)}: {self._reply(*refused[later[0]])}")
        if not any(done.values()):
            receiver, answer = next(iter(refused.items()))
            if answer[0] in LOGIN_WANTED:
                raise ChannelRefused(self._login_refused(answer[0]))
            reply = self._reply(*answer)
            raise ChannelRefused(f"{self._where}: refuses the receiver {receiver}: {reply}; check the receivers")

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._port}"

    def _reply(self, code: int, text: str) -> str:
        return hide(f"{code} {text}", self._settings.password)

    def _login_refused(self, code: int) -> str:
        return f"{self._where}: refuses the login ({code}); check user and password"

    def _translated(self, error: aiosmtplib.SMTPResponseException) -> ChannelError:
        login = isinstance(error, aiosmtplib.SMTPAuthenticationError) or error.code in LOGIN_WANTED
        if login and error.code >= 500:
            return ChannelRefused(self._login_refused(error.code))
        return ChannelError(f"{self._where}: answered {self._reply(error.code, error.message)}")

    def _connect_reason(self, error: Exception) -> str:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"its certificate is not valid ({cause.verify_message})"
            if isinstance(cause, ConnectionRefusedError):
                return "connection refused (is the server running, is the port right?)"
            cause = cause.__cause__ or cause.__context__
        return hide(str(error), self._settings.password) or type(error).__name__
