"""Rules as sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redshank.rules.rule import Rule, default_rule
from redshank.rules.sentence import sentence, span

DRIVE = Rule("drive", labels=("person",), zones=("drive",), min_score=0.7, min_time_s=2, cooldown_s=600)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (DRIVE, "When a person is in drive for 2 s with a score of at least 70 %, tell every channel, at most every 10 min."),
        (
            replace(DRIVE, labels=("person", "animal", "dog"), zones=("drive", "door"), min_time_s=0, cooldown_s=0),
            "When a person, an animal or a dog is in drive or door with a score of at least 70 %, tell every channel.",
        ),
        (
            replace(DRIVE, labels=(), cameras=("yard", "back"), channels=("phone", "mail"), cooldown_s=5400, score_of="recent"),
            "When anything is in drive on The yard or back for 2 s with a score of at least 70 % in the last looks, "
            "tell phone and mail, at most every 1.5 h.",
        ),
        (
            Rule("m", on="motion", min_motion=0.015, min_time_s=5, severity="quiet"),
            "When at least 1.5 % of the picture moves for 5 s, note it without telling anybody.",
        ),
        (
            Rule("m", on="motion", channels=(), enabled=False),
            "When something moves, raise an alert without telling anybody. It is switched off.",
        ),
        (default_rule(), "When a person is seen with a score of at least 50 %, tell every channel."),
    ],
)  # fmt: skip
def test_a_rule_reads_as_a_sentence(rule: Rule, said: str) -> None:
    assert sentence(rule, {"yard": "The yard", "back": "back"}) == said


def test_a_span_is_said_in_the_unit_people_would_use() -> None:
    assert [span(s) for s in (0.5, 2, 45, 60, 90, 100, 3600, 5400)] == [
        "0.5 s", "2 s", "45 s", "1 min", "1.5 min", "100 s", "1 h", "1.5 h",
    ]  # fmt: skip
