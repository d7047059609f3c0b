"""Sources FFmpeg reads itself: RTSP, HTTP-FLV, V4L2, and the demuxing of files. One reader thread each.

FFmpeg is told which protocols it may use and which container it must find, so that a playlist, a redirect or a renamed file opens
nothing else. Its interrupt callback bounds opening and each read; what is *stalled* is not its business (`media.reader`).
"""

from __future__ import annotations

import errno
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import av
import certifi
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from redshank.clock import NS_PER_S, SystemClock
from redshank.errors import SourceDenied, SourceError, SourceMissing, SourceUnusable
from redshank.media.nal import is_annexb, parameter_sets, picture_size
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket
from redshank.model import StreamFormat
from redshank.targets import Targets, redact, with_login

READ_TIMEOUT_S = 7.5
"""A read that gives nothing for so long ends: just after the monitor has said *stalled*, and long before it gives the thread up."""
SOCKET_TIMEOUT_S = 20.0
"""FFmpeg's own, behind ours: when it strikes first its error says nothing of time."""
MAX_SIDE = 16384
FILE_FORMATS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,h264,hevc,m4v,mjpeg,obu,ivf,ogg,mxf,dav"
"""Demuxers a file may be read with: none that opens other files or addresses (hls, concat, dash, sdp, image2 …)."""
QUICK = {"fpsprobesize": "0", "analyzeduration": "100000"}
"""Open with the first keyframe instead of watching the stream to guess a frame rate nobody uses: 0.6 s instead of 1.8 to 3.8."""
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Plan:
    """How FFmpeg is asked."""

    url: str
    """With login and numeric address: for FFmpeg's eyes only."""
    label: str
    """What messages call it."""
    format: str | None
    options: dict[str, str]


class AvSource:
    """An open FFmpeg input. `packets` belongs to one thread; `close` may come from any."""

    def __init__(self, container: InputContainer, label: str, audio: bool = True) -> None:
        self.container = container
        self._label = label
        # Held while FFmpeg works: closing under its feet would free memory it uses.
        self._busy = threading.Lock()
        self._closing = False
        video = container.streams.best("video")
        sound = container.streams.best("audio") if audio else None
        if video is None:
            container.close()
            raise SourceUnusable(f"{label} has no picture; check that the address is of a video stream")
        self._formats = {stream.index: format_of(stream) for stream in (video, sound) if stream is not None}

    @property
    def formats(self) -> Sequence[StreamFormat]:
        return tuple(self._formats.values())

    @property
    def video_decoder(self) -> VideoCodecContext | None:
        """FFmpeg's decoder as the demuxer has set it up."""
        context = self.container.streams[next(iter(self._formats))].codec_context
        return context if isinstance(context, VideoCodecContext) else None

    def packets(self) -> Iterator[RawPacket]:
        try:
            demux = self.container.demux([self.container.streams[index] for index in self._formats])
            while (packet := self._next(demux)) is not None:
                if packet.size:
                    yield self._raw(packet)
        except av.FFmpegError as error:
            if not self._closing:
                raise broken(error, self._label) from error
        finally:
            self.close()

    def close(self) -> None:
        self._closing = True
        if self._busy.acquire(blocking=False):
            try:
                self.container.close()
            finally:
                self._busy.release()

    def _next(self, demux: Iterator[av.Packet[av.stream.Stream]]) -> av.Packet[av.stream.Stream] | None:
        with self._busy:
            return None if self._closing else next(demux, None)

    def _raw(self, packet: av.Packet[av.stream.Stream]) -> RawPacket:
        data = bytes(packet)
        format = self._formats[packet.stream_index]
        if packet.is_keyframe and format.kind == "video":
            format = self._formats[packet.stream_index] = following(format, data)
        key = packet.is_keyframe or format.kind == "audio"
        return RawPacket(format, packet.pts, packet.dts, packet.duration or 0, key, data)


