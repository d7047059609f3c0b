"""The page's own files, as they were built into the package: read once, sent compressed; every other address of the page is its index.

Nothing of a request becomes a path on disk: what can be asked for is a table made at the start.
"""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from redshank.web.answer import Problem, same
from redshank.web.guard import public

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from elsewhere; pictures and video also from memory."""
FOR_EVER = "public, max-age=31536000, immutable"
"""Files whose name changes with their content."""
COMPRESSED = ("text/", "application/json", "application/manifest+json", "image/svg")
NOT_BUILT = (
    "the page was not built into this installation: `make page` builds it (needs Node 20); the API works without"
)

routes = APIRouter(include_in_schema=False)
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    data: bytes
    zipped: bytes
    """Empty when that would not be smaller."""
    type: str
    etag: str
    kept: bool
    """Whether a browser may keep it for ever."""


def read(folder: Traversable) -> dict[str, File]:
    """By address: `/assets/index-….js`. Empty when the page was not built."""
    found: dict[str, File] = {}

    def below(at: Traversable, path: str) -> None:
        for child in at.iterdir():
            if child.is_dir():
                below(child, f"{path}{child.name}/")
            else:
                found[path + child.name] = _file(path + child.name, child.read_bytes())

    if folder.is_dir():
        below(folder, "/")
    return found


def _file(name: str, data: bytes) -> File:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    zipped = gzip.compress(data, 9, mtime=0) if kind.startswith(COMPRESSED) else b""
    etag = f'"{sha256(data).hexdigest()[:24]}"'
    return File(data, zipped if len(zipped) < len(data) else b"", kind, etag, name.startswith("/assets/"))


PAGE: Mapping[str, File] = read(files("redshank.web") / "page")


@routes.head("/{path:path}")
@routes.get("/{path:path}")
@public
async def page(request: Request, path: str) -> Response:
    """A file of the page, or its index: which view it shows is for the browser."""
    if path.startswith("api/") or path == "api":
        raise Problem(404, "there is no such address")
    file = PAGE.get(f"/{path}") or (None if path.startswith("assets/") else PAGE.get("/index.html"))
    if file is None:
        raise Problem(404, "there is no such file" if PAGE else NOT_BUILT)
    return _sent(request, file)


def _sent(request: Request, file: File) -> Response:
    headers = {
        "Cache-Control": FOR_EVER if file.kept else "no-cache",
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": POLICY,
        "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
    }
    if same(file.etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    zipped = bool(file.zipped) and "gzip" in request.headers.get("accept-encoding", "")
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(file.zipped if zipped else file.data, headers=headers, media_type=file.type)
