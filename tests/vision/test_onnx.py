"""ONNX Runtime as a runner: how it starts and fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from redshank.errors import ModelError
from redshank.vision.onnx import OnnxRunner, available, default_threads, open_onnx, open_session, worthwhile_batch
from redshank.vision.recognise import Stated, recognise
from tests.harness.clocks import FakeClock
from tests.vision.graphs import write_model
from tests.vision.test_families import GRAPHS, ULTRALYTICS


def test_cpu_sessions_state_their_threads_and_do_not_spin(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", GRAPHS["yolov8"][0], metadata=ULTRALYTICS)
    session = open_session(model, "cpu", 1)
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert "cpu" in available()
    assert 1 <= default_threads() <= 2


def test_a_runner_says_where_it_runs(tmp_path: Path, clock: FakeClock) -> None:
    model = write_model(tmp_path / "m.onnx", GRAPHS["yolov8"][0], metadata=ULTRALYTICS)
    runner = open_onnx(model, recognise(model, Stated()), "cpu", None, clock)
    assert (runner.device, runner.threads, runner.max_batch, runner.flexible) == ("cpu", default_threads(), 1, True)


def test_a_run_with_the_wrong_input_is_an_error_of_ours(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.onnx", GRAPHS["yolov8"][0], metadata=ULTRALYTICS)
    runner = OnnxRunner(open_session(model, "cpu", 1), "cpu", 1, ["output0"])
    for feed in ({"images": np.zeros((1, 3, 8, 8), np.float32)}, {"other": np.zeros(1, np.float32)}):
        with pytest.raises(ModelError, match="the model failed on cpu") as caught:
            runner(feed)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cost_s", "best"),
    [
        (lambda n: 0.010 * n, 1),  # a CPU: twice the pictures, twice the time
        (lambda n: 0.010 + 0.001 * n, 16),  # a GPU with a high price per call
        (lambda n: 0.010 + 0.010 * max(0, n - 4), 4),  # full at four
    ],
)
def test_the_batch_grows_while_a_picture_gets_clearly_cheaper(cost_s, best: int, clock: FakeClock) -> None:  # type: ignore[no-untyped-def]
    assert worthwhile_batch(lambda size: clock.advance(cost_s(size)), clock) == best
