"""Run with the system's Python (gi is not in a virtual environment): loops CLIP with gst-rtsp-server and prints its address.

    /usr/bin/python3 gst_camera_script.py CLIP PORT

Access units are read once and pushed again and again with timestamps that go on, never re-encoded. The factory is not shared:
with a shared one some later viewers got 503.
"""

# ruff: noqa: E402
# mypy: ignore-errors
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

VIDEO_CAPS = "video/x-h264,stream-format=byte-stream,alignment=au"


def read(clip, chain):
    """[(bytes, pts, dts, duration, is delta)] and the caps of one elementary stream."""
    pipeline = Gst.parse_launch(
        f'filesrc location="{clip}" ! qtdemux name=demux {chain} ! appsink name=sink sync=false'
    )
    pipeline.set_state(Gst.State.PLAYING)
    sink, units, caps = pipeline.get_by_name("sink"), [], None
    while (sample := sink.emit("try-pull-sample", 3 * Gst.SECOND)) is not None:
        buffer, caps = sample.get_buffer(), sample.get_caps()
        delta = buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        data = buffer.extract_dup(0, buffer.get_size())
        units.append((data, buffer.pts, buffer.dts, buffer.duration, delta))
    pipeline.set_state(Gst.State.NULL)
    return units, caps


class Feeder:
    """Answers one appsrc's wish for data."""

    def __init__(self, source, units, caps, length):
        self.units, self.length, self.at, self.round = units, length, 0, 0
        source.set_property("caps", caps)
        source.set_property("format", Gst.Format.TIME)
        source.set_property("is-live", True)
        source.set_property("max-bytes", 200_000)
        source.connect("need-data", self.push)

    def push(self, source, _):
        data, pts, dts, duration, delta = self.units[self.at]
        buffer = Gst.Buffer.new_wrapped(data)
        offset = self.round * self.length
        buffer.pts = pts + offset
        if dts != Gst.CLOCK_TIME_NONE:
            buffer.dts = dts + offset
        buffer.duration = duration
        if delta:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        source.emit("push-buffer", buffer)
        self.at += 1
        if self.at == len(self.units):
            self.at, self.round = 0, self.round + 1


def main(clip, port):
    Gst.init(None)
    video, video_caps = read(clip, f"demux.video_0 ! h264parse config-interval=-1 ! {VIDEO_CAPS}")
    audio, audio_caps = read(clip, "demux.audio_0 ! aacparse") if has_audio(clip) else ([], None)
    length = video[-1][2] + video[-1][3] - video[0][2]
    launch = "( appsrc name=v ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 "
    launch += "appsrc name=a ! aacparse ! rtpmp4gpay name=pay1 pt=97 )" if audio else ")"

    def configure(_, media):
        element, feeders = media.get_element(), []
        for name, units, caps in (("v", video, video_caps), ("a", audio, audio_caps)):
            if units:
                feeders.append(Feeder(element.get_by_name_recurse_up(name), units, caps, length))
        media.feeders = feeders

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_shared(False)
    factory.connect("media-configure", configure)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/cam", flush=True)
    GLib.MainLoop().run()


def has_audio(clip):
    with open(clip, "rb") as file:
        return b"mp4a" in file.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
