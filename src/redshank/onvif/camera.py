"""What one camera says of itself over ONVIF: who made it, its profiles with their addresses, and which two of them to take.

Services: Device Management, Media (ver10, profile S) and Media2 (ver20, profile T: H.265). On the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from redshank.clock import US_PER_S, Clock
from redshank.config.fields import split_login
from redshank.errors import SourceDenied, SourceError, SourceMissing
from redshank.onvif.client import Account, Client, Place, connect
from redshank.onvif.xml import below, number, text
from redshank.targets import Targets

LONGEST_S = 25.0
MOST_PROFILES = 16
DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
SCHEMES = ("rtsp", "rtsps", "http", "https")
CODECS = {"H264": "h264", "H265": "h265", "HEVC": "h265", "JPEG": "mjpeg", "MPEG4": "mpeg4", "MPV4-ES": "mpeg4"}
LEAST_SUB = 320
"""Pixels across that the detector should have."""
CLOCK_OFF_S = 5.0


@dataclass(frozen=True, slots=True)
class Profile:
    """One of a camera's streams. Numbers are 0 where it does not say."""

    token: str
    name: str
    codec: str
    """h264, h265, mjpeg, mpeg4, or as the camera calls it."""
    width: int
    height: int
    fps: float
    bitrate: int
    """Bit a second, the limit it keeps to."""
    audio: str
    url: str = ""
    """Without a login; empty when it gave none."""


@dataclass(frozen=True, slots=True)
class Described:
    """A camera."""

    make: str
    model: str
    firmware: str
    serial: str
    profiles: tuple[Profile, ...]
    main: str
    """Token of the profile to record; empty: none fits."""
    sub: str
    """Of the one to look at; empty: there is no smaller one."""
    snapshot: str
    ptz: bool
    clock_off_s: float
    """By how much its clock is ahead of ours."""
    warnings: tuple[str, ...] = ()


async def describe(account: Account, targets: Targets, clock: Clock) -> Described:
    """Ask it. At most LONGEST_S. Raises SourceError or TargetRefused."""
    try:
        async with asyncio.timeout(LONGEST_S):
            client = await connect(account, targets, clock)
            try:
                return await _describe(client, clock)
            finally:
                await client.close()
    except TimeoutError:
        raise SourceMissing(f"the camera answers too slowly: not done after {LONGEST_S:.0f} s") from None


async def _describe(client: Client, clock: Clock) -> Described:
    client.offset_us = await _offset(client, clock)
    services = await _services(client)
    about = await client.ask(f'<GetDeviceInformation xmlns="{DEVICE}"/>')
    media = _Media(client, MEDIA2 if MEDIA2 in services else MEDIA, services)
    profiles, ptz = await media.profiles()
    main, sub = choose(profiles)
    off_s = round(client.offset_us / US_PER_S, 1)
    warnings = list(dict.fromkeys(media.warnings))
    if abs(off_s) > CLOCK_OFF_S:
        warnings.append(
            f"the camera's clock is {abs(off_s):.0f} s {'fast' if off_s > 0 else 'slow'}: give it a time server (NTP)"
        )
    if main is not None and main.codec not in ("h264", "h265"):
        warnings.append("none of its streams is H.264 or H.265: choose H.264 in the camera if it can")
    return Described(
        make=text(about, "Manufacturer")[:100],
        model=text(about, "Model")[:100],
        firmware=text(about, "FirmwareVersion")[:100],
        serial=text(about, "SerialNumber")[:100],
        profiles=tuple(profiles),
        main=main.token if main else "",
        sub=sub.token if sub else "",
        snapshot=await media.snapshot(main) if main else "",
        ptz=ptz or PTZ in services,
        clock_off_s=off_s,
        warnings=tuple(warnings),
    )


