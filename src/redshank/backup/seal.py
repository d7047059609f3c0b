"""A stream of bytes under a passphrase: nobody reads it without, and no cut, swap or flipped bit goes unnoticed.

Header of 76 bytes, big-endian: `redshank-backup\\n`, version, log2 n, r, p (a byte each), 16 bytes of salt, u32 bytes in a chunk;
u32 CRC-32 of these 40; HMAC-SHA256 of these 44. Then chunks of 64 KiB (the last may be shorter), each ChaCha20-Poly1305 (RFC 8439)
with 16 bytes of tag and the header as associated data.

scrypt (RFC 7914) makes 64 bytes of passphrase and salt: the key of the chunks and the key of the HMAC. The salt is new for each file,
so the key is, and a nonce is a plain counter: 11 bytes number of the chunk, 1 byte that is 1 for the last. This is the STREAM
construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, CRYPTO 2015):
chunks that are missing, swapped or of another file do not open. The checksum tells a damaged header from a wrong passphrase; the HMAC
binds the file to one passphrase. Memory: a chunk, and 128 * n * r bytes while the key is made. One thread at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import zlib
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from redshank.errors import StoreError

MAGIC = b"redshank-backup\n"
CHUNK = 64 * 1024
TAG = 16
LOG_N, R, P = 16, 8, 2
"""64 MiB and some 0.4 s: one of the settings that the OWASP Password Storage Cheat Sheet calls equal."""
MOST_LOG_N, MOST_P = 20, 16
"""What a file may ask of us at most: 1 GiB of memory."""
_COST = struct.Struct(">16sBBBB16sI")
_HEADER = struct.Struct(">16sBBBB16sII32s")


class Sealer:
    """A file to write to; `close` writes the last chunk. The bytes go to `out` at once, which stays open."""

    def __init__(self, out: BinaryIO, passphrase: str, log_n: int = LOG_N) -> None:
        cost = _COST.pack(MAGIC, 1, log_n, R, P, os.urandom(16), CHUNK)
        key, check = _keys(passphrase, cost)
        head = cost + struct.pack(">I", zlib.crc32(cost))
        self._head = head + hmac.digest(check, head, "sha256")
        self._aead = ChaCha20Poly1305(key)
        self._out = out
        self._waiting = bytearray()
        self._number = 0
        out.write(self._head)

    def write(self, data: bytes | memoryview) -> int:
        self._waiting += data
        while len(self._waiting) > CHUNK:  # the last chunk is never empty unless everything is
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, last: bool) -> None:
        self._out.write(self._aead.encrypt(_nonce(self._number, last), plain, self._head))
        self._number += 1


class Opener:
    """A file to read from. Raises StoreError, one line that names the file, as soon as something is wrong with it.

    What was read before an error is right but not all: use nothing of it before `read` has returned the end (empty bytes).
    """

    def __init__(self, file: BinaryIO, name: str, passphrase: str) -> None:
        self._file = file
        self._name = name
        self._head = file.read(_HEADER.size)
        cost, head = self._head[: _COST.size], self._head[:-32]
        if not self._head.startswith(MAGIC):
            raise StoreError(f"{name}: this is not a backup made by `redshank backup`")
        if len(self._head) < _HEADER.size or zlib.crc32(cost) != int.from_bytes(head[-4:], "big"):
            raise StoreError(f"{name}: damaged at its very beginning: take another copy of this backup")
        _magic, version, log_n, r, p, _salt, self._chunk = _COST.unpack(cost)
        if version != 1:
            raise StoreError(f"{name}: made by a newer Redshank (format {version}): update Redshank")
        if log_n > MOST_LOG_N or r != R or not 0 < p <= MOST_P or self._chunk != CHUNK:
            raise StoreError(f"{name}: no Redshank writes a backup like this: do not trust it")
        key, check = _keys(passphrase, cost)
        if not hmac.compare_digest(hmac.digest(check, head, "sha256"), self._head[-32:]):
            raise StoreError(f"{name}: wrong passphrase")
        self._aead = ChaCha20Poly1305(key)
        self._number = 0
        self._next = file.read(CHUNK + TAG)
        self._plain = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """Fewer than asked only at the end."""
        while len(self._plain) < size and not self._ended:
            self._plain += self._open()
        taken, self._plain = self._plain[:size], self._plain[size:]
        return taken

    def _open(self) -> bytes:
        sealed, self._next = self._next, self._file.read(CHUNK + TAG)
        self._ended = not self._next
        try:
            plain = self._aead.decrypt(_nonce(self._number, self._ended), sealed, self._head)
        except InvalidTag:
            at = _HEADER.size + self._number * (CHUNK + TAG)
            raise StoreError(f"{self._name}: {self._wrong(sealed, at)}: take another copy of this backup") from None
        self._number += 1
        return plain

    def _wrong(self, sealed: bytes, at: int) -> str:
        """Cut exactly between two chunks, the end is a good chunk that is not the last one."""
        if not self._ended:
            return f"damaged near byte {at}"
        try:
            self._aead.decrypt(_nonce(self._number, False), sealed, self._head)
        except InvalidTag:
            return f"cut short or damaged near byte {at}"
        return f"cut short at byte {at + len(sealed)}"


def _keys(passphrase: str, cost: bytes) -> tuple[bytes, bytes]:
    _magic, _version, log_n, r, p, salt, _chunk = _COST.unpack(cost)
    made = hashlib.scrypt(passphrase.encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=256 * r << log_n, dklen=64)
    return made[:32], made[32:]


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