def open_av(plan: Plan, timeout_s: float, audio: bool = True) -> AvSource:
    """Raises SourceMissing, SourceDenied, SourceUnusable or SourceError."""
    clock = SystemClock()
    begun_ns = clock.mono_ns()
    try:
        # PyAV applies the time to opening and to looking at the streams in turn.
        container = av.open(plan.url, "r", plan.format, plan.options, timeout=(timeout_s, READ_TIMEOUT_S))
    except av.FFmpegError as error:
        if (clock.mono_ns() - begun_ns) / NS_PER_S >= timeout_s:
            # Interrupted, some of FFmpeg's demuxers report broken data and not that they were.
            raise SourceMissing(
                f"{plan.label} gives no answer within {timeout_s:g} s; check address, port and network"
            ) from error
        raise refused(error, plan) from error
    except ValueError as error:
        raise SourceUnusable(f"{plan.label} cannot be opened: {redact(str(error))}") from error
    return AvSource(container, plan.label, audio)


def open_rtsp(settings: SourceSettings, targets: Targets, timeout_s: float) -> AvSource:
    plan = network_plan(settings, targets)
    udp = settings.transport == "udp"
    plan.options.update(
        rtsp_transport=settings.transport,
        allowed_media_types="video+audio" if settings.audio else "video",
        # Without `rtsp` itself, FFmpeg refuses to follow a redirect: the new address would be one nobody checked.
        protocol_whitelist="rtp,udp,tcp,tls" if udp else "tcp,tls",
        timeout=str(int(SOCKET_TIMEOUT_S * 1_000_000)),
        **QUICK,
        user_agent="Redshank",
    )
    return open_av(plan, timeout_s, settings.audio)


def open_flv(settings: SourceSettings, targets: Targets, timeout_s: float) -> AvSource:
    plan = network_plan(settings, targets)
    plan = replace(plan, format="flv")
    plan.options.update(
        protocol_whitelist="http,https,tcp,tls,httpproxy",
        max_redirects="0",
        rw_timeout=str(int(SOCKET_TIMEOUT_S * 1_000_000)),
        **QUICK,
        user_agent="Redshank",
    )
    return open_av(plan, timeout_s, settings.audio)


def open_device(settings: SourceSettings, timeout_s: float) -> AvSource:
    """A V4L2 device: `v4l2:/dev/video0`, `usb:0`. MJPEG where the camera has it, else its first raw format."""
    name = settings.url.partition(":")[2].removeprefix("//") or "0"
    path = Path(f"/dev/video{name}" if name.isdigit() else name)
    if not path.exists():
        raise SourceMissing(f"no such device: {path}; plug the camera in, or look with `v4l2-ctl --list-devices`")
    wanted: dict[str, str] = {"protocol_whitelist": "file"}
    if settings.width and settings.height:
        wanted["video_size"] = f"{settings.width}x{settings.height}"
    if settings.fps:
        wanted["framerate"] = f"{settings.fps:g}"
    try:
        return open_av(Plan(str(path), str(path), "v4l2", {**wanted, "input_format": "mjpeg"}), timeout_s, audio=False)
    except SourceUnusable:
        return open_av(Plan(str(path), str(path), "v4l2", wanted), timeout_s, audio=False)


def open_file(path: Path, timeout_s: float = 10.0, audio: bool = True) -> AvSource:
    if not path.exists():
        raise SourceMissing(f"no such file: {path}")
    if not path.is_file():
        raise SourceUnusable(f"{path} is not a file")
    if path.stat().st_size == 0:
        raise SourceUnusable(f"{path} is empty")
    options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    # `file:` keeps FFmpeg from taking a name with a colon for a protocol.
    return open_av(Plan(f"file:{path}", str(path), None, options), timeout_s, audio)


