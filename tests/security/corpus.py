"""What hostile people type, made rather than listed: the same everywhere in these tests. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

CANARY = "canary-7f3a"
"""A file of this name, outside of everything that may be read, holds SECRET."""
SECRET = "the-content-of-the-canary"
CLIMBS = ("..", "../..", "../../..", "../../../..", "../../../../..", "../../../../../../../..", "./..")
CODINGS = (
    "..",
    "%2e%2e",
    "%252e%252e",
    "..;",
    "...",
    "..\\",
    "%c0%ae%c0%ae",
    "\uff0e\uff0e",
    "..%00",
    "....//",
    ".%2e",
)


def paths(folder: str) -> list[str]:
    """Names of the canary that lies in `folder`, and of files every system has; none is encoded for a URL."""
    found: list[str] = []
    targets = (
        CANARY,
        f"canaries/{CANARY}",
        "etc/passwd",
        "proc/self/environ",
        "redshank.yaml",
        "data/redshank.db",
        "etc/shadow",
    )
    for climb, target in product(CLIMBS, targets):
        found += (f"{climb}/{target}", f"{climb}/{target}".replace("/", "\\"), f"yard/{climb}/{target}")
        found += (quote(f"{climb}/{target}", safe=""), quote(quote(f"{climb}/{target}", safe=""), safe=""))
    found += [f"{code}/{code}/{CANARY}" for code in CODINGS]
    for target in (f"{folder}/{CANARY}", "/etc/passwd", "/proc/self/environ"):
        found += (
            target,
            f"/{target}",
            f"//localhost{target}",
            f"file://{target}",
            f"file:{target}",
            f"yard\x00{target}",
        )
        found += (f"{target}\x00.jpg", f"{target}%00.jpg", f"{target}.gz", f"{target}.br", f"~{target}", f"C:{target}")
        found += (
            f"http://[::1]{target}",
            f"yard:/{target}",
            f"{target}/",
            f"{target}//",
            f"./{target}",
            f"\\\\?{target}",
        )
    found += [
        "escape",
        "escape/canary",
        "yard/escape",
        f"escape/{CANARY}",
        f"yard/main/{CANARY}",
        "~",
        "~root",
        ".",
        "..",
        "/",
    ]
    found += [
        "a" * 5000,
        "../" * 2000,
        "/" * 300,
        "..%2f" * 500,
        "con",
        "nul",
        "aux.jpg",
        "\x00",
        "%",
        "%zz",
        ".htaccess",
        ".git/config",
    ]
    return list(dict.fromkeys(found))


def injections(command: str) -> list[str]:
    """Ways to have `command` run, a file of this machine opened, or an option taken."""
    wraps = (
        "; {}", "&& {}", "|| {}", "| {}", "& {}", "$({})", "`{}`", "\n{}\n", "\r\n{}", "'; {}; '", '"; {}; "', "\\'; {}", "${{IFS}}{}",
        "x\x00; {}", "%0a{}", "%3b{}", "{{{{{}}}}}", "${{{}}}", "<({})", ">({})", "!{}", "=cmd|'/c {}'!A0", "@{}", "*; {}", "$(({}))",
    )  # fmt: skip
    opens = (
        "exec:{}", "pipe:{}", "concat:{}|{}", "file:{}", "file:///{}", "subfile,,start,0,end,9,,:{}", "data:text/plain,{}",
        "crypto:{}",
        "movie={}", "amovie={}", "[in]movie={}[out]", "ffmpeg:{}#video=h264", "tcp://127.0.0.1:1/{}",
        "gopher://127.0.0.1/{}", "lavfi:{}",
        "async:file:{}", "cache:file:{}", "hls+file://{}", "tee:[f=null]{}", "async:exec:{}", "ffrtmphttp://{}", "unix:{}", "md5:{}",
    )  # fmt: skip
    options = (
        "-{}", "--{}", "-i {}", "-f lavfi -i movie={}", "--config={}", "-exec {}", "-vf movie={}", "--eval={}", "-o{}", "-y {}",
    )  # fmt: skip
    hosts = (
        "rtsp://10.0.0.9/{}",
        "rtsp://u:p{}@10.0.0.9/x",
        "http://10.0.0.9/{}",
        "rtsp://{}/",
        "rtsp://-{}/x",
        "rtsp://10.0.0.9:{}/",
    )
    found = [form.replace("{}", command).replace("{{", "{").replace("}}", "}") for form in (*wraps, *opens, *options)]
    found += [host.replace("{}", wrap.replace("{}", command)) for host, wrap in product(hosts, (*wraps, *options))]
    return list(dict.fromkeys(found))


def scripts() -> list[str]:
    """100 ways to have `window.__pwned = 1` run, if a name of somebody's is ever taken for a piece of page."""
    run = "window.__pwned=1"
    tags = [
        f"<script>{run}</script>", f"<img src=x onerror={run}>", f"<svg onload={run}>", f"<svg/onload={run}>", f"<body onload={run}>",
        f"<iframe srcdoc='<script>parent.{run}</script>'>", f"<details open ontoggle={run}>x", f"<input autofocus onfocus={run}>",
        f"<video src=x onerror={run}>", f"<audio src=x onerror={run}>", f"<marquee onstart={run}>",
        f"<math><mi//xlink:href='data:x,{run}'>",
        f"<object data='javascript:{run}'>", f"<embed src='javascript:{run}'>", f"<a href='javascript:{run}' id=x>x</a>",
        f"<base href='javascript:{run}//'>", f"<style>@import 'javascript:{run}'</style>",
        f"<link rel=stylesheet href='javascript:{run}'>",
        f"<form action='javascript:{run}'><button>", f"<template><script>{run}</script></template>",
    ]  # fmt: skip
    found = [*tags]
    for before in ('">', "'>", "-->", "</title>", "</textarea>", "</script>", "]]>", "*/"):
        found += [f"{before}{tag}" for tag in tags[:8]]
    found += [
        f'" onmouseover="{run}" x="',
        f"' onfocus='{run}' autofocus='",
        f"javascript:{run}",
        f"JaVaScRiPt:{run}",
        f"\x01javascript:{run}",
    ]
    found += [
        f"{{{{constructor.constructor('{run}')()}}}}",
        f"${{{run}}}",
        f"{{@html '<script>{run}</script>'}}",
        f"\u003cscript\u003e{run}\u003c/script\u003e",
    ]
    found += [
        f"&lt;script&gt;{run}&lt;/script&gt;",
        f"<scr\x00ipt>{run}</scr\x00ipt>",
        f"<<script>{run}//<</script>",
        f"<ScRiPt>{run}</sCrIpT>",
    ]
    found += [
        f"\u2028<script>{run}</script>",
        f"\ufeff<img src=x onerror={run}>",
        f"data:text/html,<script>{run}</script>",
    ]
    found += [f"<img src=x:x onerror={run}//", f"<a\thref=javascript:{run}>x</a>"]
    return list(dict.fromkeys(found))[:100]


WILD = (
    "", "0", "1", "-1", "2026-11-21", "2026-11-21T12:00:00Z", "1795262400000000", "9" * 19, "9" * 400, "1e9", "1e400",
    "NaN", "Infinity",
    "null", "true", "[]", "{}", "' OR 1=1 --", '"; DROP TABLE alerts; --', "%' UNION SELECT password FROM users --", "1;SELECT 1", "\\",
    "$(id)", "(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5000, ",".join("abcdefgh" * 9), ",", ",,,,", "*", "%", "_", "[", "\x00",
    "\ud7ff", "\ufffe", "\u202e", "😀" * 50, "<script>", "=1+1", "\n", "\r\nSet-Cookie: a=b", "0001-01-01", "9999-12-31", "2026-02-30",
    "9999-12-31T23:59:59.999999Z", "-9223372036854775809", "18446744073709551616", "0x10", "１２", "٣", "+1", " 1 ",
    "yard", "yard,quarry",
    "quarry", "person", "id DESC", "random()", "../../etc/passwd", "main", "hour", "day", "error", "wrong,none", "12345678-0",
)  # fmt: skip


def cycled(values: list[str]) -> Iterator[str]:
    """For ever, so that the next route goes on where the last one stopped."""
    while True:
        yield from values
