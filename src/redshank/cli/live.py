"""The live terminal view of `run` and `demo`: cameras, what comes in, what is analysed, what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

STYLES = {
    "online": "green",
    "stalled": "yellow",
    "connecting": "yellow",
    "offline": "red",
    "sleeping": "dim",
    "ended": "dim",
}
ALERTS_SHOWN = 8


class LiveView:
    """Redraws itself from the status the hub makes once a second; used on the event loop."""

    def __init__(self, footer: str = "Ctrl-C ends it.") -> None:
        self._footer = footer
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._started = False

    def show(self, status: Mapping[str, Any]) -> None:
        if not self._started:
            self._live.start()
            self._started = True
        self._live.update(self._picture(status), refresh=True)

    def say(self, text: str) -> None:
        """Above it, once."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        if self._started:
            self._live.stop()

    def _picture(self, status: Mapping[str, Any]) -> Group:
        parts: list[Any] = [cameras(status), Text()]
        parts += [Text(line, style="yellow") for line in status["problems"]]
        parts += [alerts(status), Text(_summary(status), style="dim"), Text(self._footer, style="dim")]
        return Group(*parts)


def cameras(status: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("camera", "status", "rec", "fps in", "analysed/s", "motion", "now", "reason"):
        right = name in ("fps in", "analysed/s", "motion")
        table.add_column(name, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for camera in status["cameras"]:
        analysed = camera.get("analysed")
        seen = analysed or {"fps": 0.0, "motion": 0.0, "now": ""}
        table.add_row(
            f"{camera['camera']}/{camera['stream']}",
            Text(camera["status"], style=STYLES.get(camera["status"], "")),
            _recording(camera.get("recording")),
            f"{camera['fps']:.1f}",
            f"{seen['fps']:.1f}" if analysed else "",
            f"{seen['motion'] * 100:.1f} %" if analysed else "",
            str(seen["now"]),
            camera["reason"],
        )
    return table


def _recording(state: Mapping[str, Any] | None) -> Text:
    """A red dot while a file grows."""
    if state is None:
        return Text("")
    if state["private"]:
        return Text("private", style="yellow")
    return Text("●", style="red") if state["recording"] else Text(state["mode"], style="dim")


def alerts(status: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("alert", "camera", "score", "at", "state"):
        table.add_column(name)
    for alert in status["alerts"]["latest"][:ALERTS_SHOWN]:
        style = "bold #E4572E" if alert["state"] == "open" else ""
        table.add_row(
            Text(alert["label"], style=style),
            alert["camera"],
            f"{alert['score'] * 100:.0f} %",
            alert["time"],
            alert["state"],
        )
    return table


def _summary(status: Mapping[str, Any]) -> str:
    detector = status["detector"]
    counts = status["alerts"]
    return (
        f"{counts['total']} alerts, {counts['open']} open · {status['detections']} detections · "
        f"{detector.get('model', 'detector starting')} {detector.get('ms', 0):.0f} ms · {status['data']}"
    )
