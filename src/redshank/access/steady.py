"""When what has ended may be deleted: never by a clock that has just jumped. Pure but for the clock it is given."""

from __future__ import annotations

from redshank.clock import NS_PER_S, Clock

HOUR_NS = 3600 * NS_PER_S
QUIET_NS = 24 * HOUR_NS
"""After a jump nothing is deleted for so long: whoever set the clock wrong may see it meanwhile."""


class Steady:
    """Hourly, while wall time and monotonic time agree to 10 % over the hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mono_ns, self._wall = clock.mono_ns(), clock.now()
        self._not_before_ns = self._mono_ns

    def due(self) -> bool:
        """Whether to delete now; then not again for an hour."""
        mono_ns, wall = self._clock.mono_ns(), self._clock.now()
        passed_ns = mono_ns - self._mono_ns
        if passed_ns < HOUR_NS:
            return False
        if abs((wall - self._wall) * 1000 - passed_ns) > passed_ns // 10:
            self._not_before_ns = mono_ns + QUIET_NS
        self._mono_ns, self._wall = mono_ns, wall
        return mono_ns >= self._not_before_ns
