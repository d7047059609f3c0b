"""The whole web application over everything that can be there without a network, two cameras, everybody who may ask; and a way to
ask it anything at all, byte for byte, as a hostile program would: no client tidies the address.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from fastapi import FastAPI
from fastapi.routing import APIRoute

from redshank.apply import difference
from redshank.archive.orders import Orders
from redshank.blobs.disk import DiskBlobs
from redshank.config.editor import Editor
from redshank.news import News
from redshank.trail.trails import Trails
from redshank.web.review import Review
from tests.security.corpus import CANARY, SECRET
from tests.web.town import YARD, Asker, Town, methods_of, routes_of, town
from tests.web.watched import Watched

CONFIG = """\
cameras:
  yard: {url: "rtsp://10.0.0.9/yard", user: admin, password: the-cameras-own, zones: {porch: {coordinates: "0,0,1,0,1,1"}}}
  quarry: {url: "rtsp://10.0.0.10/quarry"}
rules: {people: {labels: person}}
channels: {hook: {type: webhook, url: "https://hooks.example.org/x"}}
"""
SLOW_S = 2.0
Json = Any


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Whole:
    """`root`: a folder in which only `site` is the application's; canaries lie around it."""

    root: Path
    town: Town
    ids: dict[str, str] = field(default_factory=dict)
    """Of things there are, by the name of a path parameter."""

    @property
    def app(self) -> FastAPI:
        return self.town.app

    @property
    def admin(self) -> Asker:
        return self.town.askers["admin"]

    def outside(self) -> dict[str, int]:
        """Every file that is not the application's, with its size."""
        mine = self.root / "site"
        found = (path for path in self.root.rglob("*") if not path.is_relative_to(mine) and path.is_file())
        return {str(path): path.stat().st_size for path in found}

    async def ask(
        self, asker: Asker, method: str, target: bytes, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> Answer:
        """target: path and query as they stand in the request line. As the server gives it to the application."""
        path, _, query = target.partition(b"?")
        told = {"host": "localhost", "sec-fetch-site": "same-origin", **asker.headers, **headers}
        if body:
            told.setdefault("content-type", "application/json")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path.decode("latin-1")), "raw_path": path, "root_path": "", "query_string": query, "state": {},
            "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
            "client": ("192.0.2.7", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        sent: list[Mapping[str, Any]] = []
        inbox = iter(({"type": "http.request", "body": body, "more_body": False},))

        async def receive() -> Mapping[str, Any]:
            return next(inbox, {"type": "http.disconnect"})

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        try:
            await self.app(scope, receive, send)  # type: ignore[arg-type]
        except Exception as error:  # by then it has answered 500, as far as it answered at all
            sent.append({"body": repr(error).encode()})
        if "status" not in sent[0]:
            return Answer(500, [], sent[0]["body"])
        heads = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
        return Answer(sent[0]["status"], heads, b"".join(one.get("body", b"") for one in sent[1:]))


@asynccontextmanager
async def whole(root: Path) -> AsyncIterator[Whole]:
    canaries(root)
    async with town(root / "site") as made:
        here, site = made.here, root / "site"
        config = site / "etc" / "redshank.yaml"
        config.parent.mkdir()
        config.write_text(CONFIG)

        async def reload() -> Reloaded:
            return Reloaded()

        trails = Trails(site / "trails", here.clock)
        log = site / "redshank.log"
        log.write_text("")
        orders = Orders(here.store, here.clock, site / "exports", lambda: ["false"])
        here.rooms = replace(
            here.rooms,
            news=News(),
            log=log,
            version="1",
            review=Review(DiskBlobs(site / "pictures"), trails, exports=orders),
            editor=Editor(config, {}, site / "data", here.clock, difference, reload),
        )
        made.app = here.app
        watched = Watched(here.store)
        ids = {"camera": YARD, "alert": watched.alert(1).id, "event": watched.quiet(2).id, "version": "0" * 64}
        (here.folder / "volume" / "escape").symlink_to(root)
        found = Whole(root, made, ids)
        yield found
        trails.close()


@dataclass
class Reloaded:
    """What a running site says of a change."""

    live: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    used: bool = True
    problems: tuple[str, ...] = ()


def canaries(root: Path) -> None:
    (root / "canaries").mkdir(parents=True)
    (root / "data").mkdir()
    for path in (root / CANARY, root / "canaries" / CANARY, root / "redshank.yaml", root / "data" / "redshank.db"):
        path.write_text(SECRET)


@dataclass(frozen=True)
class Way:
    """One method of one route, and what it takes."""

    route: APIRoute
    method: str
    inside: tuple[str, ...]
    """Names of parameters in its path."""
    query: tuple[str, ...]
    body: Json
    """JSON schema; None: none."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.route.path}"

    def target(self, inside: Mapping[str, str], query: Mapping[str, str] = {}) -> bytes:
        """Values as they are meant, encoded once, but for `/`, which no client would."""
        path = self.route.path
        for name in self.inside:
            value = quote(inside.get(name, "nowhere").encode("utf-8", "surrogatepass"), safe="/")
            path = path.replace("{" + name + "}", value).replace("{" + name + ":path}", value)
        asked = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in query.items()})
        return (path + (f"?{asked}" if asked else "")).encode("ascii")


STANDING = {
    "camera": YARD, "stream": "main", "start": "2026-11-21T12:00:00Z", "end": "2026-11-21T12:10:00Z", "time": "2026-11-21T12:00:00Z",
    "day": "2026-11-21", "hour": "12", "setup": "0123456789abcdef", "seq": "1", "part": "0-1", "path": "", "name": "index.m3u8",
}  # fmt: skip
"""What is right in an address, where it is not a thing's id."""
ENDLESS = {"/api/logout", "/api/login", "/api/enter", "/api/setup", "/api/password"}
"""Asked by tests of their own: they end the session that asks, or cost a hash each."""


def ways(app: FastAPI) -> list[Way]:
    """All that a request can say, from the application's own table."""
    spec = app.openapi()
    found: list[Way] = []
    for route in routes_of(app):
        if not isinstance(route, APIRoute) or route.path in ENDLESS:
            continue
        told = spec["paths"].get(route.path, {})
        for method in methods_of(route):
            about = told.get(method.lower(), told.get("get", {}))
            query = tuple(one["name"] for one in about.get("parameters", ()) if one["in"] == "query")
            content = about.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = resolved(content.get("schema"), spec)
            found.append(Way(route, method, tuple(route.param_convertors), query, schema))
    return found


def resolved(schema: Json, spec: Json) -> Json:
    """With what it refers to in place, four deep; deeper is nobody's."""

    def put(part: Json, left: int) -> Json:
        if isinstance(part, list):
            return [put(one, left) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            name = part["$ref"].rpartition("/")[2]
            return put(spec["components"]["schemas"][name], left - 1) if left else {}
        return {key: put(value, left) for key, value in part.items()}

    return put(schema, 4)


def filled(schema: Json, text: str) -> Json:
    """A value of this schema in which everything that may be any text is `text`."""
    if "anyOf" in schema:
        return filled(schema["anyOf"][0], text)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            named = {name: filled(one, text) for name, one in schema.get("properties", {}).items()}
            more = schema.get("additionalProperties")
            return {**named, text: filled(more, text)} if isinstance(more, dict) else named
        case "array":
            return [filled(schema.get("items", {}), text)] if schema.get("items") else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return text


def leaves(value: Json) -> Iterator[tuple[str | int, ...]]:
    """Where each value of it lies."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (key,)
        yield from ((key, *rest) for rest in leaves(part))


def changed(value: Json, place: tuple[str | int, ...], to: Json) -> Json:
    """A copy with another value there."""
    if not place:
        return to
    key, *rest = place
    made = dict(value) if isinstance(value, dict) else list(value)
    made[key] = changed(value[key], tuple(rest), to)  # type: ignore[index]
    return made
