"""What holds for every script, whatever vision says."""

from __future__ import annotations

import json
import re
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from redshank.model import Observation, TrackState
from redshank.rules.rule import Rule
from redshank.rules.state import RuleState, from_json, to_json
from redshank.rules.step import KEPT, step
from tests.rules.script import GARDEN, box_at, ended, observe, track

RULE = Rule(
    "r", labels=("person", "dog"), zones=("garden",), inertia=2, min_time_s=0.4, max_per_minute=3,
    polygons={"door": {"garden": GARDEN}},
)  # fmt: skip
LOOKS = st.lists(
    st.tuples(
        st.sampled_from(["person", "dog", "cat"]),
        st.floats(0.3, 1.0),
        st.sampled_from([box_at(0.25, 0.8), box_at(0.3, 0.8), box_at(0.75, 0.8)]),
        st.sampled_from([TrackState.NEW, TrackState.ACTIVE, TrackState.ACTIVE, TrackState.STATIONARY]),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


def script(lives: list[list[tuple[str, float, object, TrackState, bool]]]) -> list[Observation]:
    """Lives of several objects, one after the other, each with its end."""
    found, look = [], 0
    for number, life in enumerate(lives):
        last = track()
        start = look
        for label, score, box, state, seen in life:
            last = track(f"t{number}", look, label=label, score=score, box=box, state=state, seen=seen, start=start)  # type: ignore[arg-type]
            found.append(observe(look, last))
            look += 1
        found.append(observe(look, ended(last, look)))
        look += 1
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(LOOKS, min_size=1, max_size=6))
def test_an_object_opens_at_most_once_closes_when_it_opened_and_state_is_flat(
    lives: list[list[tuple[str, float, object, TrackState, bool]]],
) -> None:
    state = RuleState()
    changes: dict[str, list[str]] = defaultdict(list)
    kept: dict[str, int] = defaultdict(int)
    for one in script(lives):
        after, verdicts = step(RULE, from_json(json.loads(json.dumps(to_json(state)))), one)
        assert (after, verdicts) == step(RULE, state, one)
        state = after
        for verdict in verdicts:
            kept[verdict.track] += 1
            assert verdict.fired == (verdict.change != "none")
            if verdict.change == "open":
                assert all(condition.met for condition in verdict.conditions)
            if verdict.fired:
                changes[verdict.track].append(verdict.change)
    for found in changes.values():
        assert re.fullmatch(r"(open|update)( update)*( close)", " ".join(found))
    assert all(count <= KEPT + 2 for count in kept.values())
    assert not state.watches
    assert len(state.opened) <= RULE.max_per_minute
