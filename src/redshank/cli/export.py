"""`redshank export`: footage as files that play anywhere, as a time-lapse, or as evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redshank.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from redshank.archive.clip import Clip, Source, Wanted
    from redshank.archive.job import Control
    from redshank.config.schema import Config
    from redshank.geometry import Polygon

FASTEST = 100_000
Cameras = Annotated[list[str] | None, typer.Argument(help="One camera or several.", metavar="CAMERA…")]
From = Annotated[str, typer.Option("--from", help="2026-11-21T14:30:00+01:00, 2026-11-21 14:30 or 14:30 (today).")]
To = Annotated[str, typer.Option("--to", help="As --from, or now.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File, or folder for several; default: here.")]
Zip = Annotated[bool, typer.Option("--zip", help="Evidence: one archive with a signed manifest.")]
Timelapse = Annotated[str, typer.Option("--timelapse", "--speed", help="So many times as fast, such as 60x.")]


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for."""

    wanted: Sequence[Wanted]
    output: Path | None
    force: bool
    zone: ZoneInfo
    settings: Config

    def masks(self, camera: str) -> tuple[Polygon, ...]:
        """For films."""
        known = self.settings.cameras.get(camera)
        return tuple(known.privacy_masks.values()) if known else ()


def _settings(config: Path | None, masked: bool) -> Config:
    """The configuration, or the default one where that cannot be read and nothing must be `masked`. Raises ConfigError."""
    from redshank.app import read_config
    from redshank.config.schema import Config

    loaded, problem = read_config(config)
    if loaded is None and masked:
        raise ConfigError(f"a time-lapse needs the configuration, for the privacy masks: {problem}")
    return loaded.config if loaded else Config()


