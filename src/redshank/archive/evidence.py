"""Evidence: a manifest of what was exported, signed with this installation's own Ed25519 key (RFC 8032), and how to check it.

The signature says: the holder of this key wrote exactly this manifest, and every file it lists is unchanged. It does not say who
that is: trust comes from comparing the key's fingerprint with one that came another way. A fingerprint is the SHA-256 of the
public key in DER form, so that `openssl pkey -pubin -in public.pem -outform DER | sha256sum` prints the same.

Checking needs no installation. Every call blocks; not for an event loop.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from redshank.archive import zipped
from redshank.errors import ConfigError, StoreError

KEY = Path("keys") / "evidence.key"
"""In the data folder; PKCS #8, PEM, readable by its owner only."""
MANIFEST, SIGNATURE, PUBLIC = "manifest.json", "manifest.sig", "public.pem"
MAX_MANIFEST = 32 * 1024 * 1024
"""Bytes, some 90,000 recorded files. What claims more is refused unread: parsed it takes ten times as much memory."""
_MADE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
CHUNK = 4 * 1024 * 1024

Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One file of a bundle."""

    name: str
    size: int
    problem: str = ""
    """Empty when it is as it was."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a bundle found."""

    problem: str
    """One line, empty when everything is as it was signed."""
    fingerprint: str = ""
    """Of the key that signed; empty when the signature is not right."""
    files: tuple[Checked, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)


def signing_key(data: Path) -> Ed25519PrivateKey:
    """This installation's key, made when there is none yet. Raises StoreError."""
    path = data / KEY
    try:
        if not path.exists():
            _make(path)
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise StoreError(f"{path}: the evidence key cannot be read or made ({error.strerror})") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise StoreError(f"{path}: this is no evidence key; put the right one back from a backup") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise StoreError(f"{path}: this is no Ed25519 key; put the right one back from a backup")
    return found


def _make(path: Path) -> None:
    """Durable before it is used, and never in place of one that is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = serialization.PrivateFormat.PKCS8
    pem = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def public_pem(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The half that anyone may have."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(pem: bytes) -> str:
    """64 hex digits of a public key in PEM form. Raises ConfigError when it is none."""
    der = _public(pem).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def wanted_key(text: str) -> str:
    """`--key`: a fingerprint in any spelling (upper case, colons, spaces), or a file with a public key or a fingerprint in it.

    Raises ConfigError.
    """
    given = text
    with suppress(OSError, ValueError):
        given = Path(text).read_text() if Path(text).is_file() else text
    if given.lstrip().startswith("-----BEGIN"):
        return fingerprint(given.encode())
    digits = "".join(c for c in given.lower() if c not in ": \t\r\n").removeprefix("sha256")
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ConfigError(f"--key {text}: expected a fingerprint (64 hex digits) or a file with a public key (PEM)")
    return digits


def verify(path: Path, key: str = "", progress: Progress | None = None) -> Verdict:
    """Check a bundle (a ZIP file, or the folder it was unpacked to). `key`: the fingerprint it must have been signed with, if known.

    Raises StoreError when `path` cannot be read at all.
    """
    try:
        with _opened(path) as files:
            return _verify(files, key, progress or (lambda _done, _all: None))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    except _Bad as bad:
        return Verdict(str(bad))


class _Bad(StoreError):
    """Why a bundle is refused."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    read: zipped.Read
    crc: int | None = None
    """What the archive says; None in a folder."""
    stamp: int | None = None
    """The same."""


def _verify(files: Mapping[str, _File], key: str, progress: Progress) -> Verdict:
    manifest, text = _manifest(files)
    listed = _listed(manifest)
    pem = _small(files, PUBLIC, 4096)
    signer = _check_signature(pem, text, _small(files, SIGNATURE, 64))
    if key and signer != key:
        raise _Bad(f"signed with another key than expected: {signer}")
    if extra := sorted(set(files) - set(listed) - {MANIFEST, SIGNATURE}):
        raise _Bad(f"{extra[0]}: is not in the signed manifest")
    if moved := [name for name, file in files.items() if file.stamp not in (None, manifest["stamp"])]:
        raise _Bad(f"{moved[0]}: its date in the archive was altered")
    checked, done, total = [], 0, sum(size for size, _ in listed.values())
    for name, (size, digest) in listed.items():
        problem = _check(files.get(name), size, digest, lambda more, at=done: progress(at + more, total))  # type: ignore[misc]
        checked.append(Checked(name, size, problem))
        done += size
    bad = next((one for one in checked if one.problem), None)
    return Verdict(f"{bad.name}: {bad.problem}" if bad else "", signer, tuple(checked), manifest)


