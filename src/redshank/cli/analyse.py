"""`redshank analyse PATH…`: what happens in clips, pictures and folders of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from redshank.analysis import Analysis, Finding, Options

Paths = Annotated[list[Path], typer.Argument(help="Clips, pictures, or folders of them.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="One event a line, as JSON.")]
Mot = Annotated[
    Path | None,
    typer.Option(
        "--mot", help="Write MOTChallenge lines of every analysed frame (people, unless --labels says otherwise)."
    ),
]
EveryFrame = Annotated[bool, typer.Option("--every-frame", help="Decode and detect every frame: no motion gate.")]
Fps = Annotated[float, typer.Option("--fps", help="Pictures looked at per second of video.", min=0.1, max=60)]
Labels = Annotated[str, typer.Option("--labels", help="Only these labels, e.g. person,dog.")]
MinScore = Annotated[
    float, typer.Option("--min-score", help="Only objects whose best score reaches this.", min=0, max=1)
]
Zones = Annotated[
    list[str] | None,
    typer.Option("--zone", help="NAME=x1,y1,x2,y2,… : only what enters it; 0–1, or pixels when any value is above 1."),
]
Model = Annotated[str, typer.Option("--model", help="A name of `redshank models list`, or an .onnx file.")]
Annotated_ = Annotated[Path | None, typer.Option("--annotate", help="Write the clip with boxes drawn on it.")]
Snapshots = Annotated[Path | None, typer.Option("--snapshots", help="Write the best picture of every event here.")]
Stats = Annotated[bool, typer.Option("--stats", help="What each stage cost: calls, CPU ms, wall ms (standard error).")]


def analyse(
    paths: Paths,
    as_json: Json = False,
    mot: Mot = None,
    every_frame: EveryFrame = False,
    fps: Fps = 5.0,
    labels: Labels = "",
    min_score: MinScore = 0.5,
    zone: Zones = None,
    model: Model = "yolov4-tiny",
    annotate: Annotated_ = None,
    snapshots: Snapshots = None,
    stats: Stats = False,
) -> None:
    """Print the events in clips and pictures. Ends with 0 when something was found, 1 when not, 2 on an error."""
    from redshank.analysis import Options, media_files
    from redshank.errors import ConfigError

    options = Options(
        labels=tuple(w.strip() for w in labels.split(",") if w.strip()),
        zones=tuple(zone or ()),
        fps=fps,
        every_frame=every_frame,
        min_score=min_score,
        mot=mot,
        annotate=annotate,
        snapshots=snapshots,
    )
    files = media_files(paths)
    if len(files) > 1 and (mot or annotate):
        raise ConfigError(f"--mot and --annotate take one clip; these are {len(files)}: run it once for each")
    outcome = _Outcome()
    for finding in _all(files, model, options, stats, outcome):
        outcome.found = True
        _print(finding, as_json, named=len(files) > 1)
    if not (outcome.found or outcome.failed):
        _print_nothing()
    raise typer.Exit(2 if outcome.failed else 0 if outcome.found else 1)


class _Outcome:
    found = False
    failed = False


def _all(files: list[Path], model: str, options: Options, stats: bool, outcome: _Outcome) -> Iterator[Finding]:
    """Findings of all files; a file that fails is told in one line and the others go on."""

    from redshank.analysis import Analysis
    from redshank.app import open_detector
    from redshank.cli.output import err, progress
    from redshank.errors import SourceError

    with progress() as bars:
        detector = open_detector(model, bars)
        bar = bars.add_task("analysing", total=None)
        for path in files:
            analysis = Analysis(path, options, detector)
            try:
                yield from analysis.run(partial(_show, bars, bar, path.name))
            except SourceError as error:
                outcome.failed = True
                err.print(f"redshank: {error}", highlight=False, markup=False, soft_wrap=True)
            if analysis.unreadable:
                words = f"redshank: {path}: {analysis.unreadable} pictures are damaged and were not looked at"
                err.print(words, highlight=False, markup=False, soft_wrap=True)
            if stats:
                _print_stats(analysis)


def _print_nothing() -> None:
    from redshank.cli.output import err

    err.print("nothing found", highlight=False)


def _show(bars: Progress, bar: TaskID, name: str, done: float, total: float | None) -> None:
    bars.update(bar, description=name, completed=done, total=total)


def _print(finding: Finding, as_json: bool, named: bool) -> None:
    from redshank.cli.output import print_json

    if as_json:
        print_json(finding.data)
        return
    event = finding.data
    where = f"{finding.path.name}: " if named else ""
    zones = f" in {', '.join(event['zones'])}" if event["zones"] else ""
    print(
        f"{where}{event['label']} {event['score'] * 100:.0f} % from {finding.start_s:.1f} s to {finding.end_s:.1f} s{zones}",
        flush=True,
    )


def _print_stats(analysis: Analysis) -> None:
    from redshank.cli.output import err

    err.print(f"{'stage':<12}{'calls':>8}{'CPU ms':>12}{'wall ms':>12}", highlight=False)
    for stage, cost in analysis.stages.table().items():
        err.print(f"{stage:<12}{cost['calls']:>8.0f}{cost['cpu_ms']:>12.1f}{cost['wall_ms']:>12.1f}", highlight=False)
