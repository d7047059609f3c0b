"""What a user says about one stream's source. Plain values; `media.connect` turns them into a connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One stream of one camera."""

    url: str
    """rtsp:// rtsps:// http:// https:// v4l2:/dev/video0 usb:0 csi:0 file:/path; a plain path is a file."""
    user: str = ""
    password: str = field(default="", repr=False)
    """In clear here, never in a message, a log or `repr`. Beats a login inside the URL."""
    kind: Literal["auto", "flv", "mjpeg", "jpeg"] = "auto"
    """What an HTTP address gives; auto goes by its path and then by the answer's content type."""
    transport: Literal["tcp", "udp"] = "tcp"
    """Of RTSP media."""
    tls_verify: bool = True
    """Whether an rtsps or https camera must show a certificate we trust, for its own name."""
    audio: bool = True
    width: int = 0
    height: int = 0
    fps: float = 0.0
    """Wanted from a device (USB, CSI) and of what we encode; 0 = the device's own choice."""
    interval_s: float = 1.0
    """Between two polls of a JPEG address."""
    loop: bool = True
    """Whether a file begins again at its end; else it is played once."""
    paced: bool = True
    """Whether a file is played at its own speed, as a camera would; else as fast as it is read."""
    keyframe_s: float = 2.0
    """Between keyframes of what we encode ourselves."""
