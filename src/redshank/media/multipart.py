"""Pictures out of a `multipart/x-mixed-replace` stream (RFC 2046 §5.1), as MJPEG cameras send them. Pure."""

from __future__ import annotations

import re

from redshank.errors import SourceUnusable

MAX_PICTURE = 16 * 1024 * 1024
MAX_HEAD = 16 * 1024
MAX_GAP = 64 * 1024
"""Between two parts."""
_LENGTH = re.compile(rb"^content-length:\s*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)


def boundary_of(content_type: str) -> bytes:
    """The delimiter a content type announces. Some cameras write its two dashes into the parameter. Raises SourceUnusable."""
    match = re.search(r'boundary="?([^";,\s]+)', content_type, re.IGNORECASE)
    if match is None:
        raise SourceUnusable("the camera's MJPEG stream names no boundary")
    return b"--" + match[1].encode().removeprefix(b"--")


class Multipart:
    """Bytes in, whole parts out. A part's length comes from its head, else from the next delimiter."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._buffer = bytearray()
        self._searched = 0
        """No delimiter begins before this place of the body."""

    def feed(self, data: bytes) -> list[bytes]:
        """Raises SourceUnusable when a part is larger than any picture or has no head."""
        self._buffer += data
        parts: list[bytes] = []
        while (part := self._part()) is not None:
            if part:
                parts.append(part)
        if len(self._buffer) > MAX_PICTURE + MAX_HEAD:
            raise SourceUnusable(f"the camera sends a picture above {MAX_PICTURE >> 20} MiB")
        return parts

    def _part(self) -> bytes | None:
        """The next whole part, taken from the buffer; empty for one without content; None when more is needed."""
        start = self._buffer.find(self._boundary)
        if start < 0:
            if len(self._buffer) > MAX_GAP:
                raise SourceUnusable("the camera's MJPEG stream has no boundary where it should be")
            return None
        head_start = start + len(self._boundary)
        head_end = self._buffer.find(b"\r\n\r\n", head_start, head_start + MAX_HEAD)
        if head_end < 0:
            if len(self._buffer) - head_start > MAX_HEAD:
                raise SourceUnusable("a part of the camera's MJPEG stream has no head")
            return None
        body = head_end + 4
        length = _LENGTH.search(bytes(self._buffer[head_start:head_end]).replace(b"\r\n", b"\n"))
        end = body + int(length[1]) if length else self._next_boundary(body)
        if length and int(length[1]) > MAX_PICTURE:
            raise SourceUnusable(f"the camera sends a picture above {MAX_PICTURE >> 20} MiB")
        if end is None or end > len(self._buffer):
            return None
        part = bytes(self._buffer[body:end])
        del self._buffer[:end]
        self._searched = 0
        return part if length else part.removesuffix(b"\r\n")

    def _next_boundary(self, body: int) -> int | None:
        found = self._buffer.find(self._boundary, max(body, self._searched))
        self._searched = max(0, len(self._buffer) - len(self._boundary))
        return found if found >= 0 else None
