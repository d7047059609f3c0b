"""Cameras that speak HTTP: MJPEG streams and JPEG addresses that are polled; HTTP-FLV is handed to FFmpeg. One reader thread each.

Pictures come without times of their own: arrival is their time. No redirect is followed, no proxy of the environment is used, the
checked address is what is connected to, and a certificate is checked against the name the user wrote.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import unquote, urlunsplit

import httpx

from redshank.clock import NS_PER_S, Clock
from redshank.errors import SourceDenied, SourceError, SourceMissing, SourceUnusable
from redshank.media.multipart import MAX_PICTURE, Multipart, boundary_of
from redshank.media.pyav import READ_TIMEOUT_S, network_address, open_flv, trusted
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket, Source
from redshank.model import StreamFormat
from redshank.targets import Targets, redact

JPEG = b"\xff\xd8\xff"
CHUNK = 64 * 1024
SLICE_S = 0.25


@dataclass(frozen=True, slots=True)
class _Address:
    """Where and as whom."""

    url: httpx.URL
    """With the numeric address."""
    host: str
    """What the user wrote, with the port: the Host header."""
    name: str
    """What the certificate must be for."""
    label: str
    user: str
    password: str


def open_http(settings: SourceSettings, targets: Targets, clock: Clock, timeout_s: float) -> Source:
    """Raises SourceError or a subclass, or TargetRefused."""
    kind = settings.kind if settings.kind != "auto" else _guess(settings.url)
    if kind == "flv":
        return open_flv(settings, targets, timeout_s)
    client = _Client(_address(settings, targets), settings.tls_verify, timeout_s)
    try:
        response = client.get()
        content = response.headers.get("content-type", "").lower()
        if content.startswith("multipart/"):
            return MjpegSource(client, response, boundary_of(response.headers["content-type"]))
        if content.startswith(("image/jpeg", "image/jpg")) or kind == "jpeg":
            return JpegSource(client, client.picture(response), clock, settings.interval_s)
        if "flv" in content:
            client.close()
            return open_flv(settings, targets, timeout_s)
        raise SourceUnusable(
            f"{client.label} sends {content or 'something without a type'}, neither MJPEG nor JPEG nor FLV"
        )
    except (SourceError, httpx.HTTPError) as error:
        client.close()
        raise client.translated(error) from error


class MjpegSource:
    """One multipart answer without end."""

    def __init__(self, client: _Client, response: httpx.Response, boundary: bytes) -> None:
        self._client = client
        self._response = response
        self._parts = Multipart(boundary)
        self.formats: Sequence[StreamFormat] = (picture_format(),)

    def packets(self) -> Iterator[RawPacket]:
        try:
            for chunk in self._response.iter_raw():
                for picture in self._parts.feed(chunk):
                    if picture.startswith(JPEG):
                        yield RawPacket(self.formats[0], None, None, 0, True, picture)
        except (httpx.HTTPError, httpx.StreamError) as error:
            if not self._client.closing.is_set():
                raise self._client.translated(error) from error
        finally:
            self.close()

    def close(self) -> None:
        self._client.close()


class JpegSource:
    """One address asked for a picture again and again."""

    def __init__(self, client: _Client, first: bytes, clock: Clock, interval_s: float) -> None:
        self._client = client
        self._first = first
        self._clock = clock
        self._interval_ns = round(interval_s * NS_PER_S)
        self.formats: Sequence[StreamFormat] = (picture_format(),)

    def packets(self) -> Iterator[RawPacket]:
        picture = self._first
        due_ns = self._clock.mono_ns()
        try:
            while not self._client.closing.is_set():
                yield RawPacket(self.formats[0], None, None, 0, True, picture)
                due_ns = max(due_ns + self._interval_ns, self._clock.mono_ns())
                while not self._client.closing.is_set() and (left_ns := due_ns - self._clock.mono_ns()) > 0:
                    self._clock.wait(min(SLICE_S, left_ns / NS_PER_S))
                if not self._client.closing.is_set():
                    picture = self._client.picture(self._client.get())
        except (SourceError, httpx.HTTPError, httpx.StreamError) as error:
            if not self._client.closing.is_set():
                raise self._client.translated(error) from error
        finally:
            self.close()

    def close(self) -> None:
        self._client.close()


def picture_format() -> StreamFormat:
    return StreamFormat("video", "mjpeg", Fraction(1, 90_000))


class _Client:
    """One camera's HTTP connection. `close` from any thread; the rest belongs to the reader thread."""

    def __init__(self, address: _Address, tls_verify: bool, timeout_s: float) -> None:
        self._address = address
        self.label = address.label
        self.closing = threading.Event()
        self._timeout_s = timeout_s
        self._auth: httpx.Auth | None = None
        self._socket: socket.socket | None = None
        timeout = httpx.Timeout(timeout_s, read=READ_TIMEOUT_S)
        secure = address.url.scheme == "https" and tls_verify
        verify = ssl.create_default_context(cafile=trusted()) if secure else False
        self._http = httpx.Client(verify=verify, timeout=timeout, trust_env=False, headers={"Host": address.host})

    def get(self) -> httpx.Response:
        """An answer with status 200, its body unread. Raises SourceError or httpx.HTTPError."""
        response = self._send()
        if response.status_code == 401 and self._address.user and self._auth is None:
            challenge = response.headers.get("www-authenticate", "").lower()
            response.close()
            login = self._address.user, self._address.password
            self._auth = httpx.DigestAuth(*login) if "digest" in challenge else httpx.BasicAuth(*login)
            response = self._send()
        if response.status_code != 200:
            response.close()
            raise self._refused(response)
        return response

    def picture(self, response: httpx.Response) -> bytes:
        """The body, which must be one JPEG."""
        body = bytearray()
        for chunk in response.iter_bytes(CHUNK):
            body += chunk
            if len(body) > MAX_PICTURE:
                response.close()
                raise SourceUnusable(f"{self.label} sends a picture above {MAX_PICTURE >> 20} MiB")
        if not body.startswith(JPEG):
            raise SourceUnusable(f"{self.label} does not answer with a JPEG picture")
        return bytes(body)

    def close(self) -> None:
        """A thread that waits in a read gets its end of stream at once."""
        self.closing.set()
        if self._socket is not None:
            with suppress(OSError):  # already closed
                self._socket.shutdown(socket.SHUT_RDWR)
        self._http.close()

    def translated(self, error: Exception) -> SourceError:
        match error:
            case SourceError():
                return error
            case httpx.ConnectTimeout():
                return SourceMissing(
                    f"{self.label} gives no answer within {self._timeout_s:g} s; check address, port and network"
                )
            case httpx.TimeoutException():
                return SourceError(f"{self.label} stopped sending")
            case httpx.ConnectError() if "certificate" in str(error).lower():
                return SourceDenied(
                    f"{self.label}: its certificate is not trusted; give the right host name, or set `tls_verify: false` for it"
                )
            case httpx.ConnectError():
                return SourceMissing(
                    f"{self.label} refuses the connection; check address, port and that the service is on"
                )
            case httpx.RemoteProtocolError() | httpx.ReadError():
                return SourceError(f"{self.label} closed the connection")
        return SourceError(f"{self.label} broke off ({type(error).__name__})")

    def _send(self) -> httpx.Response:
        request = self._http.build_request("GET", self._address.url, extensions={"sni_hostname": self._address.name})
        response = self._http.send(request, auth=self._auth, stream=True)
        stream = response.extensions.get("network_stream")
        self._socket = stream.get_extra_info("socket") if stream is not None else None
        return response

    def _refused(self, response: httpx.Response) -> SourceError:
        match response.status_code:
            case 401 | 403:
                return SourceDenied(f"{self.label} refuses the login; check user name and password")
            case 404 | 410:
                return SourceMissing(f"{self.label}: the camera answers but has no such picture; check the path")
            case 301 | 302 | 303 | 307 | 308:
                place = redact(response.headers.get("location", "elsewhere"))
                return SourceUnusable(f"{self.label} redirects to {place}; use that address if you trust it")
            case status:
                return SourceError(f"{self.label} answers with HTTP status {status}; the camera may be busy")


def _guess(url: str) -> str:
    path = network_address(url)[0].path.lower()
    if path.endswith(".flv"):
        return "flv"
    return "jpeg" if path.endswith((".jpg", ".jpeg")) else "auto"


def _address(settings: SourceSettings, targets: Targets) -> _Address:
    parts, name, port = network_address(settings.url)
    label = redact(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
    address = targets.check(name, port)
    numeric = f"[{address}]" if ":" in address else address
    url = httpx.URL(urlunsplit(parts._replace(netloc=f"{numeric}:{port}", fragment="")))
    given = settings.user or settings.password
    user = settings.user if given else unquote(parts.username or "")
    password = settings.password if given else unquote(parts.password or "")
    return _Address(url, parts.netloc.rpartition("@")[2], name, label, user, password)
