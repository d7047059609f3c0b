"""From what the user wrote to an open connection: the one place that chooses among sources."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from av.audio.codeccontext import AudioCodecContext

from redshank.clock import Clock, SystemClock
from redshank.errors import SourceUnusable
from redshank.media.encode import Encoded
from redshank.media.http import open_http
from redshank.media.playback import FileSource, Playing
from redshank.media.pyav import AvSource, open_device, open_rtsp
from redshank.media.rpicam import open_csi
from redshank.media.settings import SourceSettings
from redshank.media.sound import with_playable_sound
from redshank.media.source import Opener, Source
from redshank.targets import Targets, redact

COPIED = frozenset({"h264", "hevc"})
"""Recorded and shown as they come."""
ENCODED = frozenset({"mjpeg", "rawvideo"})
"""Decoded and encoded once here, beside network and logins, because cameras have nothing better to offer: as few decoders as can be."""


def opener(settings: SourceSettings, targets: Targets, clock: Clock | None = None) -> Opener:
    """What `media.reader` is given."""
    return partial(_open, settings, targets, clock or SystemClock())


def open_source(settings: SourceSettings, targets: Targets, timeout_s: float, clock: Clock | None = None) -> Source:
    """Blocks for at most about twice `timeout_s`, and a name look-up. Raises SourceError or a subclass, or TargetRefused."""
    return _open(settings, targets, clock or SystemClock(), timeout_s)


def tls_verified(settings: SourceSettings) -> bool | None:
    """For `CameraState`: None without TLS."""
    return settings.tls_verify if scheme_of(settings.url) in ("rtsps", "https") else None


def scheme_of(url: str) -> str:
    """The scheme in small letters; a plain path is a file."""
    scheme, colon, _ = url.partition(":")
    return scheme.lower() if colon and "/" not in scheme else "file"


def _open(settings: SourceSettings, targets: Targets, clock: Clock, timeout_s: float) -> Source:
    source = connect(settings, targets, clock, timeout_s)
    decoder, hearing = (source.video_decoder, _sound_decoder(source)) if isinstance(source, AvSource) else (None, None)
    playable = with_playable_sound(source, settings, clock, hearing)
    if source.formats[0].codec in COPIED:
        return playable
    return Encoded(playable, settings, clock, decoder)


def _sound_decoder(source: AvSource) -> AudioCodecContext | None:
    """FFmpeg's decoder as the demuxer has set it up: of some codecs only that knows all."""
    sound = source.container.streams.best("audio")
    context = sound.codec_context if sound is not None else None
    return context if isinstance(context, AudioCodecContext) else None


def connect(settings: SourceSettings, targets: Targets, clock: Clock, timeout_s: float) -> Source:
    """The same, as the camera sends it: nothing is encoded."""
    source = _connected(settings, targets, clock, timeout_s)
    codec = source.formats[0].codec
    if codec not in COPIED | ENCODED:
        source.close()
        raise SourceUnusable(
            f"{redact(settings.url)}: video codec {codec} is not supported; set the camera to H.264 or H.265"
        )
    return source


def _connected(settings: SourceSettings, targets: Targets, clock: Clock, timeout_s: float) -> Source:
    match scheme_of(settings.url):
        case "rtsp" | "rtsps":
            return open_rtsp(settings, targets, timeout_s)
        case "http" | "https":
            return open_http(settings, targets, clock, timeout_s)
        case "v4l2" | "usb":
            return open_device(settings, timeout_s)
        case "csi":
            return open_csi(settings)
        case "file":
            return FileSource(file_path(settings.url), clock, Playing(settings.loop, settings.paced, settings.audio))
        case scheme:
            raise SourceUnusable(
                f"{redact(settings.url)}: {scheme} is not supported; use rtsp, rtsps, http, https, usb, v4l2, csi or file"
            )


def file_path(url: str) -> Path:
    """`file:clip.mp4`, `file:///clips/a%20b.mp4` and plain paths."""
    if not url.lower().startswith("file:"):
        return Path(url)
    rest = url[5:]
    return Path(unquote(urlsplit(url).path) if rest.startswith("//") else rest)