async def _offset(client: Client, clock: Clock) -> int:
    """Its clock less ours, µs: it may be asked without a login (ONVIF Core, access class PRE_AUTH). 0 when it does not say."""
    try:
        said = await client.ask(f'<GetSystemDateAndTime xmlns="{DEVICE}"/>', logged_in=False)
    except SourceMissing:
        raise
    except SourceError:
        return 0
    at = below(said, "SystemDateAndTime", "UTCDateTime")
    if at is None:
        return 0
    date, time = (
        (("Date", one) for one in ("Year", "Month", "Day")),
        (("Time", one) for one in ("Hour", "Minute", "Second")),
    )
    try:
        theirs = datetime(*(int(number(at, *path)) for path in (*date, *time)), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return 0
    return round(theirs.timestamp() * US_PER_S) - clock.now()


async def _services(client: Client) -> Mapping[str, str]:
    """Namespace → path. Only the path: a camera behind a router names its inner host, a hostile one somebody else's."""
    try:
        said = await client.ask(
            f'<GetServices xmlns="{DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>'
        )
        found = {text(one, "Namespace"): _path(text(one, "XAddr")) for one in said.findall("Service")}
        if MEDIA in found or MEDIA2 in found:
            return found
    except SourceDenied:
        raise
    except SourceError:
        pass  # older than GetServices
    said = await client.ask(f'<GetCapabilities xmlns="{DEVICE}"><Category>All</Category></GetCapabilities>')
    known = {MEDIA: ("Media",), PTZ: ("PTZ",)}
    paths = {name: _path(text(said, "Capabilities", *one, "XAddr")) for name, one in known.items()}
    return {name: path for name, path in paths.items() if path} or {MEDIA: client.place.path}


def _path(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.path.startswith("/") and address.isascii() else ""


class _Media:
    """Media or Media2 of one camera."""

    def __init__(self, client: Client, namespace: str, services: Mapping[str, str]) -> None:
        self._client = client
        self._namespace = namespace
        self._path = services.get(namespace, "")
        self.warnings: list[str] = []

    async def profiles(self) -> tuple[list[Profile], bool]:
        """With their addresses; and whether one of them can be turned."""
        said = await self._ask("GetProfiles", "<Type>All</Type>" if self._newer else "")
        found = said.findall("Profiles")[:MOST_PROFILES]
        profiles = [replace(one, url=await self._url(one.token)) for one in map(self._profile, found) if one.codec]
        turns = any(below(one, *self._at("PTZConfiguration", "PTZ")) is not None for one in found)
        return profiles, turns

    async def snapshot(self, profile: Profile) -> str:
        """Empty when it has none."""
        try:
            said = await self._ask("GetSnapshotUri", _token(profile.token))
        except SourceError:
            return ""
        return self._own(text(said, "Uri") or text(said, "MediaUri", "Uri"))

    @property
    def _newer(self) -> bool:
        return self._namespace == MEDIA2

    async def _ask(self, name: str, inner: str) -> Element:
        return await self._client.ask(f'<{name} xmlns="{self._namespace}">{inner}</{name}>', self._path)

    def _at(self, old: str, new: str) -> Sequence[str]:
        return ("Configurations", new) if self._newer else (old,)

    def _profile(self, one: Element) -> Profile:
        video = self._at("VideoEncoderConfiguration", "VideoEncoder")
        audio = self._at("AudioEncoderConfiguration", "AudioEncoder")
        codec = text(one, *video, "Encoding")[:20]
        return Profile(
            token=one.get("token", "")[:64],
            name=text(one, "Name")[:100],
            codec=CODECS.get(codec.upper(), codec.lower()),
            width=int(number(one, *video, "Resolution", "Width")),
            height=int(number(one, *video, "Resolution", "Height")),
            fps=number(one, *video, "RateControl", "FrameRateLimit"),
            bitrate=round(number(one, *video, "RateControl", "BitrateLimit") * 1000),
            audio=text(one, *audio, "Encoding")[:20].lower(),
        )

    async def _url(self, token: str) -> str:
        transport = "<Transport><Protocol>RTSP</Protocol></Transport>"
        setup = f'<Stream xmlns="http://www.onvif.org/ver10/schema">RTP-Unicast</Stream>{transport}'
        inner = "<Protocol>RTSP</Protocol>" if self._newer else f"<StreamSetup>{setup}</StreamSetup>"
        try:
            said = await self._ask("GetStreamUri", inner + _token(token))
        except SourceDenied:
            raise
        except SourceError as error:
            self.warnings.append(str(error))
            return ""
        return self._own(text(said, "Uri") or text(said, "MediaUri", "Uri"))

    def _own(self, address: str) -> str:
        """On the camera itself: whoever gives us their password gives it to this host only."""
        found = own(address, self._client.place)
        if address and not found:
            self.warnings.append("one of its addresses makes no sense and is left out")
        elif found and urlsplit(found).hostname != urlsplit(split_login(address)[0]).hostname:
            self.warnings.append("it names another host for its streams; the address you gave is used instead")
        return found


def own(address: str, place: Place) -> str:
    """The same address on the camera's own host, without a login; empty for what is none."""
    try:
        parts = urlsplit(split_login(address)[0])
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in SCHEMES or not parts.hostname:
        return ""
    return urlunsplit((parts.scheme, place.name + (f":{port}" if port else ""), parts.path, parts.query, ""))


def choose(profiles: Sequence[Profile]) -> tuple[Profile | None, Profile | None]:
    """(to record, to look at): the largest that can be passed on as it comes, and the smallest H.264 one that shows enough."""
    usable = [one for one in profiles if one.url]
    kept = [one for one in usable if one.codec in ("h264", "h265")] or usable
    main = max(kept, key=_weight, default=None)
    small = [one for one in usable if one.codec == "h264" and one.width >= LEAST_SUB and one != main]
    sub = min(small, key=_weight, default=None)
    if main is None or sub is None or _weight(sub) >= _weight(main):
        return main, None
    return main, sub


def _weight(one: Profile) -> tuple[int, int]:
    return one.width * one.height, one.bitrate


def _token(token: str) -> str:
    return f"<ProfileToken>{escape(token)}</ProfileToken>"
