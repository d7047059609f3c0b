"""The CSI camera, with a stand-in for rpicam-vid: a script that writes H.264."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import av
import pytest

from redshank.errors import SourceError, SourceMissing, SourceUnusable
from redshank.media.nal import is_annexb
from redshank.media.rpicam import CsiSource, arguments, open_csi
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket
from tests.harness.footage import cached_clip

CSI = SourceSettings("csi:0", width=640, height=360, fps=10)


def elementary(folder: Path) -> Path:
    """A clip as the Pi's encoder writes it: Annex B with parameter sets before every keyframe."""
    path = folder / "stream.h264"
    with av.open(str(cached_clip(3))) as source, av.open(str(path), "w", format="h264") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return path


def program(folder: Path, after: str) -> list[str]:
    script = folder / "rpicam_vid.py"
    script.write_text(
        f"import sys, threading\nsys.stdout.buffer.write(open({str(elementary(folder))!r}, 'rb').read())\n"
        f"sys.stdout.flush()\n{after}\n"
    )
    return [sys.executable, str(script)]


def test_access_units_come_out_one_by_one(tmp_path: Path) -> None:
    source = CsiSource(program(tmp_path, "threading.Event().wait()"), CSI)
    packets = source.packets()
    got: list[RawPacket] = [next(packets) for _ in range(29)]
    source.close()
    source.close()
    assert list(packets) == []
    assert [n for n, raw in enumerate(got) if raw.keyframe] == [0, 10, 20]
    assert all(is_annexb(raw.data) and raw.pts is None for raw in got)
    assert (got[0].format.width, got[0].format.height) == (640, 360)
    assert len({id(raw.format) for raw in got}) == 1


def test_closing_from_another_thread_ends_a_waiting_read(tmp_path: Path) -> None:
    source = CsiSource(program(tmp_path, "threading.Event().wait()"), CSI)
    left: list[RawPacket] = []
    started = threading.Event()

    def read() -> None:
        for raw in source.packets():
            left.append(raw)
            started.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert started.wait(10)
    source.close()
    thread.join(10)
    assert not thread.is_alive()


def test_the_programs_own_words_say_why_it_ended(tmp_path: Path) -> None:
    noisy = "sys.stderr.write('frame\\n' * 20000 + 'ERROR: *** no cameras available ***\\n'); sys.exit(255)"
    source = CsiSource(program(tmp_path, noisy), CSI)
    with pytest.raises(SourceError, match="no cameras available"):
        list(source.packets())


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(SourceMissing, match="sudo apt install rpicam-apps-lite"):
        open_csi(CSI)
    with pytest.raises(SourceMissing, match="cannot be started"):
        CsiSource(["/no/such/program"], CSI)


@pytest.mark.parametrize("url", ["csi:front", "csi:0; reboot", "csi:--help", "csi:-1"])
def test_only_a_number_names_a_camera(url: str) -> None:
    """rel:S05: nothing a user writes becomes an option of the program."""
    with pytest.raises(SourceUnusable, match="names no camera"):
        open_csi(SourceSettings(url))


def test_the_arguments_are_fixed() -> None:
    words = arguments(SourceSettings("csi:1", width=1280, height=720, fps=12.5, keyframe_s=2), 1)
    assert words[words.index("--camera") + 1] == "1"
    assert words[words.index("--intra") + 1] == "25"
    assert words[words.index("--framerate") + 1] == "12.5"
    assert words[-2:] == ["--output", "-"]
    assert "--inline" in words
