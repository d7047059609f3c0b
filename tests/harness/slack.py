"""A server in the shape of Slack's Web API: messages, and files through the current upload flow.

Upload: files.getUploadURLExternal (name, length) -> POST the bytes to `upload_url` -> files.completeUploadExternal (ids, channel).
As with the real one, errors are HTTP 200 with `"ok": false`; only rate limiting is 429 with Retry-After.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.harness.http_server import HttpRequest, HttpServer, answer
from tests.harness.sinks import Inbox


@dataclass(frozen=True, slots=True)
class Call:
    """One API call; uploads have the method `upload`."""

    method: str
    arguments: Mapping[str, Any]
    body: bytes
    error: str
    """What was answered; empty when ok."""


@dataclass(frozen=True, slots=True)
class SlackFile:
    """A file that was shared in a channel."""

    id: str
    name: str
    data: bytes
    channel: str
    thread: str
    comment: str


class SlackServer:
    """Use as a context manager; `base_url` stands for https://slack.com/api/."""

    def __init__(self, token: str = "xoxb-test") -> None:
        self.token = token
        self.calls: Inbox[Call] = Inbox()
        self.messages: Inbox[Mapping[str, Any]] = Inbox()
        """Arguments of each accepted chat.postMessage, with its `ts`."""
        self.files: Inbox[SlackFile] = Inbox()
        self.errors: dict[str, str] = {}
        """Method -> error it answers, e.g. {"chat.postMessage": "channel_not_found"}."""
        self.retry_after_s = 0
        """Above 0 every call is answered 429 with this Retry-After."""
        self.hang = False
        self._names: dict[str, tuple[str, int]] = {}
        self._uploaded: dict[str, bytes] = {}
        self._count = 0
        self.server = HttpServer(self._handle)

    def __enter__(self) -> SlackServer:
        self.server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.server.close()

    @property
    def base_url(self) -> str:
        return f"{self.server.base_url}/api/"

    async def _handle(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        if self.hang:
            await asyncio.Event().wait()
        path = urlsplit(request.path).path
        if path.startswith("/upload/"):
            writer.write(self._upload(path.removeprefix("/upload/"), request))
            return
        method = path.removeprefix("/api/")
        given = _arguments(request)
        if self.retry_after_s:
            self.calls.add(Call(method, given, request.body, "ratelimited"))
            writer.write(_json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(self.retry_after_s)}))
            return
        result = self._result(method, given, request)
        self.calls.add(Call(method, given, request.body, str(result.get("error", ""))))
        writer.write(_json(result))

    def _result(self, method: str, given: Mapping[str, Any], request: HttpRequest) -> dict[str, Any]:
        if request.headers.get("authorization") != f"Bearer {self.token}" and given.get("token") != self.token:
            return _failed("invalid_auth")
        if method in self.errors:
            return _failed(self.errors[method])
        match method:
            case "auth.test":
                return {
                    "ok": True,
                    "url": "https://test.slack.com/",
                    "team": "Test",
                    "user": "redshank",
                    "bot_id": "B1",
                }
            case "chat.postMessage" | "chat.update":
                return self._post(given)
            case "files.getUploadURLExternal":
                return self._offer_upload(given)
            case "files.completeUploadExternal":
                return self._complete(given)
        return _failed("unknown_method")

    def _post(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if not given.get("channel"):
            return _failed("channel_not_found")
        if not given.get("text") and not given.get("blocks"):
            return _failed("no_text")
        self._count += 1
        ts = str(given.get("ts") or f"1763700000.{self._count:06}")
        self.messages.add({**given, "ts": ts})
        return {"ok": True, "channel": given["channel"], "ts": ts, "message": {"text": given.get("text", "")}}

    def _offer_upload(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if not given.get("filename") or not str(given.get("length", "")).isdigit():
            return _failed("invalid_arguments")
        self._count += 1
        file_id = f"F{self._count:08}"
        self._names[file_id] = str(given["filename"]), int(given["length"])
        return {"ok": True, "upload_url": f"{self.server.base_url}/upload/{file_id}", "file_id": file_id}

    def _upload(self, file_id: str, request: HttpRequest) -> bytes:
        data = request.body
        if request.headers.get("content-type", "").startswith("multipart/"):
            data = _first_part(request)
        good = file_id in self._names and request.method == "POST" and len(data) == self._names[file_id][1]
        self.calls.add(Call("upload", {"file": file_id}, data, "" if good else "wrong length or unknown file"))
        if not good:
            return answer(400, b"bad upload")
        self._uploaded[file_id] = data
        return answer(200, f"OK - {len(data)}".encode())

    def _complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        wanted = given.get("files", [])
        files = json.loads(wanted) if isinstance(wanted, str) else wanted
        if not files or any(file.get("id") not in self._uploaded for file in files):
            return _failed("file_not_found")
        for file in files:
            name, channel = self._names[file["id"]][0], str(given.get("channel_id", ""))
            thread, comment = str(given.get("thread_ts", "")), str(given.get("initial_comment", ""))
            self.files.add(SlackFile(file["id"], name, self._uploaded[file["id"]], channel, thread, comment))
        return {"ok": True, "files": [{"id": file["id"], "title": file.get("title", "")} for file in files]}


def _failed(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def _json(value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    return answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def _arguments(request: HttpRequest) -> dict[str, Any]:
    """From the query and a form or JSON body."""
    given: dict[str, Any] = dict(parse_qsl(urlsplit(request.path).query))
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        given |= json.loads(request.body)
    elif kind.startswith("application/x-www-form-urlencoded"):
        given |= dict(parse_qsl(request.body.decode()))
    return given


def _first_part(request: HttpRequest) -> bytes:
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    part = request.body.split(b"--" + boundary)[1]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
