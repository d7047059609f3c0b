"""A decoder that a hostile stream has taken over: in the sandbox of NAME (`studio`, `rtc`), tries what such a one would try, and says
of each what became of it, as JSON. `python -m tests.security.prisoner NAME FOLDER PORT`.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from redshank.process.sandbox import RTC_BYTES, RTC_FILES, STUDIO_BYTES, confine, forbid_writing, limit

ATTEMPTS: dict[str, Callable[[Path, int], object]] = {}


def attempt(work: Callable[[Path, int], object]) -> Callable[[Path, int], object]:
    ATTEMPTS[work.__name__] = work
    return work


@attempt
def connect_to_this_machine(_folder: Path, port: int) -> object:
    return socket.create_connection(("127.0.0.1", port), 2)


@attempt
def connect_to_the_network(_folder: Path, _port: int) -> object:
    return socket.create_connection(("192.0.2.1", 80), 2)


@attempt
def send_a_datagram(_folder: Path, port: int) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        return sending.sendto(b"x", ("127.0.0.1", port))


@attempt
def ask_the_name_server(_folder: Path, _port: int) -> object:
    return socket.getaddrinfo("example.org", 80)


@attempt
def reach_an_abstract_socket(_folder: Path, port: int) -> object:
    with socket.socket(socket.AF_UNIX) as local:
        return local.connect_ex(f"\0redshank-test-{port}") and _must(False)


@attempt
def write_a_file(folder: Path, _port: int) -> object:
    with (folder / "new").open("wb", buffering=0) as file:
        return file.write(b"x")


@attempt
def grow_a_file(folder: Path, _port: int) -> object:
    with (folder / "there").open("ab", buffering=0) as file:
        return file.write(b"x")


@attempt
def open_many_files(folder: Path, _port: int) -> object:
    return [os.open(folder / "there", os.O_RDONLY) for _ in range(RTC_FILES + 1)]


@attempt
def take_all_memory(_folder: Path, _port: int) -> object:
    return bytearray(STUDIO_BYTES + (1 << 30))


@attempt
def leave_a_core(_folder: Path, _port: int) -> object:
    return _must(resource.getrlimit(resource.RLIMIT_CORE) != (0, 0))


@attempt
def become_more_by_another_program(_folder: Path, _port: int) -> object:
    return _must("NoNewPrivs:\t1" not in Path("/proc/self/status").read_text())


@attempt
def go_back_to_the_network_of_the_hub(_folder: Path, port: int) -> object:
    with Path(f"/proc/{os.getppid()}/ns/net").open() as hub:
        if ctypes.CDLL(None, use_errno=True).setns(hub.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
    return socket.create_connection(("127.0.0.1", port), 2)


@attempt
def raise_the_limits_again(_folder: Path, _port: int) -> object:
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
    except ValueError as error:
        raise PermissionError(str(error)) from error
    return None


def _must(open_: bool) -> object:
    if not open_:
        raise PermissionError("closed")
    return None


def main() -> None:
    name, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if name == "rtc":
        limit(RTC_BYTES, RTC_FILES)
    else:
        confine(STUDIO_BYTES)
    forbid_writing()
    said: dict[str, str] = {}
    for what, work in ATTEMPTS.items():
        try:
            work(folder, port)
            said[what] = ""
        except (OSError, MemoryError) as error:
            said[what] = f"{type(error).__name__}: {error}"
            for fd in range(10, 5000) if what == "open_many_files" else ():
                try:
                    os.close(fd)
                except OSError:
                    continue
    print(json.dumps(said))


if __name__ == "__main__":
    main()
