"""The picture of an instant: which file holds it, and what has to be decoded for exactly that picture. Blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.segment import VIDEO
from redshank.model import Segment
from redshank.playback.coded import Coded, coded
from redshank.playback.footage import Footage, NoFootage
from redshank.playback.movie import head_of
from redshank.playback.plan import keyframes
from redshank.playback.stretch import scaled

BACK_US = 10 * US_PER_S
"""Where nothing shows the instant itself, the last picture before it serves, if it is not older."""
GROUPS = 3
"""Groups of pictures tried, newest first, where one cannot be read."""

MOST_BYTES = 31 << 20
"""Of a group of pictures; the studio takes no more at once."""


@dataclass(frozen=True, slots=True)
class Instant:
    """What to decode, and which of its pictures is wanted."""

    segment: Segment
    coded: Coded
    lead: int
    """Tick at which the file's first picture is shown."""

    def time(self, pts: int) -> int:
        """Wall time of a picture."""
        return self.segment.start + (2 * (pts - self.lead) * US_PER_S + VIDEO_SCALE) // (2 * VIDEO_SCALE)


def instant(segments: Iterable[Segment], time: int, footage: Footage) -> Instant:
    """The picture shown at `time`, else the last one before it. Raises NoFootage, or StoreError when it cannot be read."""
    known = [one for one in segments if one.start <= time and one.end > time - BACK_US]
    problem: StoreError = NoFootage("there is no picture of this time")
    for segment in sorted(known, key=lambda one: (min(one.end, time + 1), one.seq), reverse=True):
        keys = keyframes(segment)
        before = [number for number, (at, _offset) in enumerate(keys) if at <= time]
        for number in before[: -GROUPS - 1 : -1]:
            begin = keys[number][1]
            end = keys[number + 1][1] if number + 1 < len(keys) else segment.media_to
            try:
                return _in_group(segment, (begin, end), time, footage)
            except StoreError as error:
                problem = error
    raise problem


def _in_group(segment: Segment, span: tuple[int, int], time: int, footage: Footage) -> Instant:
    if span[1] - span[0] > MOST_BYTES:
        raise NoFootage("the keyframes around this time are too far apart for a picture")
    head = head_of(segment, footage)
    block = footage.read(segment, span[0], span[1] - span[0])
    lead = head.leads[VIDEO]
    found = coded(block, head.formats[VIDEO], scaled(time - segment.start, VIDEO_SCALE) + lead)
    if not found.samples:
        raise footage.damage(segment, f"bytes {span[0]} to {span[1]} are damaged")
    return Instant(segment, found, lead)
