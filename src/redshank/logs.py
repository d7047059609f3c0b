"""Logging: one line per record with its fields, to a rotated file and, without a live view, to standard error.

Whatever a record says goes through `targets.redact` once more, so that a credential that slipped into a foreign library's message
does not reach a log either.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from redshank.errors import StoreError
from redshank.targets import redact

log = logging.getLogger(__name__)

MAX_BYTES = 10_000_000
KEPT = 3
_SAID = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) ([\w.]+): (.*)", re.DOTALL)
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldsFormatter(logging.Formatter):
    """`time LEVEL logger: message key=value …`, redacted."""

    def __init__(self, line: str = "%(asctime)s %(levelname)s %(name)s: %(message)s") -> None:
        super().__init__(line)

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _PLAIN)
        return redact(f"{super().format(record)} {fields}".rstrip())


def redact_uncaught() -> None:
    """What ends the process or a thread is logged instead of printed: a chained error of FFmpeg may hold a URL with its login."""

    def in_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("ended by an error", exc_info=(kind, error, trace))
        if not any(type(handler) is logging.StreamHandler for handler in logging.getLogger().handlers):
            print(redact(f"redshank: ended by {kind.__name__}: {error} (see the log)"), file=sys.stderr)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            log.critical(
                "a thread ended by an error",
                exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
                extra={"thread_name": args.thread.name if args.thread else ""},
            )

    sys.excepthook = in_process
    threading.excepthook = in_thread
    if logging.lastResort is not None:  # for as long as no handler is set
        logging.lastResort.setFormatter(FieldsFormatter())


def to_stderr(level: str = "INFO") -> None:
    """For a worker, whose standard error the hub reads; see `repeat`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def repeat(worker: str, lines: str, before: tuple[int, str] = (logging.ERROR, __name__)) -> tuple[int, str]:
    """Log one line that a worker wrote as if it were ours. What has no level of its own (a traceback, a library that prints)
    belongs to the line before; the result is that line's level and logger, for the next call."""
    said = _SAID.match(lines)
    level, name = (logging.getLevelNamesMapping()[said[1]], said[2]) if said else before
    logging.getLogger(name).log(level, "%s", said[3] if said else lines, extra={"worker": worker})
    return level, name


def to_file(path: Path, also_stderr: bool, level: str = "INFO", levels: Mapping[str, str] | None = None) -> None:
    """For the hub. Raises StoreError when the file cannot be written."""
    try:
        handlers: list[logging.Handler] = [RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=KEPT)]
    except OSError as error:
        raise StoreError(
            f"{path}: the log cannot be written ({error.strerror}): check its owner and permissions or choose another --data"
        ) from error
    if also_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    # Else a full disk answers every record with a traceback on standard error, which has the record itself.
    logging.raiseExceptions = False
    for handler in handlers:
        handler.setFormatter(FieldsFormatter())
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    for library in ("aiokafka", "httpx", "httpcore", "aiosmtplib", "alembic"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for name, each in (levels or {}).items():
        logging.getLogger(name).setLevel(each.upper())


def set_levels(wanted: Mapping[str, str], before: Mapping[str, str] = {}) -> None:
    """Logger → level; one that was set before and is not any more follows its parent again."""
    for name in before.keys() - wanted.keys():
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name, level in wanted.items():
        logging.getLogger(name).setLevel(level.upper())
