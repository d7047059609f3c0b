"""A foreign camera: gst-rtsp-server in the system's Python, so that we do not only meet ourselves. Slow tests only.

    apt-get install --no-install-recommends gir1.2-gst-rtsp-server-1.0 python3-gi \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType

import pytest

from tests.harness.broker import free_port

_PYTHON = "/usr/bin/python3"
_SCRIPT = Path(__file__).with_name("gst_camera_script.py")
_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


class GstCamera:
    """Loops `clip` (H.264 MP4, AAC or no sound) at `url`. Skips the test, saying why, where GStreamer is not installed."""

    def __init__(self, clip: Path, port: int = 0) -> None:
        self.url = ""
        self.port = port or free_port()
        self._clip = clip
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> GstCamera:
        try:
            probe = subprocess.run([_PYTHON, "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False)
        except OSError as error:
            pytest.skip(f"no system Python for gst-rtsp-server: {error}")
        if probe.returncode != 0:
            pytest.skip(f"gst-rtsp-server is not installed: {(probe.stderr.strip().splitlines() or ['?'])[-1]}")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """(Again, on the same port.) Returns once it listens."""
        command = [_PYTHON, str(_SCRIPT), str(self._clip), str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("rtsp://"), "gst-rtsp-server did not start"

    def kill(self) -> None:
        """SIGKILL: the camera loses power. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()
