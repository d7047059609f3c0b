"""How the usual cameras are reached: addresses of the main and the sub stream, from the makers' own documentation. Pure data.

`{host}`, `{port}` and `{channel}` are filled in by whoever adds the camera (`{channel:02}`: with two digits, `{channel0}`: counted
from 0); user name and password are fields of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class Template(TypedDict):
    """Of one make."""

    title: str
    main: str
    sub: str
    """Empty: it has none."""
    port: int
    notes: str
    """What to switch on in the camera, or to know."""


def _rtsp(title: str, main: str, sub: str, notes: str = "", port: int = 554) -> Template:
    at = "rtsp://{host}:{port}"
    return {"title": title, "main": at + main, "sub": at + sub if sub else "", "port": port, "notes": notes}


TEMPLATES: Mapping[str, Template] = {
    "hikvision": _rtsp(
        "Hikvision, Annke, HiLook; recorders too",
        "/Streaming/Channels/{channel}01",
        "/Streaming/Channels/{channel}02",
        "Channel 1 is the camera itself; of a recorder, its input. Choose H.264 for the sub stream.",
    ),
    "dahua": _rtsp(
        "Dahua, Amcrest, Lorex",
        "/cam/realmonitor?channel={channel}&subtype=0",
        "/cam/realmonitor?channel={channel}&subtype=1",
    ),
    "reolink": _rtsp(
        "Reolink, by RTSP",
        "/h264Preview_{channel:02}_main",
        "/h264Preview_{channel:02}_sub",
        "Switch RTSP on under Network → Advanced → Server settings. Cameras of 8 megapixels send H.265 as the main stream.",
    ),
    "reolink-flv": {
        "title": "Reolink, by HTTP-FLV",
        "main": "http://{host}:{port}/flv?port=1935&app=bcs&stream=channel{channel0}_main.bcs",
        "sub": "http://{host}:{port}/flv?port=1935&app=bcs&stream=channel{channel0}_ext.bcs",
        "port": 80,
        "notes": "Steadier than RTSP on older ones. Switch HTTP and RTMP on under Network → Advanced → Server settings.",
    },
    "tapo": _rtsp(
        "TP-Link Tapo",
        "/stream1",
        "/stream2",
        "Make a camera account in the app under Advanced settings; it is another one than that of the app.",
    ),
    "unifi": _rtsp(
        "UniFi Protect",
        "/{channel}",
        "",
        "Switch RTSPS on for the camera in Protect and copy the long name at the end of its address in place of the channel.",
        7447,
    ),
    "axis": _rtsp(
        "Axis",
        "/axis-media/media.amp?videocodec=h264&camera={channel}",
        "/axis-media/media.amp?videocodec=h264&camera={channel}&resolution=640x360",
    ),
    "foscam": _rtsp("Foscam", "/videoMain", "/videoSub", port=88),
    "esp32": {
        "title": "ESP32-CAM",
        "main": "http://{host}:{port}/stream",
        "sub": "",
        "port": 81,
        "notes": "MJPEG: it is encoded once here, which costs some CPU.",
    },
    "pi": {
        "title": "Raspberry Pi camera on this machine",
        "main": "csi:0",
        "sub": "",
        "port": 0,
        "notes": "Needs rpicam-apps, as Raspberry Pi OS has them.",
    },
    "usb": {"title": "USB camera on this machine", "main": "usb:0", "sub": "", "port": 0, "notes": ""},
    "other": _rtsp("Another camera with RTSP", "/", "", "Its manual, or ONVIF above, tells the path."),
}
