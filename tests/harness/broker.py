"""A Kafka broker on this machine: the binary of the wheel `noida-db` (its console script would leave it running).

It acknowledges before its data is on disk: records of the last moment (under 2 s when tried) are lost by `kill`, not by `stop`. A
test of our own durability must not count on it there.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from types import TracebackType

from redshank.clock import SystemClock


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """Use as a context manager; `address` is for bootstrap_servers. Topics, records and offsets survive `stop` and `start`."""

    def __init__(self, folder: Path | None = None, port: int = 0) -> None:
        self.port = port or free_port()
        self._own_folder = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="redshank-broker-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._clock = SystemClock()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
        if self._own_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, timeout_s: float = 15) -> None:
        """Returns once it accepts connections."""
        binary = str(files("noida_db").joinpath("noida-db"))
        if not os.access(binary, os.X_OK):
            os.chmod(binary, 0o755)
        command = [
            binary,
            "start",
            "--only",
            "kafka",
            "--kafka-port",
            str(self.port),
            "--data-dir",
            str(self._folder / "data"),
        ]
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        deadline = self._clock.mono_ns() + int(timeout_s * 1e9)
        while not _accepts(self.port):
            if self._process.poll() is not None or self._clock.mono_ns() > deadline:
                said = (self._folder / "broker.log").read_text(errors="replace")[-500:]
                self.kill()
                raise RuntimeError(f"the broker does not start on {self.address}: {said}")
            self._clock.wait(0.05)

    def stop(self) -> None:
        """SIGTERM and wait; SIGKILL after 10 s. Idempotent."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL and wait: a crash."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5):
            return True
    except OSError:
        return False
