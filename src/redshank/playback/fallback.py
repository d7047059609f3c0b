"""What a browser is given that cannot play what was recorded: another stream of that time, else a transcode. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from redshank.playback.plan import Plan

ENOUGH = 0.9
"""Another stream serves when it has so much of what the wanted one has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is played."""

    plan: Plan
    stream: str
    transcoded: bool = False


def choose(plan_of: Callable[[str], Plan], stream: str, others: Sequence[str], accepted: Collection[str]) -> Choice:
    """`accepted`: codecs the browser can play (h264, hevc); empty: all. `others`: streams to fall back to, best first."""
    wanted = plan_of(stream)
    if not accepted or _playable(wanted, accepted):
        return Choice(wanted, stream)
    for other in others:
        plan = plan_of(other)
        if plan.pieces and _playable(plan, accepted) and plan.length >= ENOUGH * wanted.length:
            return Choice(plan, other)
    return Choice(wanted, stream, True)


def _playable(plan: Plan, accepted: Collection[str]) -> bool:
    return all(piece.segment.video in accepted for piece in plan.pieces)
