"""A small real file system in a file, where we may mount one: full disks, unplugged disks, power cuts.

`picture` copies what the file system has handed to its device: mounted again that is what a power cut leaves, since what was not
synced is still in the kernel's memory. (A device that forgets what it was told to flush is not played; device-mapper would do that.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class LoopFs:
    """`root` is where it is (or was) mounted."""

    image: Path
    root: Path

    def mount(self, *options: str) -> None:
        _run("mount", "-o", ",".join(["loop", *options]), str(self.image), str(self.root))

    def unplug(self) -> None:
        """The path is empty at once; whoever has something open keeps it."""
        _run("umount", "-l", str(self.root))

    def picture(self, image: Path) -> Path:
        return Path(shutil.copyfile(self.image, image))


@contextmanager
def loop_fs(folder: Path, mib: int = 16, image: Path | None = None) -> Iterator[LoopFs]:
    """A new ext4, or that of an image; its root is ours. Skips the test where we may not mount."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("mounting a file system needs root and mkfs.ext4")
    fs = LoopFs(image or folder / "fs.img", folder / "mounted")
    fs.root.mkdir(exist_ok=True)
    if image is None:
        with fs.image.open("wb") as file:
            file.truncate(mib << 20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(fs.image))
    try:
        fs.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine mounts no loop devices: {error.stderr.strip()}")
    try:
        if image is None:
            (fs.root / "lost+found").rmdir()
        yield fs
    finally:
        if fs.root.is_mount():
            fs.unplug()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
