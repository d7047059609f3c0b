"""The stand-ins keep the contracts they stand for."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from redshank.errors import SourceError, SourceMissing
from redshank.media.source import Opener, Source
from redshank.model import Box, Detection
from redshank.vision.detect import Detector
from tests.fakes import ScriptedDetector, ScriptedOpener, ScriptedSource, edited, later, video_packets, without_dts


def test_a_scripted_source_plays_its_edited_packets_then_fails() -> None:
    script = edited(video_packets(4), {1: without_dts, 2: later(-1)})
    source: Source = ScriptedSource([*script, SourceError("cable pulled")])
    reader = iter(source.packets())
    got = [next(reader) for _ in script]
    with pytest.raises(SourceError, match="cable"):
        next(reader)
    assert [packet.dts for packet in got] == [0, None, 18_000 - 90_000, 27_000]


def test_a_hanging_source_ends_when_it_is_closed_from_another_thread() -> None:
    source = ScriptedSource(video_packets(1))
    source.add(source.hang, *video_packets(5))
    reader = iter(source.packets())
    next(reader)
    threading.Timer(0.05, source.close).start()
    assert list(reader) == []


def test_an_opener_fails_as_scripted_and_repeats_its_last_result() -> None:
    opener: Opener = ScriptedOpener(SourceMissing("nothing there"), lambda: ScriptedSource([]))
    with pytest.raises(SourceMissing):
        opener(5)
    assert opener(5) is not opener(3)


def test_a_detector_answers_from_its_table_by_picture_number_above_the_score() -> None:
    person = Detection("person", 0.9, Box(0, 0, 1, 1))
    faint = Detection("car", 0.2, Box(0, 0, 1, 1))
    scripted = ScriptedDetector({1: [faint, person]})
    detector: Detector = scripted
    picture = np.zeros((8, 8, 3), np.uint8)
    assert [detector.detect([picture], 0.3) for _ in range(3)] == [[[]], [[person]], [[]]]
    assert scripted.asked == [(8, 8, 3)] * 3