def network_plan(settings: SourceSettings, targets: Targets) -> Plan:
    """The checked address instead of the name, the login inside, the certificate's name beside it."""
    parts, host, port = network_address(settings.url)
    scheme = parts.scheme.lower()
    address = targets.check(host, port)
    numeric = f"[{address}]" if ":" in address else address
    login = parts.netloc.rpartition("@")[0]
    url = urlunsplit(
        parts._replace(scheme=scheme, netloc=f"{login}@{numeric}:{port}" if login else f"{numeric}:{port}")
    )
    options = {"tls_verify": "1" if settings.tls_verify else "0", "verifyhost": host}
    if settings.tls_verify:
        options["ca_file"] = trusted()
    label = redact(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
    return Plan(with_login(url, settings.user, settings.password), label, None, options)


def trusted() -> str:
    """File of the authorities we trust: the system's, or $SSL_CERT_FILE. FFmpeg's TLS library trusts nobody by itself."""
    return ssl.get_default_verify_paths().cafile or certifi.where()


def network_address(url: str) -> tuple[SplitResult, str, int]:
    """The URL taken apart, its host and port. Raises SourceUnusable."""
    try:
        parts = urlsplit(url)
        return parts, parts.hostname or "", parts.port or PORTS[parts.scheme.lower()]
    except ValueError as error:
        raise SourceUnusable(
            f"{redact(url)} is not an address; put user name and password into their own fields, not into the URL"
        ) from error


def format_of(stream: av.stream.Stream) -> StreamFormat:
    """PyAV's description of a stream in our words. Raises SourceUnusable for a codec FFmpeg cannot name."""
    context = stream.codec_context
    if context is None or stream.time_base is None:
        raise SourceUnusable("the stream's codec is unknown; set the camera to H.264 or H.265")
    extradata = bytes(context.extradata or b"")
    if isinstance(stream, av.VideoStream):
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        return StreamFormat("video", context.name, stream.time_base, extradata, stream.width, stream.height, fps)
    assert isinstance(stream, av.AudioStream)
    return StreamFormat(
        "audio", context.name, stream.time_base, extradata, sample_rate=stream.rate, channels=stream.channels
    )


LENGTH_PREFIXED = b"\x01"
"""How avcC and hvcC begin (ISO/IEC 14496-15): units have lengths then, and 00 00 01 is one of them, not a start code."""


def following(format: StreamFormat, keyframe: bytes) -> StreamFormat:
    """The format from this keyframe on: the same object, or a new one when the camera has changed its parameters."""
    if format.codec not in ("h264", "hevc") or format.extradata[:1] == LENGTH_PREFIXED or not is_annexb(keyframe):
        return format
    sets = parameter_sets(format.codec, keyframe)
    if not sets or sets == format.extradata:
        return format
    size = picture_size(format.codec, sets)
    if size is None or not (0 < size[0] <= MAX_SIDE and 0 < size[1] <= MAX_SIDE):
        return format
    return replace(format, extradata=sets, width=size[0], height=size[1])


def refused(error: av.FFmpegError, plan: Plan) -> SourceError:
    """Why an input could not be opened, as one line without a secret."""
    at = plan.label
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return SourceDenied(f"{at} refuses the login; check user name and password")
        case av.error.HTTPNotFoundError():
            return SourceMissing(f"{at}: the camera answers but has no such stream; check the path")
        case av.error.HTTPServerError() | av.error.HTTPClientError():
            return SourceError(f"{at}: the camera answers with an error; it may be busy or have too many viewers")
        case av.error.ExitError() | av.error.TimeoutError():
            return SourceMissing(f"{at} gives no answer; check address, port and network")
        case av.error.ConnectionRefusedError():
            return SourceMissing(f"{at} refuses the connection; check the port and that the service is switched on")
        case av.error.FileNotFoundError():
            return SourceMissing(f"{at} is not there")
        case av.error.PermissionError():
            return SourceDenied(f"{at} may not be read; for a device add this user to the group `video`")
        case av.error.ProtocolNotFoundError() | av.error.DemuxerNotFoundError():
            return SourceUnusable(f"{at} is a kind of address or file that is not supported")
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return SourceMissing(f"{at} cannot be reached from this network; check address, cable and routing")
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return SourceMissing(f"{at}: the device is gone")
    if error.errno == errno.EBUSY:
        return SourceMissing(f"{at} is used by another program")
    if error.errno == errno.EINVAL and plan.url.startswith("rtsp"):
        return SourceUnusable(
            f"{at} redirects to another address, which is not followed; use that address if you trust it"
        )
    if error.errno == errno.EIO and plan.url.startswith(("rtsps:", "https:")) and plan.options.get("tls_verify") == "1":
        return SourceDenied(
            f"{at}: its certificate is not trusted; give the right host name, or set `tls_verify: false` for it"
        )
    return SourceUnusable(f"{at} is not a video that can be read ({(error.strerror or 'unknown error').lower()})")


def broken(error: av.FFmpegError, label: str) -> SourceError:
    """Why an open input ended."""
    match error:
        case av.error.ExitError() | av.error.TimeoutError():
            return SourceError(f"{label} stopped sending")
        case av.error.ConnectionResetError() | av.error.BrokenPipeError():
            return SourceError(f"{label} closed the connection")
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return SourceMissing(f"{label}: the device is gone")
    return SourceError(f"{label} broke off ({(error.strerror or 'unknown error').lower()})")
