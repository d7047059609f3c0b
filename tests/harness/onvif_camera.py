"""A camera that speaks ONVIF over HTTP: device, media and media2 services, with the faults and tricks of real and hostile ones."""

from __future__ import annotations

import asyncio
import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import TracebackType

from redshank.clock import SystemClock
from redshank.onvif.camera import MEDIA, MEDIA2, PTZ
from tests.harness.http_server import HttpRequest, HttpServer, answer

SOAP = "http://www.w3.org/2003/05/soap-envelope"
NONCE = "a nonce it gives everybody"
REALM = 'the "camera"'


@dataclass(frozen=True)
class Video:
    """One profile."""

    token: str
    codec: str
    width: int
    height: int
    fps: int = 15
    url: str = ""


@dataclass
class OnvifSettings:
    user: str = "admin"
    password: str = "p@ss<word>&"
    login: str = "token"
    """token (WS-UsernameToken), digest, sha (Digest with SHA-256), basic, none."""
    clock_off_s: int = 0
    newer: bool = False
    """It has Media2, and H.265."""
    profiles: tuple[Video, ...] = (
        Video("p1", "H264", 1920, 1080),
        Video("p2", "H264", 640, 360),
        Video("p3", "JPEG", 320, 180),
    )
    host: str = ""
    """Named in all its addresses instead of its own."""
    instead: bytes | None = None
    """Sent for everything, a whole answer."""
    body: bytes | None = None
    """Body of every answer."""
    hangs: bool = False
    endless: bool = False


