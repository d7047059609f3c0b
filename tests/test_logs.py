"""No credential reaches a log or a terminal, whoever wrote it."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from redshank import logs
from redshank.errors import StoreError

URL = "rtsp://viewer:CANARY-p@:/#x@192.168.1.21/main?token=CANARY-token"


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """Handlers and level as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    libraries = {
        name: logging.getLogger(name).level for name in ("aiokafka", "httpx", "httpcore", "aiosmtplib", "alembic")
    }
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    for name, before in libraries.items():
        logging.getLogger(name).setLevel(before)


def test_a_line_has_its_fields_and_no_credential(tmp_path: Path) -> None:
    logs.to_file(tmp_path / "redshank.log", also_stderr=False)
    logging.getLogger("libav").warning("cannot open %s", URL, extra={"camera": "front", "url": URL})
    (line,) = (tmp_path / "redshank.log").read_text().splitlines()
    assert line.endswith(
        "WARNING libav: cannot open rtsp://***@192.168.1.21/main?token=***"
        " camera=front url=rtsp://***@192.168.1.21/main?token=***"
    )


def test_neither_has_the_traceback_of_a_chained_error(tmp_path: Path) -> None:
    logs.to_file(tmp_path / "redshank.log", also_stderr=False)
    try:
        try:
            raise OSError(f"Connection refused: {URL}")
        except OSError as error:
            raise StoreError("the camera is away") from error
    except StoreError:
        logging.getLogger("redshank").exception("a note could not be handled")
    text = (tmp_path / "redshank.log").read_text()
    assert "OSError: Connection refused: rtsp://***@192.168.1.21/main" in text
    assert "CANARY" not in text


def test_a_log_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "redshank.log").mkdir()
    with pytest.raises(
        StoreError, match=r"redshank\.log: the log cannot be written \(Is a directory\): check"
    ) as caught:
        logs.to_file(tmp_path / "redshank.log", also_stderr=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "set_up", ["pass", "logs.to_stderr()", "logs.to_file(Path('redshank.log'), also_stderr=False)"]
)
def test_what_ends_a_process_or_a_thread_shows_no_credential(tmp_path: Path, set_up: str) -> None:
    """Before logging is set up, in a worker, and beside a live view."""
    program = f"""
        import threading
        from pathlib import Path
        from redshank import logs

        def fail():
            try:
                raise OSError({URL!r})
            except OSError as error:
                raise RuntimeError("it ended") from error

        logs.redact_uncaught()
        {set_up}
        threading.Thread(target=fail, name="reader").start()
        fail()
    """
    ended = subprocess.run(
        [sys.executable, "-c", dedent(program)], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    file = tmp_path / "redshank.log"
    logged = file.read_text() if file.exists() else ended.stderr
    assert ended.returncode == 1
    assert "RuntimeError: it ended" in ended.stderr
    assert logged.count("OSError: rtsp://***@192.168.1.21/main") == 2
    assert "thread_name=reader" in logged
    assert "CANARY" not in logged + ended.stderr + ended.stdout
