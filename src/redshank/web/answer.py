"""What every route needs to answer: problems (RFC 9457), times, names, byte ranges (RFC 9110 §14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from redshank.access.refusal import Refusal, Why
from redshank.clock import US_PER_S, from_rfc3339
from redshank.errors import RedshankError
from redshank.playback.footage import NoFootage
from redshank.playback.studio import Busy
from redshank.web.site import WebCamera, WebSite

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
LATEST = 253_402_300_800 * US_PER_S
"""The year 10000: from there on there is no way to write a time."""


class Problem(RedshankError):
    """An answer that says why not."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


_TITLES = {
    400: "The request makes no sense",
    401: "Not logged in",
    403: "Not allowed",
    404: "There is no such thing",
    405: "Not in this way",
    408: "It did not come in time",
    409: "It has changed meanwhile",
    413: "Too much at once",
    415: "Not of a kind that is read here",
    416: "Not in the file",
    429: "Too often",
    422: "It would not work",
    500: "It failed",
    503: "Not at the moment",
}


REFUSED: Mapping[Why, int] = {
    "invalid": 400,
    "unknown": 401,
    "forbidden": 403,
    "missing": 404,
    "conflict": 409,
    "often": 429,
    "busy": 503,
}


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    said = {"type": "about:blank", "title": _TITLES.get(status, "It failed"), "status": status, "detail": detail}
    return JSONResponse(said, status, dict(headers or {}), "application/problem+json")


def install(app: FastAPI) -> None:
    """Every error of ours, and of the framework, as a problem."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, Problem):
            return problem(error.status, str(error), error.headers)
        if isinstance(error, Refusal):
            return problem(REFUSED[error.why], str(error), {"Retry-After": str(error.wait_s)} if error.wait_s else None)
        if isinstance(error, NoFootage):
            return problem(404, str(error))
        return problem(503, str(error), {"Retry-After": "2"} if isinstance(error, Busy) else None)

    async def theirs(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), error.headers)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors())
        return problem(400, wrong)

    app.add_exception_handler(RedshankError, ours)
    app.add_exception_handler(HTTPException, theirs)
    app.add_exception_handler(RequestValidationError, invalid)


def time_of(text: str) -> int:
    """µs from µs or RFC 3339. Raises Problem."""
    try:
        time = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else from_rfc3339(text)
    except ValueError:
        time = -1
    if not 0 <= time < LATEST:
        raise Problem(400, f"not a time: {text[:40]!r}; expected 2026-11-21T12:00:00Z or microseconds since 1970")
    return time


def range_of(start: str, end: str, most_us: int) -> tuple[int, int]:
    """[start, end). Raises Problem when it is empty or too long."""
    first, last = time_of(start), time_of(end)
    if last <= first:
        raise Problem(400, "the end of the range is not after its start")
    if last - first > most_us:
        raise Problem(400, f"the range is longer than {most_us // 3_600_000_000} h: ask for less at once")
    return first, last


def camera_of(site: WebSite, camera: str) -> WebCamera:
    """Raises Problem: the same answer for what is not there and, later, for what one may not see."""
    found = site.cameras().get(camera)
    if found is None:
        raise Problem(404, "there is no such camera")
    return found


def stream_of(site: WebSite, camera: str, stream: str) -> WebCamera:
    """The camera, which has this stream. Raises Problem."""
    found = camera_of(site, camera)
    if stream not in found.streams:
        raise Problem(404, "there is no such stream")
    return found


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """[from, to) of a Range header; None: the whole (none, several, or one that makes no sense). Raises Problem 416."""
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        low, high = int(found[1]), int(found[2]) + 1 if found[2] else size
        if found[2] and high <= low:
            return None
    else:
        low, high = max(0, size - int(found[2])), size
    if low >= size:
        raise Problem(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return low, min(high, size)


def same(etag: str, header: str | None) -> bool:
    """Whether an If-None-Match header names this entity."""
    named = [one.strip().removeprefix("W/") for one in (header or "").split(",")]
    return etag in named or "*" in named


Json = dict[str, Any]
