"""What each stage costs: calls, CPU and wall time. One object per thread that works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redshank.clock import SystemClock, cpu_ns

_MONO = SystemClock()


@dataclass(slots=True)
class Cost:
    calls: int = 0
    cpu_ns: int = 0
    wall_ns: int = 0


class Stages:
    """Counts by stage name. Reading it from another thread may see a call half counted; that is fine for statistics."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time of the block to the stage. CPU is this thread's only: a pool's work shows as wall time."""
        cost = self.costs.get(stage)
        if cost is None:
            cost = self.costs[stage] = Cost()
        wall, cpu = _MONO.mono_ns(), cpu_ns()
        try:
            yield
        finally:
            cost.calls += 1
            cost.cpu_ns += cpu_ns() - cpu
            cost.wall_ns += _MONO.mono_ns() - wall

    def table(self) -> dict[str, dict[str, float]]:
        """Stage → calls, cpu_ms, wall_ms; for `--stats` and the status."""
        return {
            name: {"calls": c.calls, "cpu_ms": round(c.cpu_ns / 1e6, 3), "wall_ms": round(c.wall_ns / 1e6, 3)}
            for name, c in list(self.costs.items())
        }
