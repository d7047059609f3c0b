"""`redshank storage`, `purge` and `hold`: how full it is, deleting on request, and what must not be deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from redshank.disk import Space
    from redshank.model import Hold, KeepClass, Segment
    from redshank.purge import Counted, Wanted
    from redshank.retain import Rules
    from redshank.shelf import Terms
    from redshank.storage import Kept, Totals
    from redshank.store.base import Store

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
GRANTED = 1.1
"""Files approved for each that would go now: more become due until the keeper looks."""

app = typer.Typer(help="How full the disks are and how long the footage lasts.", invoke_without_command=True)
hold = typer.Typer(help="Footage that must not be deleted.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Opened:
    """Database and volumes of a data folder, beside a running Redshank or without one."""

    store: Store
    volumes: Sequence[Kept]
    troubles: Sequence[str]
    rules: Rules
    site: str
    zone: str
    now: int

    @property
    def totals(self) -> Totals:
        from redshank.store import recordings

        ids = {one.id for one in self.volumes}
        found = self.store.read(lambda conn: recordings.totals(conn, self.site))
        return {key: total for key, total in found.items() if key[2] in ids}

    def spaces(self, totals: Totals) -> list[tuple[Kept, Space, int]]:
        from redshank.storage import average_rate

        spaces = [(one, one.disk.space()) for one in self.volumes]
        return [(one, space, one.reserved(space, average_rate(one.id, totals))) for one, space in spaces]

    def terms(self) -> Terms:
        from redshank.shelf import Terms
        from redshank.store import holds

        return Terms(self.rules, self.store.read(lambda conn: holds.list(conn, site=self.site)), site=self.site)


@contextmanager
def opened(config: Path | None, data: Path | None) -> Iterator[Opened]:
    """Raises ConfigError, StoreError."""
    from redshank import wiring
    from redshank.app import data_folder, read_config
    from redshank.check import places
    from redshank.clock import SystemClock
    from redshank.errors import ConfigError
    from redshank.storage import Kept
    from redshank.store import volumes

    clock, folder = SystemClock(), data_folder(config, data)
    loaded, problem = read_config(config)
    if loaded is None:
        raise ConfigError(problem)
    site = loaded.config.site
    names = {str(path): name for name, path in wiring.volume_paths(loaded.config, folder).items()}
    reserves = wiring.reserves(loaded.config)
    with places.database(folder, clock) as store, places.known(store, site) as found:
        called = {row.id: names.get(row.path, row.path) for row in store.read(lambda conn: volumes.all(conn, site))}
        kept = [Kept(id, called[id], disk, reserves.get(called[id])) for id, disk in found.disks.items()]
        rules, zone = wiring.retention(loaded.config), loaded.config.timezone
        yield Opened(store, kept, found.troubles, rules, site, zone, clock.now())


# --- storage -------------------------------------------------------------------------------------------------------------


@app.callback()
def storage(context: typer.Context, config: ConfigFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show volumes and cameras: how much there is, since when, and how long it will last. Ends with 1 when a volume is missing or
    retention has stopped and asks."""
    if context.invoked_subcommand is not None:
        return
    from redshank.brake import load
    from redshank.cli.output import print_json
    from redshank.shelf import loads
    from redshank.storage import report

    with opened(config, data) as at:
        totals = at.totals
        measured = at.store.read(lambda conn: loads(conn, at.rules, at.now, at.site))
        found = report(at.spaces(totals), totals, at.rules, measured)
        found |= {"stopped": load(at.store, at.site).stopped, "troubles": list(at.troubles)}
    if as_json:
        print_json(found)
    else:
        _show(found)
    raise typer.Exit(1 if found["stopped"] or found["troubles"] else 0)


def _show(found: dict[str, Any]) -> None:
    from redshank.cli.output import print_table
    from redshank.forecast import age, size

    rows: list[tuple[object, ...]] = [
        (v["volume"], size(v["total"]), size(v["free"]), size(v["reserve"]), size(v["bytes"]), v["files"])
        for v in found["volumes"]
    ]
    print_table(("volume", "size", "free", "stays free", "footage", "files"), rows)
    for volume in found["volumes"]:
        if volume["forecast"]:
            print(f"{volume['volume']}: {volume['forecast']['sentence']}")
    print()
    rows = [
        (
            c["camera"],
            c["volume"],
            size(c["bytes"]),
            size(c["quota"]) if c["quota"] is not None else "",
            size(c["bytes_per_day"]) if c["bytes_per_day"] is not None else "",
            age(c["days"]),
            c["oldest"][:16].replace("T", " "),
        )
        for c in found["cameras"]
    ]
    print_table(("camera", "volume", "footage", "quota", "a day", "reaches back", "oldest (UTC)"), rows)
    for camera in found["cameras"]:
        if camera["forecast"]:
            print(f"{camera['camera']}: {camera['forecast']['sentence']}")
    for trouble in found["troubles"]:
        print(f"problem: {trouble}")
    if found["stopped"]:
        print(f"retention has stopped: {found['stopped']}. Look closer and let it go on with: redshank storage approve")


