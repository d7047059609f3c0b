"""The docs are complete and true where a machine can tell: links, commands, files they name, the notebook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from fastapi.routing import APIRoute, APIWebSocketRoute
from ruamel.yaml import YAML

import redshank
from redshank.cli import app
from redshank.config.load import load
from redshank.errors import ModelError
from redshank.model import GapReason
from redshank.vision.models import DEFAULT, default_store, pull
from redshank.web.app import PARTS

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "guide"
NOTEBOOK = GUIDE / "analyse.ipynb"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^]\n]*\]\(([^)\s]+)\)")
MACHINE = re.compile(r"/work/|/tmp/wk|/root/|/home/(?!redshank\b)\w+")
README_LINES = 150


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands() -> list[str]:
    """Every command as it is typed: `run`, `models pull` …"""
    found: list[str] = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [f"{name} {one}" for one in inner] if inner else [name]
    return found


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", [*PAGES, NOTEBOOK], ids=named)
def test_no_page_names_a_path_of_somebodys_machine(page: Path) -> None:
    assert MACHINE.findall(page.read_text()) == []


@pytest.mark.parametrize("command", commands())
def test_every_command_has_its_words_in_the_guide(command: str) -> None:
    guide = "\n".join(page.read_text() for page in GUIDE.glob("*.md"))
    words = r"\s+".join(map(re.escape, command.split()))
    assert re.search(rf"redshank\s+{words}\b", guide), f"no page of docs/guide says: redshank {command}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page.name != "README.md"]
    assert [named(page) for page in pages if f"({page.relative_to(ROOT / 'docs')})" not in index] == []


def test_every_address_of_the_api_is_in_its_reference_and_no_other() -> None:
    routers = [one.routes for one in PARTS]
    table = {r.path for router in routers for r in router.routes if isinstance(r, APIRoute | APIWebSocketRoute)}
    said = re.findall(r"^\| `(/[^`]+)`", (ROOT / "docs" / "reference" / "api.md").read_text(), re.MULTILINE)
    assert len(table) > 15
    assert sorted(said) == sorted(table)


def test_every_parameter_of_the_api_is_in_its_reference() -> None:
    said = (ROOT / "docs" / "reference" / "api.md").read_text()
    routers = [one.routes for one in PARTS]
    asked = {
        parameter.alias
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for dependant in (route.dependant, *route.dependant.dependencies)
        for parameter in dependant.query_params
    }
    assert asked >= {"from", "to", "codecs", "width", "buckets", "stream"}
    assert [name for name in asked if not re.search(rf"[?&]{name}=", said)] == []


def test_every_reason_of_a_gap_is_explained() -> None:
    said = (GUIDE / "recording.md").read_text()
    assert [reason.value for reason in GapReason if f"`{reason.value}`" not in said] == []


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=named)
def test_no_example_of_a_configuration_has_a_key_that_is_unknown(page: Path, tmp_path: Path) -> None:
    for example in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        (tmp_path / "redshank.yaml").write_text(example)
        problems = [str(problem) for problem in load(tmp_path / "redshank.yaml", {}).problems]
        assert [one for one in problems if "unknown" in one or ".record" in one or "storage" in one] == []


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_the_files_the_deployment_needs_are_where_it_says() -> None:
    compose = YAML(typ="safe").load((ROOT / "deploy" / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    context = (ROOT / "deploy" / service["build"]["context"]).resolve()
    dockerfile = context / service["build"]["dockerfile"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    assert [one for line in copied for one in line.split() if not (context / one).exists()] == []
    ignored = set((context / ".dockerignore").read_text().split())
    assert not ignored & {one for line in copied for one in line.split()}
    named_volumes = {v.partition(":")[0] for v in service["volumes"] if not v.startswith(".")}
    assert named_volumes == set(compose["volumes"])


def test_the_documented_options_of_analyse_are_those_of_the_library() -> None:
    said = (GUIDE / "python.md").read_text()
    assert [name for name in redshank.Wanted.__annotations__ if f"`{name}`" not in said] == []


def test_the_notebook_runs(tmp_path: Path) -> None:
    try:
        pull(DEFAULT, default_store())
    except ModelError as error:
        pytest.skip(f"the default model is not to be had: {error}")
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert all(cell.get("outputs", []) == [] for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "person" in done.stdout
    assert "nowhere.mp4" in done.stdout
    assert list((tmp_path / "stills").glob("*.jpg"))
