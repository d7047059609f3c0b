"""Why a key of Frigate's has no place here, for people."""

from __future__ import annotations

import re

_NOTES = (
    (r"version", "only says which Frigate wrote the file"),
    (r"mqtt", "Redshank does not speak MQTT yet; alerts go to channels: webhooks, mail, Slack"),
    (r"detectors", "the fastest device that works is taken by itself: see detector.device"),
    (r"model", "other models are used here: redshank models list"),
    (r"database|tls|auth|proxy|networking|telemetry", "of Frigate's own server: see the guide for Redshank's"),
    (r"environment_vars", "set these variables for Redshank itself"),
    (r"birdseye", "the page shows all cameras side by side"),
    (r"go2rtc\.streams", "no camera reads this stream"),
    (r"go2rtc", "Redshank serves its streams itself"),
    (r"live", "the page chooses what the browser can play"),
    (r"snapshots|timestamp_style", "a picture of each alert is always kept"),
    (r"audio|audio_transcription", "sounds are recorded, not recognised"),
    (r"semantic_search|face_recognition|lpr|genai|classification|objects\.genai|review\.genai", "not available"),
    (r"notifications", "who is told, and how, is said under channels"),
    (r"ui|camera_groups|profiles|dashboard|webui_url", "the page is set up in the page"),
    (r"onvif|ptz", "Redshank does not turn cameras"),
    (r"ffmpeg", "no arguments are needed: streams are read and recorded as they come"),
    (r"motion", "motion is found in another way: see motion.sensitivity"),
    (r"detect\.(min_initialized|max_disappeared|stationary|annotation_offset)", "tracks are followed in another way"),
    (
        r"objects\.(mask|filters\..*\.mask)|objects\.mask",
        "objects are not ignored by place: put a zone where they count, and name it in a rule",
    ),
    (r"objects", "not available"),
    (r"zones", "not available for zones"),
    (r"record\.export|record\.preview", "exports and previews need no settings"),
    (r"record", "how long footage stays follows from what is in it: continuous, motion, detections, alerts"),
    (r"review", "an alert ends when what raised it is gone"),
    (r"logger", "the parts have other names here"),
)
_IN_CAMERA = re.compile(r"cameras\.[^.]+\.")


def note_for(key: str) -> str:
    """key: dotted."""
    plain = _IN_CAMERA.sub("", key, count=1)
    for pattern, note in _NOTES:
        if re.match(rf"(?:{pattern})(?:[.\[]|$)", plain):
            return note
    return "not known here"
