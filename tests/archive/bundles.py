"""Small bundles, made by hand."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from redshank.archive import evidence, zipped

STAMP = zipped.stamp(datetime(2026, 11, 21, 8, 3, 12, tzinfo=UTC))
FILES: Mapping[str, bytes] = {"porch.mp4": bytes(range(256)) * 3, "gaps.csv": b"camera,stream\r\n"}


def signed(
    key: Ed25519PrivateKey, files: Mapping[str, bytes] = FILES, more: Mapping[str, object] | None = None
) -> dict[str, bytes]:
    """The files with the key, the manifest that lists them and says `more`, and its signature."""
    listed = {**files, evidence.PUBLIC: evidence.public_pem(key)}
    entries = [{"name": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in listed.items()]
    said: dict[str, object] = {
        "v": 1,
        "site": "default",
        "made": "2026-11-21T07:03:12Z",
        "stamp": STAMP,
        "files": entries,
    }
    manifest = json.dumps({**said, **(more or {})}).encode()
    return {**listed, evidence.MANIFEST: manifest, evidence.SIGNATURE: key.sign(manifest)}


def packed(files: Mapping[str, bytes], stamp: int = STAMP) -> bytes:
    """A ZIP file of them."""
    data, found = b"", []
    for name, content in files.items():
        found.append(zipped.Entry(name, len(content), zlib.crc32(content), len(data), stamp))
        data += zipped.header(found[-1]) + content
    return data + zipped.directory(found)


def bundle(path: Path, files: Mapping[str, bytes]) -> Path:
    path.write_bytes(packed(files))
    return path