@app.command()
def approve(yes: Yes = False, config: ConfigFile = None, data: Data = None, as_json: Json = False) -> None:
    """Let retention go on after it stopped because unusually much would be deleted. Ends with 1 when it has not stopped."""
    from redshank.brake import approve as grant
    from redshank.brake import load
    from redshank.cli.output import err, print_json, print_table
    from redshank.forecast import size
    from redshank.purge import pending
    from redshank.retain import FEW

    with opened(config, data) as at:
        if not (why := load(at.store, at.site).stopped):
            err.print("Retention has not stopped; there is nothing to approve.", highlight=False)
            raise typer.Exit(1)
        totals = at.totals
        with err.status("Counting …"):
            going = pending(at.store, at.spaces(totals), totals, at.terms(), at.now)
        files, bytes_ = sum(one.files for one in going.values()), sum(one.bytes for one in going.values())
        if not as_json:
            print(f"stopped: {why}")
            print_table(("camera", "files", "footage"), [(c, one.files, size(one.bytes)) for c, one in going.items()])
        if not yes:
            typer.confirm(f"Delete {files} files ({size(bytes_)})?", abort=True, err=True)
        grant(at.store, round(files * GRANTED) + FEW, at.site)
    if as_json:
        print_json({"files": files, "bytes": bytes_, "stopped": why})
    else:
        print("approved: a running Redshank deletes them within seconds")


# --- purge ---------------------------------------------------------------------------------------------------------------


Classes = Annotated[
    list[str] | None,
    typer.Option("--class", help="Only continuous, motion, detection or alert; may be given several times."),
]


