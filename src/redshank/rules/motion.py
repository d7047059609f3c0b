"""Plain motion as something with a beginning and an end. Pure.

Motion begins after `looks` looks in a row that move, and ends when none moved for `gap_s`: motion after a shorter pause extends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from redshank.clock import US_PER_S
from redshank.geometry import union
from redshank.model import Box, Observation


@dataclass(frozen=True, slots=True)
class Burst:
    """Motion that goes on, or has just paused."""

    start: int
    last: int
    """Last look that moved."""
    looks: int
    """That moved, without a pause at first."""
    peak: float
    """Greatest share of the picture that moved in one look."""
    peak_time: int
    box: Box | None
    """Around everything that moved in the look of the peak."""


def step_motion(
    burst: Burst | None, seen: Observation, least: float, gap_s: float, looks: int
) -> tuple[Burst | None, bool]:
    """(the burst after this look, whether the one given ended with it). While `Burst.looks` < `looks` it is not believed yet."""
    moves = seen.motion > 0 and seen.motion >= least and seen.health != "light_jump"
    if burst is None:
        return (_begin(seen) if moves else None), False
    if abs(seen.time - burst.last) > gap_s * US_PER_S:  # or the clock was set back
        return (_begin(seen) if moves else None), burst.looks >= looks
    if not moves:
        return (burst if burst.looks >= looks else None), False
    better = seen.motion > burst.peak
    return (
        Burst(
            burst.start,
            max(burst.last, seen.time),
            burst.looks + 1,
            seen.motion if better else burst.peak,
            seen.time if better else burst.peak_time,
            _around(seen) if better else burst.box,
        ),
        False,
    )


def _begin(seen: Observation) -> Burst:
    return Burst(seen.time, seen.time, 1, seen.motion, seen.time, _around(seen))


def _around(seen: Observation) -> Box | None:
    box: Box | None = None
    for region in seen.regions:
        box = region if box is None else union(box, region)
    return box