def _manifest(files: Mapping[str, _File]) -> tuple[Mapping[str, Any], bytes]:
    text = _small(files, MANIFEST, MAX_MANIFEST)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("files"), list):
        raise _Bad(f"{MANIFEST}: damaged")
    if found.get("v") != 1:
        raise _Bad(f"{MANIFEST}: made by a newer Redshank (form {found.get('v')!r:.20}); check it with that one")
    match found:
        case {"made": str(made), "stamp": int()} if _MADE.fullmatch(made):
            return found, text
    raise _Bad(f"{MANIFEST}: damaged")


def _listed(manifest: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """Name to (size, SHA-256)."""
    found: dict[str, tuple[int, str]] = {}
    for one in manifest["files"]:
        match one:
            case {"name": str(name), "size": int(size), "sha256": str(digest)} if (
                name not in found and zipped.NAME.fullmatch(name)
            ):
                found[name] = size, digest
            case _:
                raise _Bad(f"{MANIFEST}: damaged")
    if PUBLIC not in found:
        raise _Bad(f"{MANIFEST}: does not name the key")
    return found


def _check_signature(pem: bytes, text: bytes, signature: bytes) -> str:
    """The signer's fingerprint."""
    try:
        _public(pem).verify(signature, text)
    except (InvalidSignature, ConfigError):
        raise _Bad(f"{SIGNATURE}: the signature is not right: manifest, signature or key was altered") from None
    return fingerprint(pem)


def _check(file: _File | None, size: int, digest: str, progress: Callable[[int], None]) -> str:
    if file is None:
        return "missing"
    if file.size != size:
        return f"is {file.size} bytes long, not {size}"
    found, crc = hashlib.sha256(), 0
    for at in range(0, size, CHUNK):
        data = file.read(at, min(CHUNK, size - at))
        found.update(data)
        crc = zlib.crc32(data, crc)
        progress(at + len(data))
    if found.hexdigest() != digest:
        return "altered: its SHA-256 is not the one that was signed"
    return "" if file.crc in (None, crc) else "its checksum in the archive was altered"


def _small(files: Mapping[str, _File], name: str, most: int) -> bytes:
    file = files.get(name)
    if file is None:
        raise _Bad(f"{name}: missing; this is no bundle of Redshank, or not all of it")
    if file.size > most:
        raise _Bad(f"{name}: too long")
    data = file.read(0, file.size)
    if file.crc not in (None, zlib.crc32(data)):
        raise _Bad(f"{name}: altered")
    return data


def _public(pem: bytes) -> Ed25519PublicKey:
    try:
        found = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise ConfigError("this is no Ed25519 public key in PEM form")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Mapping[str, _File]]:
    """The plain files of a bundle by name."""
    if path.is_dir():
        yield {one.name: _File(one.name, one.stat().st_size, _reader(one)) for one in _plain(path)}
        return
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size

        def read(offset: int, length: int) -> bytes:
            return os.pread(source.fileno(), length, offset) if length > 0 and offset >= 0 else b""

        try:
            found = zipped.entries(read, size)
        except StoreError as error:
            raise _Bad(str(error)) from error
        yield {one.name: _File(one.name, one.size, _within(read, one.data), one.crc, one.stamp) for one in found}


def _plain(folder: Path) -> Sequence[Path]:
    found = sorted(folder.iterdir())
    if len(found) > zipped.MAX_ENTRIES:
        raise _Bad("too many files for a bundle")
    for one in found:
        if one.is_symlink() or not one.is_file():
            raise _Bad(f"{one.name!r:.80}: is no plain file; a bundle has nothing else")
    return found


def _reader(path: Path) -> zipped.Read:
    def read(offset: int, size: int) -> bytes:
        with path.open("rb") as file:
            return os.pread(file.fileno(), size, offset)

    return read


def _within(read: zipped.Read, start: int) -> zipped.Read:
    return lambda offset, size: read(start + offset, size)
