"""Where a camera's pictures come from: `ffmpeg.inputs` and `go2rtc.streams` → `streams` with main and sub. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from redshank.config.document import Text, Tree
from redshank.config.fields import split_login
from redshank.config.source import ROLES
from redshank.config.yaml_text import Value
from redshank.frigate.report import Report

_VARIABLE = re.compile(r"\{(FRIGATE_[A-Z0-9_]+)\}")
_OWN = re.compile(
    r"rtsp://(?:[^@/]*@)?(?:127\.0\.0\.1|localhost|\[::1\]|0\.0\.0\.0):8554/(?P<name>[^/?#]+)", re.IGNORECASE
)
_PRESETS: Mapping[str, dict[str, Value]] = {
    "preset-rtsp-udp": {"transport": "udp"},
    "preset-http-jpeg-generic": {"kind": "jpeg"},
    "preset-http-mjpeg-generic": {"kind": "mjpeg"},
    "preset-http-reolink": {"kind": "flv"},
}
"""Of `input_args`, as far as they say how to read."""
MAX_HOPS = 5


@dataclass(frozen=True, slots=True)
class Streams:
    """go2rtc's, by name, and Frigate's restream if that is to be read."""

    known: Mapping[str, Tree]
    restream: str = ""
    """host:port; empty: the cameras themselves are read."""


def sources(
    camera: str, slug: str, tree: Mapping[str, Tree], streams: Streams, report: Report
) -> tuple[dict[str, Value], str]:
    """`streams` of a camera by name, and why there is none. slug: what the camera is called here."""
    ffmpeg = tree.get("ffmpeg")
    inputs = ffmpeg.get("inputs") if isinstance(ffmpeg, dict) else None
    key = f"cameras.{camera}.ffmpeg.inputs"
    found: list[tuple[set[str], dict[str, Value], str]] = []
    why = "it has no ffmpeg.inputs"
    for i, one in enumerate(inputs if isinstance(inputs, list) else ()):
        made, why = _source(camera, one, streams) if isinstance(one, dict) else (None, "expected path and roles")
        if made is None:
            report.unsupported(f"{key}[{i}]", why)
        else:
            found.append((_roles(one), made, f"{key}[{i}]"))
    if not found:
        return {}, why
    main = next((one for one in found if "record" in one[0]), found[0])
    sub = next((one for one in found if "detect" in one[0] and one is not main and "detect" not in main[0]), None)
    made_of: dict[str, Value] = {}
    for name, chosen in (("main", main), ("sub", sub)):
        if chosen is not None:
            made_of[name] = chosen[1]
            _tell(report, chosen[2], f"cameras.{slug}.streams.{name}", chosen[1], streams)
    for at in (one[2] for one in found):
        if at not in (main[2], sub[2] if sub else ""):
            report.unsupported(at, "one stream is recorded, one more may be analysed: this one is neither")
    return made_of, ""


def _source(camera: str, tree: Mapping[str, Tree], streams: Streams) -> tuple[dict[str, Value] | None, str]:
    path = tree.get("path")
    if not isinstance(path, Text) or not path.strip():
        return None, "expected a path"
    url = path.strip()
    args = tree.get("input_args")
    more = dict(_PRESETS.get(str(args), {})) if isinstance(args, Text) else {}
    own = _OWN.match(url)
    name = own["name"] if own else camera if camera in streams.known and streams.restream else ""
    if name and streams.restream:
        return {"url": f"rtsp://{streams.restream}/{name}"}, ""
    if own:
        url = _behind(name, streams.known, MAX_HOPS)
        if not url:
            return (
                None,
                "go2rtc makes this stream by other means: it can be read from Frigate's restream (--from-restream)",
            )
    return {**_stream(url), **more}, ""


def _behind(name: str, known: Mapping[str, Tree], hops: int) -> str:
    """The camera's own address of a go2rtc stream; empty when it has none."""
    entry = known.get(name)
    for one in entry if isinstance(entry, list) else [entry]:
        if not isinstance(one, Text):
            continue
        url = one.strip().removeprefix("ffmpeg:").split("#")[0]
        if re.match(r"(rtspx?|rtsps|https?)://", url):
            inner = _OWN.match(url)
            if inner is None:
                return url
            url = inner["name"]
        if url in known and url != name and hops:
            found = _behind(url, known, hops - 1)
            if found:
                return found
    return ""


def _stream(url: str) -> dict[str, Value]:
    """The login in fields of its own, variables as they are written here."""
    made: dict[str, Value] = {}
    if url.startswith("rtspx://"):
        url, made["tls_verify"] = "rtsps://" + url.removeprefix("rtspx://"), False
    plain, user, password = split_login(url)
    for key, value in (("url", plain), ("user", unquote(user)), ("password", unquote(password))):
        if value:
            made[key] = _VARIABLE.sub(r"${\1}", value)
    if re.match(r"https?://[^?#]*(/flv\b|\.flv\b)", plain):
        made["kind"] = "flv"
    return made


def _roles(tree: Tree) -> set[str]:
    roles = tree.get("roles") if isinstance(tree, dict) else None
    words = roles if isinstance(roles, list) else roles.split(",") if isinstance(roles, Text) else []
    return {str(word).strip() for word in words} & set(ROLES)


def _tell(report: Report, key: str, to: str, made: Mapping[str, Value], streams: Streams) -> None:
    url = str(made.get("url", ""))
    restream = streams.restream and url.startswith(f"rtsp://{streams.restream}/")
    note = "read from Frigate's restream" if restream else "the login has fields of its own" if "user" in made else ""
    report.mapped(f"{key}.path", f"{to}.url", note)
    report.mapped(f"{key}.roles", to, "recorded" if to.endswith("main") else "analysed")
    if {"transport", "kind"} & set(made):
        report.mapped(f"{key}.input_args", to)


def used_names(tree: Mapping[str, Tree]) -> set[str]:
    """go2rtc streams that some input of a camera reads."""
    ffmpeg = tree.get("ffmpeg")
    inputs = ffmpeg.get("inputs") if isinstance(ffmpeg, dict) else None
    paths = [one.get("path") for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []
    return {match["name"] for path in paths if isinstance(path, Text) and (match := _OWN.match(path.strip()))}


def is_host(text: str) -> bool:
    """Whether this is host:port."""
    try:
        parts = urlsplit(f"rtsp://{text}/")
        return bool(re.fullmatch(r"[A-Za-z0-9.-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", text)) and bool(parts.port)
    except ValueError:
        return False