@dataclass
class OnvifCamera:
    """Use as a context manager."""

    settings: OnvifSettings = field(default_factory=OnvifSettings)

    def __post_init__(self) -> None:
        self.asked: list[HttpRequest] = []
        self.names: list[str] = []
        """Operations, in order."""
        self._server = HttpServer(self._serve)

    def __enter__(self) -> OnvifCamera:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def sent(self) -> str:
        """Everything that was ever sent to it."""
        return "\n".join(f"{one.path} {dict(one.headers)} {one.body.decode()}" for one in self.asked)

    async def _serve(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        self.asked.append(request)
        s = self.settings
        if s.hangs:
            await asyncio.Event().wait()
        if s.endless:
            writer.write(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="x", nonce="y", qop="auth"\r\n\r\n')
            while True:
                writer.write(b" " * 65_536)
                await writer.drain()
        if s.instead is not None:
            writer.write(s.instead)
            return
        found = re.search(rb"Body><(\w+)", request.body)
        name = found[1].decode() if found else ""
        self.names.append(name)
        if name != "GetSystemDateAndTime" and not self._may(request):
            writer.write(self._refusal())
            return
        body = s.body if s.body is not None else envelope(self._answer(name, request.body.decode()))
        writer.write(answer(200, body, {"Content-Type": "application/soap+xml"}))

    def _refusal(self) -> bytes:
        s = self.settings
        if s.login == "token":
            fault = f'<s:Fault xmlns:s="{SOAP}"><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value>'
            return answer(400, envelope(f"{fault}</s:Subcode></s:Code></s:Fault>"))
        algorithm = ", algorithm=SHA-256" if s.login == "sha" else ""
        quoted = REALM.replace('"', '\\"')
        offer = f'Digest realm="{quoted}", nonce="{NONCE}", qop="auth"{algorithm}'
        return answer(401, headers={"WWW-Authenticate": 'Basic realm="x"' if s.login == "basic" else offer})

    def _may(self, request: HttpRequest) -> bool:
        match self.settings.login:
            case "none":
                return True
            case "token":
                return self._token(request.body.decode())
            case "basic":
                return request.headers.get("authorization", "").startswith("Basic ")
        return self._digest(request)

    def _token(self, body: str) -> bool:
        """As the profile says, and only with a clock that agrees."""
        found = {
            name: re.search(rf"<{name}(?: [^>]*)?>([^<]*)<", body)
            for name in ("Username", "Password", "Nonce", "Created")
        }
        if any(one is None for one in found.values()):
            return False
        user, digest, nonce, created = (one[1] for one in found.values() if one is not None)
        own = hashlib.sha1(b64decode(nonce) + created.encode() + self.settings.password.encode()).digest()
        now = SystemClock().now() // 1_000_000 + self.settings.clock_off_s
        return user == self.settings.user and digest == b64encode(own).decode() and abs(now - _seconds(created)) <= 5

    def _digest(self, request: HttpRequest) -> bool:
        said = dict(re.findall(r'(\w+)="?((?:[^",\\]|\\.)*)"?', request.headers.get("authorization", "")))
        if "response" not in said:
            return False
        kind = hashlib.sha256 if self.settings.login == "sha" else hashlib.md5

        def mixed(text: str) -> str:
            return kind(text.encode()).hexdigest()

        secret = mixed(f"{self.settings.user}:{REALM}:{self.settings.password}")
        middle = f"{NONCE}:{said['nc']}:{said['cnonce']}:auth"
        return bool(said["response"] == mixed(f"{secret}:{middle}:{mixed(f'POST:{request.path}')}"))

    def _answer(self, name: str, body: str) -> str:
        s, host = self.settings, self.settings.host or self.address
        match name:
            case "GetSystemDateAndTime":
                return _time(SystemClock().now() // 1_000_000 + s.clock_off_s)
            case "GetServices":
                known = [MEDIA, PTZ, *([MEDIA2] if s.newer else [])]
                inner = "".join(
                    f"<Service><Namespace>{one}</Namespace><XAddr>http://{host}/onvif/{number}</XAddr></Service>"
                    for number, one in enumerate(known)
                )
                return f"<GetServicesResponse>{inner}</GetServicesResponse>"
            case "GetDeviceInformation":
                about = {"Manufacturer": "ACME", "Model": "Eye 4", "FirmwareVersion": "1.2", "SerialNumber": "S1"}
                return "<R>" + "".join(f"<{key}>{value}</{key}>" for key, value in about.items()) + "</R>"
            case "GetProfiles":
                return f"<R>{''.join(map(self._profile, s.profiles))}</R>"
            case "GetSnapshotUri":
                return f"<R><MediaUri><Uri>http://{host}/snap.jpg</Uri></MediaUri></R>"
            case "GetStreamUri":
                found = re.search(r"<ProfileToken>([^<]*)<", body)
                token = found[1] if found else ""
                url = next(one.url for one in s.profiles if one.token == token)
                url = url or f"rtsp://admin:secret@{host}/{token}?a=1&amp;b=2"
                return f"<R><Uri>{url}</Uri></R>" if s.newer else f"<R><MediaUri><Uri>{url}</Uri></MediaUri></R>"
        return f'<s:Fault xmlns:s="{SOAP}"><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault>'

    def _profile(self, one: Video) -> str:
        rate = f"<RateControl><FrameRateLimit>{one.fps}</FrameRateLimit><BitrateLimit>2048</BitrateLimit></RateControl>"
        size = f"<Resolution><Width>{one.width}</Width><Height>{one.height}</Height></Resolution>"
        video = f"<Encoding>{one.codec}</Encoding>{size}{rate}"
        if self.settings.newer:
            inner = f"<Configurations><VideoEncoder>{video}</VideoEncoder></Configurations>"
        else:
            inner = f"<VideoEncoderConfiguration>{video}</VideoEncoderConfiguration>"
        return f'<Profiles token="{one.token}"><Name>{one.token} name</Name>{inner}</Profiles>'


def envelope(body: str) -> bytes:
    """With namespaces, as real ones have."""
    return (
        f'<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}" xmlns:ter="http://www.onvif.org/ver10/error" '
        f'xmlns="http://www.onvif.org/ver10/schema"><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>'
    ).encode()


def _time(seconds: int) -> str:
    day, second = divmod(seconds, 86_400)
    year, month, date = _date(day)
    clock = f"<Hour>{second // 3600}</Hour><Minute>{second // 60 % 60}</Minute><Second>{second % 60}</Second>"
    at = f"<Time>{clock}</Time><Date><Year>{year}</Year><Month>{month}</Month><Day>{date}</Day></Date>"
    return f"<R><SystemDateAndTime><UTCDateTime>{at}</UTCDateTime></SystemDateAndTime></R>"


def _date(day: int) -> tuple[int, int, int]:
    found = date(1970, 1, 1) + timedelta(days=day)
    return found.year, found.month, found.day


def _seconds(created: str) -> float:
    return datetime.fromisoformat(created).timestamp()