def export(
    cameras: Cameras = None,
    from_: From = "",
    to: To = "",
    alert: Annotated[str, typer.Option("--alert", help="Instead: the footage of this alert.")] = "",
    stream: Annotated[str, typer.Option("--stream", help="main or sub.")] = "main",
    output: Output = None,
    as_zip: Zip = False,
    timelapse: Timelapse = "",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder; default: the configuration's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Save footage exactly as it was recorded, from one time to another; nothing is encoded again but time-lapses. Ctrl-C stops it,
    and the same command goes on from there. Ends with 1 when a camera has no footage of that time or some of it is damaged."""
    from redshank.app import data_folder
    from redshank.archive.clip import Source
    from redshank.archive.held import held
    from redshank.check import places
    from redshank.cli.output import print_json
    from redshank.clock import SystemClock

    speed = _speed(timelapse)
    if speed and as_zip:
        raise ConfigError("--zip and --timelapse: a time-lapse is encoded anew and is no evidence; choose one")
    clock, folder = SystemClock(), data_folder(config, data)
    settings = _settings(config, masked=speed > 0)
    with places.database(folder, clock) as store, places.known(store, settings.site) as found:
        source = Source(store, found.disks, clock.now(), settings.site)
        wanted = _wanted(source, settings, _Asked(cameras or [], from_, to, alert, stream))
        order = _Order(wanted, output, force, _zone(settings), settings)
        with held(source, wanted):
            said = _lapses(source, order, speed) if speed else _clips(source, order, folder if as_zip else None)
    for trouble in found.troubles:
        typer.echo(f"volume: {trouble}", err=True)
    (print_json if as_json else _print)(said)
    damaged = any(clip["damaged"] for clip in said["clips"])
    raise typer.Exit(1 if said["without_footage"] or damaged else 0)


# --- what is wanted ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    cameras: Sequence[str]
    start: str
    end: str
    alert: str
    stream: str


def _wanted(source: Source, settings: Config, asked: _Asked) -> list[Wanted]:
    """Raises ConfigError."""
    from redshank.archive.clip import Wanted
    from redshank.archive.period import file_stem, moment
    from redshank.store import recordings

    zone = _zone(settings)
    if asked.alert:
        if asked.cameras or asked.start or asked.end:
            raise ConfigError("--alert says camera and time already: leave CAMERA, --from and --to out")
        cameras, start, end = _alert(source, settings, asked.alert)
    elif not (asked.cameras and asked.start and asked.end):
        raise ConfigError("expected CAMERA… with --from and --to, or --alert")
    else:
        cameras = list(dict.fromkeys(asked.cameras))
        start, end = (moment(text, zone, source.now) for text in (asked.start, asked.end))
    if start >= end:
        raise ConfigError(f"--from {asked.start} is not before --to {asked.end}")
    if start >= source.now:
        raise ConfigError(f"--from {asked.start} is in the future")
    known = source.store.read(lambda conn: recordings.streams(conn, site=source.site))
    for camera in cameras:
        if (camera, asked.stream) not in known:
            there = ", ".join(f"{c}/{s}" for c, s in known) or "nothing"
            raise ConfigError(f"nothing of {camera}/{asked.stream} was ever recorded; recorded: {there}")
    return [
        Wanted(camera, asked.stream, start, end, file_stem(camera, asked.stream, start, zone)) for camera in cameras
    ]


def _alert(source: Source, settings: Config, id: str) -> tuple[list[str], int, int]:
    """Camera and span of an alert, with the seconds before and after it that the camera keeps."""
    from redshank.clock import US_PER_S
    from redshank.store import alerts

    found = source.store.read(lambda conn: alerts.get(conn, id, source.site))
    if found is None:
        raise ConfigError(f"--alert {id}: there is no such alert")
    camera = settings.cameras.get(found.camera)
    before_s, after_s = (camera.record.pre_capture, camera.record.post_capture) if camera else (5.0, 5.0)
    last = source.now if found.closed is None else found.closed
    return [found.camera], round(found.opened - before_s * US_PER_S), round(last + after_s * US_PER_S)


def _zone(settings: Config) -> ZoneInfo:
    from redshank.alert.message import time_zone

    return time_zone(settings.timezone)


def _speed(text: str) -> float:
    """0 when none was given."""
    if not text:
        return 0.0
    try:
        speed = float(text.lower().removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= FASTEST:
        raise ConfigError(f"--timelapse {text}: expected how many times as fast, such as 60x")
    return speed


# --- writing it ----------------------------------------------------------------------------------------------------------


def _clips(source: Source, order: _Order, evidence: Path | None) -> dict[str, Any]:
    """`evidence`: the data folder with the key, for a bundle."""
    from redshank.archive.clip import make_clip, write_clip
    from redshank.playback.footage import NoFootage

    clips: list[Clip] = []
    without = []
    for wanted in order.wanted:
        try:
            clips.append(make_clip(source, wanted))
        except NoFootage:
            without.append(f"{wanted.camera}/{wanted.stream}")
    files: list[Path] = []
    if clips and evidence is not None:
        files.append(_bundle(source, clips, order, evidence))
    elif clips:
        folder, named = _place(order, len(clips))
        for clip in clips:
            with _bar(clip.wanted.camera, bytes_=True) as control:
                files.append(write_clip(clip.called(named), folder, control, order.force))
    return {"files": [_file(path) for path in files], "clips": [_said(c) for c in clips], "without_footage": without}


def _bundle(source: Source, clips: Sequence[Clip], order: _Order, data: Path) -> Path:
    from importlib.metadata import version

    from redshank.archive.bundle import Seal, write_bundle
    from redshank.archive.evidence import signing_key
    from redshank.archive.period import local

    folder, named = _place(order, 1)
    first = clips[0].wanted.stem
    path = folder / (named or f"{first if len(clips) == 1 else f'evidence_{first}'}.zip")
    seal = Seal(signing_key(data), source.now, local(source.now, order.zone), f"redshank {version('redshank')}")
    with _bar("evidence", bytes_=True) as control:
        return write_bundle(source, clips, path, seal, control, order.force)


def _lapses(source: Source, order: _Order, speed: float) -> dict[str, Any]:
    from redshank.archive.timelapse import make_lapse, write_lapse
    from redshank.playback.footage import NoFootage

    folder, named = _place(order, len(order.wanted))
    files, without = [], []
    for wanted in order.wanted:
        try:
            lapse = make_lapse(source, wanted, speed, order.masks(wanted.camera))
            with _bar(wanted.camera, bytes_=False) as control:
                files.append(write_lapse(lapse.called(named), source, folder, control, order.force))
        except NoFootage:
            without.append(f"{wanted.camera}/{wanted.stream}")
    return {"files": [_file(path) for path in files], "clips": [], "without_footage": without}


def _place(order: _Order, count: int) -> tuple[Path, str]:
    """The folder, and the name of the file when one was given. Raises ConfigError, StoreError."""
    output = order.output
    if output is None:
        return Path.cwd(), ""
    is_folder = output.is_dir() or str(output).endswith("/") or not output.suffix
    if count > 1 and not is_folder:
        raise ConfigError(f"-o {output}: there are {count} files, expected a folder")
    folder = output if is_folder else output.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {folder}: {error.strerror}") from error
    return folder, "" if is_folder else output.name


@contextmanager
def _bar(what: str, bytes_: bool) -> Iterator[Control]:
    from redshank.archive.job import Control
    from redshank.cli.output import err, progress

    with progress(bytes_=bytes_) as bars:
        bar = bars.add_task(what, total=None)
        told: Callable[[int, int], None] = lambda done, total: bars.update(bar, completed=done, total=total)  # noqa: E731
        try:
            yield Control(told)
        except KeyboardInterrupt:
            err.print("Stopped. The same command goes on from here.", highlight=False)
            raise


# --- saying it -----------------------------------------------------------------------------------------------------------


def _file(path: Path) -> dict[str, Any]:
    return {"file": str(path), "bytes": path.stat().st_size}


def _said(clip: Clip) -> dict[str, Any]:
    from redshank.clock import rfc3339

    return {
        "camera": clip.wanted.camera,
        "stream": clip.wanted.stream,
        "from": rfc3339(clip.wanted.start),
        "to": rfc3339(clip.wanted.end),
        "seconds": clip.movie.plan.length / 1e6,
        "percent": clip.completeness.percent,
        "gaps": clip.gaps_said,
        "damaged": clip.damaged,
    }


def _print(said: dict[str, Any]) -> None:
    for one in said["files"]:
        typer.echo(f"{one['file']} ({one['bytes'] / 1e6:.1f} MB)")
    for clip in said["clips"]:
        typer.echo(f"{clip['camera']}/{clip['stream']}: {clip['seconds']:.1f} s of footage")
        for gap in clip["gaps"]:
            typer.echo(f"  missing from {gap['start']} to {gap['end'] or 'now'}: {gap['reason']}")
        for damage in clip["damaged"]:
            typer.echo(f"  damaged: {damage['path']}: {damage['reason']}")
    for whose in said["without_footage"]:
        typer.echo(f"{whose}: there is no footage of this time", err=True)
