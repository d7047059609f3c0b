"""A file system of ours that hangs or is slow, as the kernel does it: for tests as root on Linux.

Hanging: it is frozen (`FIFREEZE`), and every write, sync, new name and deletion waits until it is thawed. Slow: the processes named
are put into a group of the kernel's block controller (cgroup v1) that lets so many bytes a second through to the device.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup/blkio")
LIMIT = "blkio.throttle.write_bps_device"


@contextmanager
def frozen(root: Path) -> Iterator[None]:
    """Every write to the file system mounted at `root` hangs. Skips the test where it cannot be frozen."""
    try:
        subprocess.run(["fsfreeze", "-f", str(root)], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this file system cannot be frozen: {error}")
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", str(root)], check=True)


@contextmanager
def throttled(root: Path, bytes_per_s: int, pids: Iterable[int]) -> Iterator[None]:
    """These processes write to the device of `root` so slowly. Skips the test where the kernel cannot do it."""
    if not (GROUPS / LIMIT).exists():
        pytest.skip("the kernel has no block controller to slow a disk with")
    device = os.stat(root).st_dev
    group = GROUPS / f"redshank-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / LIMIT).write_text(f"{os.major(device)}:{os.minor(device)} {bytes_per_s}")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for name in (group / "cgroup.procs").read_text().split():
            (GROUPS / "cgroup.procs").write_text(name)
        group.rmdir()


def fill(file: Path) -> None:
    """As another program would, until nothing is left; again, to take what was freed meanwhile."""
    with file.open("ab", buffering=0) as out:
        size = 1 << 20
        while size >= 4096:
            try:
                out.write(bytes(size))
            except OSError:
                size //= 2
