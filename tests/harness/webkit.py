"""WebKitGTK, the engine of Safari's family that Debian has, driven by WebDriver (W3C) on a screen of its own.

    with webkit() as page:
        page.open(address)
        page.wait_for("document.querySelector('h1') !== null")

Everything blocks, on the caller's thread.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from glob import glob
from typing import Any

import httpx
import pytest

from redshank.clock import NS_PER_S, SystemClock
from tests.harness.broker import free_port

DRIVER, SCREEN = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
BROWSER = next(iter(glob("/usr/lib/*/webkit2gtk-4.*/MiniBrowser")), None)
needs_webkit = pytest.mark.skipif(
    not (DRIVER and SCREEN and BROWSER),
    reason="there is no WebKitGTK here (Debian: apt-get install webkit2gtk-driver xvfb)",
)
START_S, WAIT_S, EVERY_S = 30.0, 20.0, 0.1
_CLOCK = SystemClock()


class WebKitError(AssertionError):
    """It did not do what was asked."""


class WebKit:
    """One window."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=60, trust_env=False)
        self._session = ""

    def begin(self) -> None:
        wanted = {"webkitgtk:browserOptions": {"binary": BROWSER, "args": ["--automation"]}}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """Of JavaScript; JSON comes back."""
        said = {"script": f"return ({expression})", "args": []}
        return self._ask("POST", f"{self._session}/execute/sync", said)

    def run(self, script: str) -> Any:
        """A script that calls `arguments[0]` when it is done."""
        return self._ask("POST", f"{self._session}/execute/async", {"script": script, "args": []})

    def wait_for(self, expression: str, within_s: float = WAIT_S) -> None:
        """Until it is true."""
        deadline = _CLOCK.mono_ns() + round(within_s * NS_PER_S)
        while not self.evaluate(f"!!({expression})"):
            if _CLOCK.mono_ns() > deadline:
                raise WebKitError(f"not within {within_s:g} s: {expression}")
            _CLOCK.wait(EVERY_S)

    def screenshot(self) -> bytes:
        """PNG."""
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def end(self) -> None:
        if self._session:
            self._ask("DELETE", self._session)
        self._client.close()

    def _ask(self, method: str, path: str, said: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, path, json=said)
        found = answer.json().get("value")
        if answer.status_code != 200:
            raise WebKitError(str(found)[:500])
        return found


@contextmanager
def webkit() -> Iterator[WebKit]:
    """A browser that knows nothing."""
    assert DRIVER is not None
    assert SCREEN is not None
    port = free_port()
    with ExitStack() as stack:
        read, write = os.pipe()
        screen = stack.enter_context(
            _run(SCREEN, "-displayfd", str(write), "-screen", "0", "1280x900x24", fds=(write,))
        )
        os.close(write)
        with os.fdopen(read) as told:
            display = told.readline().strip()
        assert display, screen.poll()
        environment = {**os.environ, "DISPLAY": f":{display}", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        environment |= {"WEBKIT_FORCE_SANDBOX": "0", "GIO_USE_VFS": "local", "LIBGL_ALWAYS_SOFTWARE": "1"}
        stack.enter_context(_run(DRIVER, "--host=127.0.0.1", f"--port={port}", env=environment))
        page = WebKit(f"http://127.0.0.1:{port}")
        stack.callback(page.end)
        _until_there(page)
        yield page


def _until_there(page: WebKit) -> None:
    deadline = _CLOCK.mono_ns() + round(START_S * NS_PER_S)
    while True:
        try:
            page.begin()
        except httpx.TransportError:
            if _CLOCK.mono_ns() > deadline:
                raise
            _CLOCK.wait(EVERY_S)
        else:
            return


@contextmanager
def _run(
    *command: str, env: dict[str, str] | None = None, fds: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=env, pass_fds=fds, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
