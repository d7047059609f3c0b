"""Workers are watched, ended and started again; what they write reaches our log. Each test's worker is a script of a few lines."""

from __future__ import annotations

import logging

import pytest

from redshank import logs


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def test_a_workers_line_is_logged_under_its_own_name_and_level(heard: pytest.LogCaptureFixture) -> None:
    logs.repeat("vision-0", "WARNING redshank.vision.onnx: slow device=cpu")
    (record,) = heard.records
    assert (record.name, record.levelname, record.getMessage()) == (
        "redshank.vision.onnx",
        "WARNING",
        "slow device=cpu",
    )
    assert vars(record)["worker"] == "vision-0"


def test_a_traceback_belongs_to_the_line_before_it(heard: pytest.LogCaptureFixture) -> None:
    before = logs.repeat("vision-0", "ERROR redshank.camera: broken")
    for line in ("Traceback (most recent call last):", '  File "x.py", line 1', "IndexError: 100% of it"):
        before = logs.repeat("vision-0", line, before)
    assert [(record.name, record.levelname) for record in heard.records] == [("redshank.camera", "ERROR")] * 4
    assert heard.records[-1].getMessage() == "IndexError: 100% of it"
