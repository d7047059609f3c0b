"""The installed program in a process of its own, as a user would start it, and how to ask it and the kernel about it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

from redshank import status
from redshank.clock import NS_PER_S, SystemClock
from tests.harness.certificate import certificate

CLOCK = SystemClock()
LOOK_S = 0.05
T = TypeVar("T")
PASSWORD = "of the tests only"


def redshank(
    *arguments: str | Path, env: Mapping[str, str] | None = None, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; at most 30 s."""
    return subprocess.run(
        _command(*arguments), capture_output=True, text=True, timeout=30, check=False, env=_env(env), input=typed
    )


def eventually(look: Callable[[], T], within_s: float, what: str) -> T:
    """The first true answer. Fails the test when there is none in time."""
    deadline = CLOCK.mono_ns() + round(within_s * NS_PER_S)
    while not (found := look()):
        assert CLOCK.mono_ns() < deadline, f"not within {within_s:g} s: {what}"
        CLOCK.wait(LOOK_S)
    return found


def since_s(mono_ns: int) -> float:
    """Seconds since a moment of the monotonic clock."""
    return (CLOCK.mono_ns() - mono_ns) / NS_PER_S


class Program:
    """`redshank run` on a folder: `redshank.yaml` in it is the configuration, `data` its data. A context manager."""

    def __init__(self, folder: Path, config: str | None, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.config = folder / "redshank.yaml"
        self.data = folder / "data"
        self._env = env
        folder.mkdir(parents=True, exist_ok=True)
        if config is not None:
            self.config.write_text(config)
        self.process: subprocess.Popen[bytes] | None = None
        self.started_ns = 0

    def __enter__(self) -> Program:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def start(self) -> None:
        """Again on the same data after a stop or kill; what it prints is appended."""
        self.started_ns = CLOCK.mono_ns()
        command = _command("run", "--config", self.config, "--data", self.data, "--no-view")
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=_env(self._env)
            )

    def stop(self) -> tuple[int, float]:
        """SIGTERM: exit code and how many seconds it took."""
        assert self.process is not None
        begun = CLOCK.mono_ns()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20), since_s(begun)

    def kill(self) -> None:
        """SIGKILL to the hub alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def status(self) -> dict[str, Any]:
        """What it said last; empty before it said anything."""
        return status.read(self.data) or {}

    def camera(self, name: str, stream: str = "main") -> dict[str, Any]:
        """Its entry of the status; empty before there is one."""
        found = (c for c in self.status.get("cameras", ()) if (c["camera"], c["stream"]) == (name, stream))
        return next(found, {})

    def wait_camera(self, name: str, wanted: str = "online", within_s: float = 15) -> dict[str, Any]:
        eventually(lambda: self.camera(name).get("status") == wanted, within_s, f"{name} {wanted}")
        return self.camera(name)

    def wait_looking(self, *names: str, within_s: float = 30) -> None:
        """Until each of these cameras has been looked at."""
        eventually(
            lambda: all(self.camera(name).get("analysed", {}).get("looks") for name in names),
            within_s,
            f"first look at {names}; {self.said()}",
        )

    def page(self, within_s: float = 20) -> str:
        """Address of the page, once it is there."""

        def found() -> str:
            said = re.findall(r"the (?:API are|page is) at (http\S+?)(?:/api)?\s", self.said())
            return said[-1] if said else ""

        return eventually(found, within_s, "the page")

    def log_in(self) -> httpx.Client:
        """As administrator; sets the password where there is none yet. To be closed."""
        client = httpx.Client(base_url=self.page(), timeout=30, trust_env=False)
        setup = client.get("/api/session").json()["state"] == "setup"
        said = {"name": "admin", "password": PASSWORD}
        client.post("/api/setup" if setup else "/api/login", json=said).raise_for_status()
        return client

    def pid(self, name: str) -> int:
        """Of capture-0 or vision-0; 0 when it is not there."""
        return int(self.status.get("processes", {}).get(name, {}).get("pid") or 0)

    def pids(self) -> list[int]:
        """The hub's, then its children's, from the kernel."""
        assert self.process is not None
        return [self.process.pid, *children(self.process.pid)]

    def said(self) -> str:
        """Everything it wrote for people: standard output, standard error, log."""
        files = (self.folder / "stdout", self.folder / "stderr", self.data / "redshank.log")
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())


def children(pid: int) -> list[int]:
    """Direct children."""
    try:
        return [int(p) for task in Path(f"/proc/{pid}/task").iterdir() for p in (task / "children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def jsonl(path: Path) -> list[dict[str, Any]]:
    """One object a line; none when there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _command(*arguments: str | Path) -> list[str]:
    return [str(Path(sys.executable).with_name("redshank")), *map(str, arguments)]


def _env(more: Mapping[str, str] | None) -> dict[str, str]:
    """The caller's, trusting the test's own certificate authority."""
    return {**os.environ, "SSL_CERT_FILE": str(certificate().ca_file), **(more or {})}