def purge(
    older_than: Annotated[str, typer.Option("--older-than", help="Age such as 7d, 12h, 2w, 6m.")],
    camera: Annotated[str, typer.Option("--camera", help="Only of this one; all: every camera.")] = "",
    klass: Classes = None,
    include_held: Annotated[bool, typer.Option("--include-held", help="Also what a hold protects.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Yes = False,
    config: ConfigFile = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Delete footage older than so much and the pictures made of it, also while Redshank runs, and say how much it was."""
    from redshank.app import data_folder
    from redshank.cli.output import err, print_json
    from redshank.forecast import size
    from redshank.purge import Counted, Wanted, found
    from redshank.retain import DAY_US

    days, classes = _days(older_than), _classes(klass or ())
    with opened(config, data) as at:
        _known(camera, at)
        wanted = Wanted(at.now - round(days * DAY_US), "" if camera == "all" else camera, classes, include_held)
        count, terms = Counted(), at.terms()
        disks = {one.id: one.disk for one in at.volumes}
        with err.status("Counting …"):
            for segments in found(at.store, disks, wanted, terms):
                count.add(segments)
        troubles = list(at.troubles)
        if not dry_run and count.files:
            held = ", held footage too" if include_held else ""
            if not yes:
                typer.confirm(f"Delete {count.files} files, {size(count.bytes)}{held}?", abort=True, err=True)
            count, more = _delete(at, wanted, count.files, data_folder(config, data))
            troubles += more
    if as_json:
        print_json({"files": count.files, "bytes": count.bytes, "dry_run": dry_run, "troubles": troubles})
    else:
        print(f"{'would delete' if dry_run else 'deleted'} {count.files} files, {size(count.bytes)}")
        print("".join(f"problem: {trouble}\n" for trouble in troubles), end="", file=sys.stderr)
    raise typer.Exit(1 if troubles else 0)


def _delete(at: Opened, wanted: Wanted, files: int, folder: Path) -> tuple[Counted, list[str]]:
    from redshank.blobs.disk import DiskBlobs
    from redshank.cli.output import progress
    from redshank.errors import StoreError
    from redshank.playback import sprite
    from redshank.purge import forget_pictures
    from redshank.purge import purge as delete

    sheets, spans, troubles = DiskBlobs(folder / "sprites"), dict[str, tuple[int, int]](), list[str]()

    def told(count: Counted, gone: Sequence[Segment]) -> None:
        bars.update(task, completed=count.files)
        for one in gone:
            first, last = spans.get(one.camera, (one.start, one.end))
            spans[one.camera] = (min(first, one.start), max(last, one.end))
        try:
            sprite.forget(sheets, gone)
        except StoreError as error:
            troubles.append(str(error))

    with progress() as bars:
        task = bars.add_task("purge", total=files)
        count, more = delete(at.store, {one.id: one.disk for one in at.volumes}, wanted, at.terms(), told)
    try:
        forget_pictures(at.store, DiskBlobs(folder / "pictures"), spans, at.site)
    except StoreError as error:
        troubles.append(str(error))
    return count, [*more, *troubles]


def _days(text: str) -> float:
    from pydantic import TypeAdapter, ValidationError

    from redshank.config.record import FOREVER, Days
    from redshank.errors import ConfigError

    try:
        days = TypeAdapter(Days).validate_python(text)
    except ValidationError:
        days = FOREVER
    if days == FOREVER or not 0 < float(days) < 100_000:
        raise ConfigError(f"--older-than {text}: expected an age such as 7d, 12h, 2w or 6m")
    return float(days)


def _classes(names: Sequence[str]) -> frozenset[KeepClass]:
    from redshank.errors import ConfigError
    from redshank.model import KeepClass

    words = [word for name in names for word in name.replace(",", " ").split()]
    if wrong := [word for word in words if word not in set(KeepClass)]:
        raise ConfigError(f"--class {wrong[0]}: expected continuous, motion, detection or alert")
    return frozenset(KeepClass(word) for word in words) or frozenset(KeepClass)


def _known(camera: str, at: Opened) -> None:
    """Raises ConfigError when nobody knows such a camera. Empty and `all`: every one."""
    from redshank.errors import ConfigError

    known = {*at.rules.policies, *(name for name, _stream, _volume in at.totals)}
    if camera not in ("", "all") and camera not in known:
        raise ConfigError(f"there is no camera {camera!r}; there are: {', '.join(sorted(known)) or 'none'}")


# --- hold ----------------------------------------------------------------------------------------------------------------


@hold.command()
def add(
    camera: Annotated[str, typer.Argument(help="Its name; all: every camera.")],
    begin: Annotated[str, typer.Option("--from", help="2026-11-21, '2026-11-21 14:30' (local) or RFC 3339.")],
    end: Annotated[str, typer.Option("--to", help="The same; a day alone means its midnight.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for people.")],
    config: ConfigFile = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Protect the footage of a time: neither age, quota nor a full disk deletes it."""
    from zoneinfo import ZoneInfo

    from redshank.archive.period import moment
    from redshank.cli.output import print_json
    from redshank.clock import new_id
    from redshank.errors import ConfigError
    from redshank.model import Hold
    from redshank.store import holds

    with opened(config, data) as at:
        _known(camera, at)
        first, last = (moment(text.strip(), ZoneInfo(at.zone), at.now) for text in (begin, end))
        if first >= last:
            raise ConfigError(f"--to {end}: expected a time after --from {begin}")
        name = "" if camera == "all" else camera
        made = Hold(new_id(at.now), name, first, last, reason.strip(), at.now)
        at.store.write(lambda conn: holds.add(conn, made, at.site)).result()
    if as_json:
        print_json(_as_json(made))
    else:
        print(f"{made.id}: {camera} is held from {begin} to {end}")


@hold.command("list")
def list_holds(config: ConfigFile = None, data: Data = None, as_json: Json = False) -> None:
    """Show every hold."""
    from redshank.cli.output import print_json, print_table
    from redshank.store import holds

    with opened(config, data) as at:
        found = [_as_json(one) for one in at.store.read(lambda conn: holds.list(conn, site=at.site))]
    if as_json:
        print_json(found)
    else:
        rows = [(one["id"], one["camera"] or "all", one["from"], one["to"], one["reason"]) for one in found]
        print_table(("id", "camera", "from", "to", "reason"), rows)


@hold.command()
def remove(
    id: Annotated[str, typer.Argument(help="As `hold list` shows it.")], config: ConfigFile = None, data: Data = None
) -> None:
    """Give the footage back to retention: what is over its age goes soon."""
    from redshank.errors import ConfigError
    from redshank.shelf import release

    with opened(config, data) as at:
        if not at.store.write(lambda conn: release(conn, id, at.site)).result():
            raise ConfigError(f"there is no hold {id}; `redshank hold list` shows them")
    print(f"{id}: removed")


def _as_json(one: Hold) -> dict[str, str]:
    from redshank.clock import rfc3339

    times = {"from": rfc3339(one.start), "to": rfc3339(one.end), "created": rfc3339(one.created)}
    return {"id": one.id, "camera": one.camera, **times, "reason": one.reason}
