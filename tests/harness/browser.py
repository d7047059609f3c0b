"""A real Chromium without a window, driven over its DevTools protocol (chromedevtools.github.io/devtools-protocol): open a page, ask it
something, click, wait until something is true in it, take its picture.

    with browsing() as browser:
        page = browser.page(address)
        page.wait_for("document.querySelector('video').currentTime > 1")
        assert page.evaluate("document.title") == "Redshank"

Everything blocks, on the caller's thread: a server on the same event loop needs `asyncio.to_thread`. One test's pages do not see the
cookies of another browser's; `browser.page(url, fresh=True)` does not see those of its neighbours either.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from redshank.clock import NS_PER_S, SystemClock

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here (Debian: apt-get install chromium)"
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
START_S = 30.0
WAIT_S = 15.0
EVERY_S = 0.05
_CLOCK = SystemClock()


class BrowserError(AssertionError):
    """The page threw, or what was waited for did not come."""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.said: list[str] = []
        """What the page wrote to its console, and what it threw, oldest first: `error: …`, `warning: …`, `log: …`."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    @property
    def errors(self) -> list[str]:
        """Of `said`; complete once something was asked of the page after they happened."""
        return [line for line in self.said if line.startswith("error: ")]

    def call(self, method: str, timeout_s: float = WAIT_S, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol. Raises BrowserError when it is refused."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        deadline = _CLOCK.mono_ns() + round(timeout_s * NS_PER_S)
        while True:
            left_s = (deadline - _CLOCK.mono_ns()) / NS_PER_S
            try:
                message = json.loads(self._socket.recv(timeout=max(0.0, left_s)))
            except TimeoutError:
                raise BrowserError(f"{method}: no answer within {timeout_s} s; the page said {self.said}") from None
            if message.get("id") != number:
                self._heard(message)
            elif "error" in message:
                raise BrowserError(f"{method}: {message['error'].get('message')}")
            else:
                result: dict[str, Any] = message["result"]
                return result

    def _heard(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                words = " ".join(str(one.get("value", one.get("description", ""))) for one in told["args"])
                self.said.append(f"{told['type']}: {words}")
            case "Runtime.exceptionThrown":
                self.said.append(f"error: {_thrown(told['exceptionDetails'])}")
            case "Log.entryAdded":
                entry = told["entry"]
                self.said.append(f"{entry['level']}: {entry['text']} {entry.get('url', '')}".rstrip())

    def open(self, url: str, timeout_s: float = WAIT_S) -> None:
        """Go there, and wait until the document has loaded."""
        answer = self.call("Page.navigate", timeout_s, url=url)
        if why := answer.get("errorText"):
            raise BrowserError(f"{url}: {why}")
        self.wait_for("document.readyState === 'complete'", timeout_s)

    def evaluate(self, expression: str, timeout_s: float = WAIT_S) -> Any:
        """The value of a JavaScript expression as JSON has it; a promise is awaited. Raises BrowserError when it throws."""
        answer = self.call(
            "Runtime.evaluate",
            timeout_s,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if details := answer.get("exceptionDetails"):
            raise BrowserError(f"{expression[:200]}: {_thrown(details)}")
        return answer["result"].get("value")

    def wait_for(self, expression: str, timeout_s: float = WAIT_S) -> Any:
        """Its value as soon as it is true; what it throws until then (the page may not be there yet) counts as not true."""
        deadline = _CLOCK.mono_ns() + round(timeout_s * NS_PER_S)
        last: object = None
        while _CLOCK.mono_ns() < deadline:
            try:
                if value := self.evaluate(expression, timeout_s):
                    return value
                last = value
            except BrowserError as error:
                last = error
            _CLOCK.wait(EVERY_S)
        raise BrowserError(
            f"not true within {timeout_s} s: {expression}; last: {last!r}; the page said {self.said[-10:]}"
        )

    def click(self, selector: str) -> None:
        """The middle of the element, with a real mouse, once it is there and can be seen."""
        self.drag(selector, (0.5, 0.5), (0.5, 0.5))

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at a point of the element (0–1 of its box), move, and let go; a click when both are equal."""
        (x1, y1), (x2, y2) = self._at(selector, start), self._at(selector, end)
        self._mouse("mouseMoved", x1, y1, 0)
        self._mouse("mousePressed", x1, y1, 1)
        if start != end:
            self._mouse("mouseMoved", (x1 + x2) / 2, (y1 + y2) / 2, 1)
            self._mouse("mouseMoved", x2, y2, 1)
        self._mouse("mouseReleased", x2, y2, 0)

    def _at(self, selector: str, point: tuple[float, float]) -> tuple[float, float]:
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{found} && {found}.getClientRects().length > 0")
        self.evaluate(f"{found}.scrollIntoView({{block: 'center', inline: 'center'}})")
        box = self.evaluate(
            f"(() => {{ const r = {found}.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }})()"
        )
        return box[0] + box[2] * point[0], box[1] + box[3] * point[1]

    def _mouse(self, kind: str, x: float, y: float, held: int) -> None:
        pressed: dict[str, Any] = {} if kind == "mouseMoved" and not held else {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=held, **pressed)

    def type(self, selector: str, text: str) -> None:
        """Into a field, after what it holds."""
        self.click(selector)
        self.call("Input.insertText", text=text)

    def press(self, key: str, code: int = 0) -> None:
        """One key by its name: Enter, Escape, ArrowLeft, a …; `code`: its Windows key code where the page's default action needs it
        (Enter 13, Tab 9)."""
        told: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code}
        if key == "Enter":
            told |= {"text": "\r", "windowsVirtualKeyCode": 13}
        elif len(key) == 1:
            told["text"] = key
        self.call("Input.dispatchKeyEvent", type="keyDown", **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=told["windowsVirtualKeyCode"])

    def size(self, width: int, height: int, scale: float = 1, mobile: bool = False) -> None:
        """Of the window, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def theme(self, dark: bool) -> None:
        """What `prefers-color-scheme` says."""
        value = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def offline(self, on: bool) -> None:
        """Whether the network is gone, for the page."""
        self.call("Network.emulateNetworkConditions", offline=on, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def screenshot(self, path: Path | None = None, whole: bool = False) -> bytes:
        """PNG of what is seen, or of the `whole` page."""
        data = self.call("Page.captureScreenshot", 30, format="png", captureBeyondViewport=whole)["data"]
        png = base64.b64decode(data)
        if path is not None:
            path.write_bytes(png)
        return png

    def close(self) -> None:
        try:
            self.call("Page.close")
        except ConnectionClosed:
            pass
        finally:
            self._socket.close()


def _thrown(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description") or details.get("text"))


class Browser:
    """One Chromium with a profile of its own."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._open = ExitStack()
        self._socket = self._connect(path)
        self._numbers = count(1)

    def page(self, url: str = "about:blank", fresh: bool = False) -> Page:
        """A new tab, which has loaded `url`. fresh: with cookies and storage of its own."""
        parameters: dict[str, Any] = {"url": "about:blank"}
        if fresh:
            parameters["browserContextId"] = self._call("Target.createBrowserContext")["browserContextId"]
        target = self._call("Target.createTarget", **parameters)["targetId"]
        page = Page(self._connect(f"/devtools/page/{target}"))
        if url != "about:blank":
            page.open(url)
        return page

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv(timeout=WAIT_S))).get("id") != number:
            pass
        if "error" in message:
            raise BrowserError(f"{method}: {message['error'].get('message')}")
        result: dict[str, Any] = message["result"]
        return result

    def _connect(self, path: str) -> ClientConnection:
        url = f"ws://127.0.0.1:{self._port}{path}"
        # It never answers to a polite end, nor, while it is busy, to a ping.
        wanted = connect(url, proxy=None, max_size=None, compression=None, close_timeout=0.1, ping_interval=None)
        return self._open.enter_context(wanted)

    def close(self) -> None:
        self._open.close()


@contextmanager
def browsing(*flags: str) -> Iterator[Browser]:
    """A Chromium, until the block ends; pytest skips the test where there is none. `flags`: more of its own."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="redshank-browser-", ignore_cleanup_errors=True) as folder:
        argv = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", *flags, "about:blank"]
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        browser: Browser | None = None
        try:
            browser = Browser(*_address(process, Path(folder)))
            yield browser
        finally:
            # Its own process group: the zygote and the renderers go with it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if browser is not None:
                browser.close()


def _address(process: subprocess.Popen[bytes], folder: Path) -> tuple[int, str]:
    """Port and path of the browser's own socket: it writes them into its profile once it listens."""
    deadline = _CLOCK.mono_ns() + round(START_S * NS_PER_S)
    told = folder / "DevToolsActivePort"
    while _CLOCK.mono_ns() < deadline and process.poll() is None:
        lines = told.read_text().splitlines() if told.exists() else []
        if len(lines) == 2:
            return int(lines[0]), lines[1]
        _CLOCK.wait(EVERY_S)
    raise BrowserError(f"Chromium did not start within {START_S} s")
