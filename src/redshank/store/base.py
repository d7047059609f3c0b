"""The store: one database, one writer thread, any number of readers.

Writes are functions of a connection. They run on the writer thread in the order they came; those that wait when one commit
ends share the next one (at most 200), so no operation waits on purpose and a burst costs one fsync. A future resolves after
the commit. An operation that fails is rolled back alone (a savepoint). When the commit itself fails, every operation of it
fails and none is done: callers that must not lose anything try again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError, StatementError

from redshank.clock import NS_PER_S, Clock
from redshank.errors import StoreError
from redshank.model import SITE
from redshank.store import migrate, sqlite
from redshank.store.rows import upsert
from redshank.store.schema import meta

log = logging.getLogger(__name__)
T = TypeVar("T")

GROUP = 200
"""Operations in one commit, at most."""
WAITING = 10_000
"""Operations that may wait. One more is refused at once with StoreError and counted: the caller decides what that means."""


@dataclass(frozen=True, slots=True)
class _Operation(Generic[T]):
    work: Callable[[Connection], T]
    done: Future[T]


class Store:
    """Open with `open_store`. `write` and `read` may be called from any thread; `close` once everything that writes has stopped."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        allow_network: bool = False,
        mounts: Path = Path("/proc/mounts"),
        most: int = WAITING,
    ) -> None:
        """Opens, migrates when needed and starts the writer. Blocks (a few ms when there is nothing to migrate).

        `url` is `sqlite:///relative` or `sqlite:////absolute`. Raises StoreError, DiskFull: one line.
        """
        self.path = _path(url)
        self.patience_s = 60.0
        """How long a commit keeps trying while another process holds the write lock."""
        self.refused = 0
        self._clock = clock
        self._queue: queue.Queue[_Operation[Any] | None] = queue.Queue(most)
        self._closing = threading.Event()
        sqlite.prepare(self.path, allow_network, mounts)
        self._writer, self._reader = sqlite.engines(self.path)
        try:
            with self._writer.begin() as conn:
                migrate.upgrade(conn, str(self.path))
            with self._reader.begin() as conn:
                found = sqlite.settings(conn)
        except SQLAlchemyError as error:
            self._dispose()
            raise sqlite.translate(error, str(self.path)) from error
        except StoreError:
            self._dispose()
            raise
        if found != sqlite.SETTINGS:
            self._dispose()
            raise StoreError(f"the database {self.path} cannot run safely on this file system: {found}")
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Operations in the queue."""
        return self._queue.qsize()

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work` on the writer thread; the future has its result after the commit.

        Never blocks. The future raises StoreError (DiskFull when there is no space) or whatever `work` raised. `work` must only
        use the connection, and may not commit.
        """
        done: Future[T] = Future()
        if self._closing.is_set():
            done.set_exception(StoreError(f"the database {self.path} is closed"))
            return done
        try:
            self._queue.put_nowait(_Operation(work, done))
        except queue.Full:
            self.refused += 1
            done.set_exception(StoreError(f"the database {self.path} is too slow: {self.waiting} writes wait"))
        return done

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection in the calling thread, on one consistent state. Raises StoreError."""
        try:
            with self._reader.begin() as conn:
                return work(conn)
        except SQLAlchemyError as error:
            raise sqlite.translate(error, str(self.path)) from error

    def next_epoch(self, site: str = SITE, least: int = 1, count: int = 1) -> int:
        """The first of `count` numbers never given before by this database, and not below `least`: take one at each start of
        whatever numbers observations or files. Blocks."""

        def work(conn: Connection) -> int:
            where = (meta.c.site == site) & (meta.c.name == "epoch")
            epoch = max(least, int(conn.execute(select(meta.c.value).where(where)).scalar() or 0) + 1)
            upsert(conn, meta, {"site": site, "name": "epoch", "value": str(epoch + count - 1)})
            return epoch

        return self.write(work).result()

    def close(self) -> None:
        """Commit what waits, then stop. Idempotent; blocks."""
        if not self._closing.is_set():
            self._closing.set()
            self._queue.put(None)
        self._thread.join()
        self._dispose()

    def _dispose(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    def _run(self) -> None:
        """The writer thread."""
        running = True
        while running:
            group: list[_Operation[Any]] = []
            item = self._queue.get()
            while item is not None:
                if item.done.set_running_or_notify_cancel():
                    group.append(item)
                if len(group) >= GROUP:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            running = item is not None
            if group:
                self._commit(group)

    def _commit(self, group: list[_Operation[Any]]) -> None:
        """One transaction. Each future is resolved exactly once."""
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._begin() as conn:
                for operation in group:
                    attempt, result = _Attempt(conn), None
                    with attempt:
                        result = operation.work(conn)
                    outcomes.append((operation.done, result, attempt.raised))
                conn.commit()
        except SQLAlchemyError as error:
            failure = sqlite.translate(error, str(self.path))
            failure.__cause__ = error
            log.warning("commit failed: operations=%d error=%s", len(group), failure)
            for operation in group:
                operation.done.set_exception(failure)
            return
        for done, result, raised in outcomes:
            if isinstance(raised, SQLAlchemyError):
                failure = sqlite.translate(raised, str(self.path))
                failure.__cause__ = raised
                done.set_exception(failure)
            elif raised is not None:
                done.set_exception(raised)
            else:
                done.set_result(result)

    def _begin(self) -> Connection:
        """A connection inside a transaction that has the write lock. While another process holds it, tries again."""
        end = self._clock.mono_ns() + round(self.patience_s * NS_PER_S)
        while True:
            conn = self._writer.connect()
            try:
                conn.begin()
                return conn
            except SQLAlchemyError as error:
                conn.close()
                if not sqlite.locked(error) or self._clock.mono_ns() >= end:
                    raise


class _Attempt:
    """A savepoint around one operation: whatever that raises is rolled back and kept for its future, so that one bad operation
    ends neither the group nor the writer thread. Raises SQLAlchemyError when the whole transaction is lost with it."""

    def __init__(self, conn: Connection) -> None:
        self.raised: BaseException | None = None
        self._savepoint = conn.begin_nested()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._savepoint.commit()
            return False
        self.raised = error
        try:
            self._savepoint.rollback()
        except SQLAlchemyError:  # SQLite ended the transaction itself (disk full): the cause is the operation's error
            if isinstance(error, SQLAlchemyError):
                raise error from None
            raise
        return True


def is_bug(error: BaseException) -> bool:
    """Whether a write failed for what it wanted to write, so that trying again is useless."""
    if not isinstance(error, StoreError):
        return True
    cause = error.__cause__
    if isinstance(cause, DBAPIError):
        return isinstance(cause, IntegrityError | DataError | ProgrammingError)
    return isinstance(cause, StatementError)  # it never reached the database: a value JSON cannot hold


def _path(url: str) -> Path:
    head, _, path = url.partition(":///")
    if head != "sqlite" or not path:
        scheme = url.partition(":")[0]
        raise StoreError(f"storage.database: expected sqlite:///path, got {scheme}:… (PostgreSQL comes later)")
    return Path(path).absolute()
