"""One camera's HTTP address: questions in SOAP, answers bounded in size and time. On the event loop; XML is read in a thread.

Every connection goes to the one address that `Targets` checked, whatever the camera names: a camera that points to another host, by a
redirect or an address of a service, is never followed there. The password leaves only as a digest: WS-UsernameToken, or HTTP Digest
(RFC 7616) where the camera asks for it; Basic never (rel:S32).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import httpx

from redshank.clock import Clock
from redshank.errors import SourceDenied, SourceError, SourceMissing, SourceUnusable
from redshank.onvif import soap
from redshank.onvif.digest import DENIED, Challenge, challenge
from redshank.onvif.xml import MOST_BYTES
from redshank.targets import Targets

TIMEOUT_S = 5.0
SERVICE = "/onvif/device_service"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Account:
    """As whom, and where."""

    address: str
    """A host, host:port, or the whole address of the device service."""
    user: str = ""
    password: str = ""
    tls_verify: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart. Never with a login."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def label(self) -> str:
        return f"{self.name}:{self.port}"

    @property
    def name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def place_of(address: str) -> Place:
    """Raises SourceUnusable."""
    whole = address.strip() if "://" in address else f"http://{address.strip()}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        host = port = None  # type: ignore[assignment]
    if not host or not port or parts.scheme not in PORTS or not whole.isprintable():
        raise SourceUnusable(
            "not an address of a camera: expected 192.168.1.21, cam.lan:8080 or http://cam.lan/onvif/device_service"
        )
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host, port, path if path.strip("/") and path.isascii() else SERVICE)


class Client:
    """Questions to one camera, one after another. `close` at the end."""

    def __init__(self, account: Account, place: Place, address: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self.place = place
        self._account = account
        self._address = address
        self._http = http
        self._clock = clock
        self._challenge: Challenge | None = None
        self._answered = 0
        """Questions with this challenge so far."""
        self.offset_us = 0
        """The camera's clock less ours."""

    async def ask(self, body: str, path: str = "", logged_in: bool = True) -> Element:
        """Raises SourceError or a subclass. path: of another service than the device's."""
        path, login = path or self.place.path, logged_in and bool(self._account.user)
        status, headers, data = await self._post(body, path, login)
        if status == 401 and login:
            # Our token was not enough: this camera wants HTTP Digest, or (stale) a newer one.
            self._challenge, self._answered = challenge(headers.get_list("www-authenticate")), 0
            status, headers, data = await self._post(body, path, login)
        return await asyncio.to_thread(self._read, status, data)

    async def close(self) -> None:
        await self._http.aclose()

    def _read(self, status: int, data: bytes) -> Element:
        label = self.place.label
        if status == 401 or (status == 403 and not data.strip()):
            raise SourceDenied(DENIED)
        if status not in (200, 400, 403, 500):
            what = (
                "redirects elsewhere, which is not followed"
                if 300 <= status < 400
                else f"answers with HTTP status {status}"
            )
            raise SourceUnusable(f"{label} {what}: is ONVIF switched on in the camera, and is this its address?")
        try:
            return soap.answer(data)
        except SourceDenied:
            raise SourceDenied(DENIED) from None
        except SourceUnusable as error:
            raise SourceUnusable(f"{label}: {error}") from error
        except SourceError as error:
            raise SourceError(f"{label}: {error}") from error

    def _login(self, path: str) -> tuple[str, dict[str, str]]:
        """As SOAP and as HTTP header: one of them. Both for one question only."""
        login = self._account.user, self._account.password
        if self._challenge is None:
            return soap.login(*login, self._clock.now() + self.offset_us), {}
        self._answered += 1
        return "", {"Authorization": self._challenge.header(login, "POST", path, self._answered)}

    async def _post(self, body: str, path: str, logged_in: bool) -> tuple[int, httpx.Headers, bytes]:
        place = self.place
        token, headers = self._login(path) if logged_in else ("", {})
        url = httpx.URL(scheme=place.scheme, host=self._address, port=place.port, raw_path=path.encode())
        headers |= {"Host": place.label, "Content-Type": "application/soap+xml; charset=utf-8"}
        content = soap.envelope(body, token)
        request = self._http.build_request(
            "POST", url, content=content, headers=headers, extensions={"sni_hostname": place.host}
        )
        try:
            found = await self._http.send(request, stream=True)
            try:
                return found.status_code, found.headers, await self._body(found)
            finally:
                await found.aclose()
        except httpx.TimeoutException:
            raise SourceMissing(
                f"{place.label} gives no answer within {TIMEOUT_S:g} s; check address and port"
            ) from None
        except httpx.ConnectError as error:
            raise _unconnected(place, error) from error
        except (httpx.HTTPError, httpx.StreamError, ValueError) as error:
            raise SourceUnusable(f"{place.label} broke off, or does not speak HTTP ({type(error).__name__})") from error

    async def _body(self, found: httpx.Response) -> bytes:
        data = b""
        async for chunk in found.aiter_raw():
            data += chunk
            if len(data) > MOST_BYTES:
                raise SourceUnusable(f"{self.place.label} sends more than {MOST_BYTES} bytes")
        return data


def _unconnected(place: Place, error: httpx.ConnectError) -> SourceError:
    if "certificate" in str(error).lower():
        return SourceDenied(
            f"{place.label}: its certificate is not trusted; many cameras sign their own: do not check it for this camera"
        )
    return SourceMissing(
        f"{place.label} refuses the connection; check address and port, and that ONVIF is switched on in the camera"
    )


async def connect(account: Account, targets: Targets, clock: Clock) -> Client:
    """Nothing is sent yet. Raises SourceError or TargetRefused."""
    place = place_of(account.address)
    address = await asyncio.to_thread(targets.check, place.host, place.port)
    if account.password and not account.user:
        account = replace(account, password="")
    # Else it writes every address at INFO.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    secure = place.scheme == "https" and account.tls_verify
    verify: ssl.SSLContext | bool = await asyncio.to_thread(ssl.create_default_context) if secure else False
    limits = httpx.Limits(max_keepalive_connections=1, max_connections=2)
    http = httpx.AsyncClient(verify=verify, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False, limits=limits)
    http.headers = httpx.Headers({"User-Agent": "Redshank", "Accept-Encoding": "identity"})
    return Client(account, place, address, http, clock)
