"""rel:S24: what somebody who has taken over the process that decodes can still do: nothing that `process/sandbox.py` rules out."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.security import prisoner


@pytest.fixture
def port() -> Iterator[int]:
    """Somebody on this machine who would answer, by all three kinds of socket."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        number: int = tcp.getsockname()[1]
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(f"\0redshank-test-{number}")
        local.listen()
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", number))
        yield number


def tried(name: str, folder: Path, port: int) -> dict[str, str]:
    """By attempt: why it failed; empty when it did not."""
    (folder / "there").write_bytes(b"")
    command = [sys.executable, "-m", "tests.security.prisoner", name, str(folder), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True, preexec_fn=_deaf)
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def _deaf() -> None:
    """As the supervisor's children are: a file that may not grow is an error, not the end."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def no_namespaces() -> bool:
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode != 0


@pytest.mark.skipif(os.geteuid() != 0 and no_namespaces(), reason="this kernel lets nobody have a network namespace")
def test_the_studio_reaches_nobody_and_writes_nothing(tmp_path: Path, port: int) -> None:
    """rel:S24: thirteen of thirteen."""
    said = tried("studio", tmp_path, port)
    assert [what for what, why in said.items() if not why] == []
    assert len(said) == len(prisoner.ATTEMPTS) == 13
    assert sorted(one.name for one in tmp_path.iterdir()) in (["there"], ["new", "there"])
    assert (tmp_path / "there").read_bytes() == b""


def test_the_process_of_webrtc_keeps_the_network_and_nothing_else(tmp_path: Path, port: int) -> None:
    """rel:S24: it must send pictures to browsers."""
    said = tried("rtc", tmp_path, port)
    free = {what for what, why in said.items() if not why}
    assert free <= {"connect_to_this_machine", "send_a_datagram", "ask_the_name_server", "reach_an_abstract_socket"}
    assert (tmp_path / "there").read_bytes() == b""
