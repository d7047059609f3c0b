"""What live view costs: many viewers of one 720p camera by WebSocket, one of them slow.

    python -m benchmarks.live [--viewers 50] [--seconds 20]

The camera, the hub (its event loop, the server and the live room, with a real capture process) and the viewers are processes of their
own; CPU is what the kernel counts for each. A viewer's picture is missing when the numbers of its fragments have a hole.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import Encoding, scene_clip
from tests.live.filming import filming
from tests.web.serving import place
from websockets.asyncio.client import connect

from redshank.clock import NS_PER_S, SystemClock
from redshank.web.app import listen, serve

CLOCK = SystemClock()
MOST_CORES = 0.5
CLIP = Encoding(width=1280, height=720, fps=25, gop_s=2, bit_rate=2_000_000)
TICKS = os.sysconf("SC_CLK_TCK")


async def hub(url: str) -> None:
    """Serves one camera until it is ended; says its port, and the process of its capture."""
    with tempfile.TemporaryDirectory() as folder, place(Path(folder)) as here:
        async with filming({("yard", "main"): url}) as film:
            here.rooms = replace(here.rooms, live=film.room)
            here.clock = CLOCK  # type: ignore[assignment]
            listening = listen("127.0.0.1", 0)
            task = asyncio.ensure_future(serve(here.app, listening))
            while not film.states:
                await CLOCK.sleep(0.1)
            print(listening.getsockname()[1], film.capture.pid, flush=True)
            await task


@dataclass
class Seen:
    """By one viewer."""

    fragments: int = 0
    missing: int = 0
    size: int = 0
    numbers: list[int] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        if data[4:8] != b"moof":
            return
        number = int.from_bytes(data[20:24], "big")
        if self.numbers:
            self.missing += number - self.numbers[-1] - 1
        self.numbers = [number]
        self.fragments += 1
        self.size += len(data)


async def watch(port: int, seen: Seen, slow: bool) -> None:
    """Until cancelled. A slow one takes a fragment every 2 s, through a small window."""
    with socket.socket() as sock:
        if slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        address = f"ws://127.0.0.1:{port}/api/live/yard/mse"
        async with connect(address, sock=sock, compression=None, max_queue=1 if slow else 16, proxy=None) as taken:
            async for message in taken:
                if isinstance(message, bytes):
                    seen.take(message)
                if slow:
                    await CLOCK.sleep(2)


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process has used."""
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / TICKS


async def measure(port: int, pids: tuple[int, int], viewers: int, seconds: float) -> bool:
    """Prints the table; whether the figures are kept."""
    row = "{:>8} {:>10} {:>12} {:>14} {:>10} {:>14}".format
    print(row("viewers", "hub cores", "capture", "fragments/s", "missing", "slow: missing"))
    kept = True
    for count in (1, viewers):
        seen = [Seen() for _ in range(count)]
        slow = Seen()
        tasks = [asyncio.ensure_future(watch(port, one, False)) for one in seen]
        if count > 1:
            tasks.append(asyncio.ensure_future(watch(port, slow, True)))
        await CLOCK.sleep(4)
        begun, before, first = CLOCK.mono_ns(), [cpu_s(pid) for pid in pids], sum(one.fragments for one in seen)
        await CLOCK.sleep(seconds)
        took_s = (CLOCK.mono_ns() - begun) / NS_PER_S
        cores = [(cpu_s(pid) - was) / took_s for pid, was in zip(pids, before, strict=True)]
        rate = (sum(one.fragments for one in seen) - first) / took_s
        missing = sum(one.missing for one in seen)
        print(row(count, f"{cores[0]:.3f}", f"{cores[1]:.3f}", f"{rate:.1f}", missing, slow.missing), flush=True)
        kept = kept and cores[0] <= MOST_CORES and not missing and min(one.fragments for one in seen) > seconds
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if count > 1:
            bits = sum(one.size for one in seen) * 8 / (took_s + 4) / count
            print(
                f"{bits / 1e6:.2f} Mbit/s each, {cores[0] / count * 1000:.1f} thousandths of a core of the hub per viewer"
            )
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--hub", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hub:
        asyncio.run(hub(asked.hub))
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera = stack.enter_context(FakeCamera(scene_clip(folder / "street.mp4", 8, noise=4, encoding=CLIP)))
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live", "--hub", camera.url], stdout=subprocess.PIPE, text=True
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        assert process.stdout is not None
        port, capture = map(int, process.stdout.readline().split())
        kept = asyncio.run(measure(port, (process.pid, capture), asked.viewers, asked.seconds))
    sys.exit(not kept)


if __name__ == "__main__":
    main()
