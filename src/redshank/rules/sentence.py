"""A rule as one sentence of plain English. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redshank.rules.rule import Rule


def sentence(rule: Rule, titles: Mapping[str, str] | None = None, channels: bool = True) -> str:
    """ "When a person is in drive for 2 s with a score of at least 70 %, tell every channel, at most every 10 min."

    titles: names of cameras for people, by id; others are left out. channels: whether these may be named.
    """
    seen = _motion(rule) if rule.on == "motion" else _object(rule)
    where = [one if titles is None else titles[one] for one in rule.cameras if titles is None or one in titles]
    there = f" on {_list(where, 'or')}" if where else ""
    held = "" if rule.enabled else " It is switched off."
    return f"When {seen}{there}{_stays(rule)}, {_told(rule, channels)}.{held}"


def _object(rule: Rule) -> str:
    what = _list([f"{_article(label)} {label}" for label in rule.labels], "or") or "anything"
    place = f"is in {_list(rule.zones, 'or')}" if rule.zones else "is seen"
    return f"{what} {place}"


def _motion(rule: Rule) -> str:
    amount = f"at least {_percent(rule.min_motion)} of the picture" if rule.min_motion > 0 else "something"
    return f"{amount} moves"


def _stays(rule: Rule) -> str:
    stay = f" for {span(rule.min_time_s)}" if rule.min_time_s > 0 else ""
    if rule.on == "motion":
        return stay
    recent = " in the last looks" if rule.score_of == "recent" else ""
    return f"{stay} with a score of at least {_percent(rule.min_score)}{recent}"


def _told(rule: Rule, channels: bool) -> str:
    if rule.severity == "quiet":
        return "note it without telling anybody"
    if rule.channels is not None and not rule.channels:
        return "raise an alert without telling anybody"
    named = _list(rule.channels or (), "and") if channels else "those chosen for it"
    whom = "every channel" if rule.channels is None else named
    often = f", at most every {span(rule.cooldown_s)}" if rule.cooldown_s > 0 else ""
    return f"tell {whom}{often}"


def span(seconds: float) -> str:
    """2 s, 10 min, 1.5 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % (length / 2) == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


def _list(words: Sequence[str], last: str) -> str:
    """a, b or c."""
    return f" {last} ".join([", ".join(words[:-1]), *words[-1:]] if len(words) > 1 else words)
