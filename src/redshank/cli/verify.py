"""`redshank verify` and `redshank rebuild-index`: do database and files agree, and the way back when the database is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.check.problem import Report
    from redshank.check.rebuild import Rebuilt
    from redshank.check.repair import Done

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")]
SHOWN = 200
"""Lines for people; --json has all."""


def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Make the database agree; deletes no footage.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte: finds damage inside files.")] = False,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="With --repair: forget missing files even when most of a disk is missing."),
    ] = False,
    config: ConfigFile = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Hold the database against the recordings, also while Redshank runs. Without --repair nothing is changed. Ends with 1 when
    something is wrong and was not repaired."""
    from redshank.app import data_folder, read_config
    from redshank.check import places
    from redshank.check.repair import repair as put_right
    from redshank.check.rows import Rows
    from redshank.check.verify import verify as look
    from redshank.cli.output import print_json
    from redshank.clock import SystemClock
    from redshank.model import SITE

    clock, folder = SystemClock(), data_folder(config, data)
    loaded, _problem = read_config(config)
    site = loaded.config.site if loaded else SITE
    with (
        places.database(folder, clock) as store,
        places.known(store, site) as found,
    ):
        rows = Rows(store, site)
        with _bar("verify") as told:
            report = look(rows, found.disks, clock, deep, told)
        done = list(put_right(rows, found.disks, report.faults, accept_loss)) if repair else []
    ok = report.ok or (repair and all(one.repaired for one in done))
    if as_json:
        print_json({"ok": ok, **_shown(report, done, found.troubles)})
    else:
        _print(report, done, found.troubles, deep)
    raise typer.Exit(0 if ok else 1)


def rebuild_index(config: ConfigFile = None, data: Data = None, as_json: Json = False) -> None:
    """Make the index of the recordings again from their files alone. Deletes nothing; may be broken off and run again. Ends with 1
    when a file could not be taken in."""
    from redshank.app import data_folder, read_config
    from redshank.check import places
    from redshank.check.rebuild import rebuild
    from redshank.check.rows import Rows
    from redshank.cli.output import print_json
    from redshank.clock import SystemClock
    from redshank.config.schema import Config
    from redshank.wiring import volume_paths

    clock, folder = SystemClock(), data_folder(config, data)
    loaded, _problem = read_config(config)
    settings = loaded.config if loaded else Config()
    paths = list(volume_paths(settings, folder).values())
    with (
        places.database(folder, clock, make=True) as store,
        places.configured(store, paths, clock, settings.site) as found,
        _bar("rebuild-index") as told,
    ):
        rebuilt = rebuild(Rows(store, settings.site), found.disks, told, clock)
    problems = [*found.troubles, *rebuilt.problems]
    if as_json:
        print_json({"ok": not problems, **_figures(rebuilt), "problems": problems})
    else:
        for problem in problems[:SHOWN]:
            typer.echo(problem)
        typer.echo(_summary(rebuilt))
    raise typer.Exit(1 if problems else 0)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from redshank.cli.output import progress

    with progress() as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def _print(report: Report, done: Sequence[Done], troubles: Sequence[str], deep: bool) -> None:
    for trouble in troubles:
        typer.echo(f"volume: {trouble}")
    outcomes = {id(one.problem): one.text for one in done}
    for problem in report.problems[:SHOWN]:
        after = outcomes.get(id(problem), "")
        typer.echo(
            f"{problem.kind}: {problem.path or problem.volume}: {problem.text}" + (f"; {after}" if after else "")
        )
    if len(report.problems) > SHOWN:
        typer.echo(f"… and {len(report.problems) - SHOWN} more (--json has all)")
    looked = "every byte of" if deep else "presence and size of"
    typer.echo(
        f"Looked at {looked} {report.rows} files ({report.bytes / 1e9:.1f} GB), {report.busy} being written, "
        f"{report.foreign} not ours: {len(report.faults)} wrong"
        + (f", {sum(o.repaired for o in done)} repaired." if done else ".")
    )


def _shown(report: Report, done: Sequence[Done], troubles: Sequence[str]) -> dict[str, Any]:
    outcomes = {id(one.problem): one for one in done}
    return {
        "files": report.files,
        "rows": report.rows,
        "bytes": report.bytes,
        "busy": report.busy,
        "foreign": report.foreign,
        "counts": report.counts,
        "volumes_refused": list(troubles),
        "problems": [
            {
                "kind": problem.kind,
                "volume": problem.volume,
                "path": problem.path,
                "text": problem.text,
                "repaired": (one := outcomes.get(id(problem))) is not None and one.repaired,
                "done": one.text if one else "",
            }
            for problem in report.problems
        ],
    }


def _figures(rebuilt: Rebuilt) -> dict[str, Any]:
    return {
        "files": rebuilt.files,
        "known": rebuilt.known,
        "added": rebuilt.added,
        "interrupted": rebuilt.adopted,
        "seconds_added": rebuilt.footage_us / 1e6,
        "clock_put_right": rebuilt.moved,
    }


def _summary(rebuilt: Rebuilt) -> str:
    words = (
        f"{rebuilt.files} files: {rebuilt.known} were known, {rebuilt.added} added ({rebuilt.footage_us / 3.6e9:.1f} h)"
    )
    words += f", {rebuilt.adopted} of them interrupted by a crash" if rebuilt.adopted else ""
    words += f", {rebuilt.moved} with a clock that was wrong and is put right" if rebuilt.moved else ""
    return f"{words}. Nothing was deleted."
