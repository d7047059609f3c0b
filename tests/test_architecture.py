"""The shape of the house, checked by a machine: import rows, sizes, and what may be written where."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "redshank"
FILES = sorted(SRC.rglob("*.py"))

MAX_FILE = 400
MAX_FUNCTION = 40
MAX_PARAMETERS = 6
MAX_DEPTH = 4

# An exception is a line here with its reason.
ROOM_FOR: dict[str, str] = {"model.py": "every noun in one file, so that a stranger finds them all on one walk"}
BROAD_EXCEPT_ALLOWED = {
    "supervisor.py": "one place may catch everything: what watches the others",
    "lane.py": "catches nothing: hands every error over to whoever asked, on another thread",
}
CLOCK_CALLS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.sleep", "asyncio.sleep",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid1", "uuid.uuid4",
}  # fmt: skip
FORBIDDEN_CALLS = {"os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load", "eval", "exec"}
# Where a foreign library may be imported. A library not listed is free to use where its room needs it.
FOREIGN = {
    "av": {"media", "drawing.py", "demo.py"},
    "cv2": {"vision"},
    "onnx": {"vision"},
    "onnxruntime": {"vision", "doctor.py"},
    "openvino": {"vision", "doctor.py"},
    "lap": {"vision"},
    "argon2": {"access"},
    "sqlalchemy": {"store", "access", "judge", "judge.py", "judgement.py", "notify.py", "shelf.py"},
    "alembic": {"store"},
    "aiokafka": {"bus"},
    "aiosmtplib": {"alert"},
    "ruamel": {"config"},
    "cryptography": {"archive", "backup", "certificates.py"},
    "ifaddr": {"certificates.py"},
    "aioice": {"process"},
    "aiortc": {"process"},
    "prometheus_client": {"web"},
    "segno": {"invitation.py"},
    "fastapi": {"web"},
    "uvicorn": {"web"},
    "typer": {"cli"},
    "rich": {"cli", "app.py"},  # app: for the type of a progress bar only
}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def where(path: Path, node: ast.stmt | ast.expr | ast.excepthandler | None = None) -> str:
    return str(path.relative_to(SRC)) + (f":{node.lineno}" if node else "")


def dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
        case _:
            return ""


def depth(node: ast.AST, level: int = 0) -> int:
    """Nested blocks; `elif` is not nesting, nor is a function inside a function."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        block = isinstance(
            child, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match
        )
        is_elif = (
            isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse and len(node.orelse) == 1
        )
        deepest = max(deepest, depth(child, level + (block and not is_elif)))
    return deepest


def test_lower_rows_never_import_higher_rows() -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_no_file_is_longer_than_a_person_reads() -> None:
    too_long = {where(path): n for path in FILES if (n := len(path.read_text().splitlines())) > MAX_FILE}
    assert {name: n for name, n in too_long.items() if name not in ROOM_FOR} == {}


def test_functions_keep_their_budget() -> None:
    over: list[str] = []
    for path in FILES:
        for f in functions(parsed(path)):
            lines = (f.end_lineno or f.lineno) - f.lineno + 1
            arguments = [
                a.arg for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs) if a.arg not in ("self", "cls")
            ]
            command = any(
                "command" in dotted(d.func) or "callback" in dotted(d.func)
                for d in f.decorator_list
                if isinstance(d, ast.Call)
            )
            command = command or (
                any(isinstance(d, ast.Constant) for d in f.args.defaults) and path.is_relative_to(SRC / "cli")
            )
            if lines > MAX_FUNCTION:
                over.append(f"{where(path, f)} {f.name}: {lines} lines")
            if len(arguments) > MAX_PARAMETERS and not command and f.name != "__init__":
                over.append(f"{where(path, f)} {f.name}: {len(arguments)} parameters")
            if (nested := depth(f)) > MAX_DEPTH:
                over.append(f"{where(path, f)} {f.name}: {nested} levels deep")
    assert over == []


def test_only_what_watches_the_others_catches_everything() -> None:
    """Cleaning up and raising again is not catching."""
    broad = [
        where(path, node)
        for path in FILES
        if path.name not in BROAD_EXCEPT_ALLOWED
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
        and any(dotted(t) in ("Exception", "BaseException", "") for t in ([node.type] if node.type else [ast.Name("")]))
        and not isinstance(node.type, ast.Tuple)
    ]
    assert broad == []


def test_only_the_clock_reads_the_clock() -> None:
    calls = [
        f"{where(path, node)} {dotted(node.func)}"
        for path in FILES
        if path.name != "clock.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and dotted(node.func) in CLOCK_CALLS
        and not (dotted(node.func) == "asyncio.sleep" and node.args and dotted_value(node.args[0]) == 0)
    ]
    assert calls == []


def dotted_value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def test_nothing_runs_a_shell_or_unpickles() -> None:
    """rel:S06."""
    found = [
        where(path, node)
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and (
            dotted(node.func) in FORBIDDEN_CALLS
            or any(k.arg == "shell" and dotted_value(k.value) is not False for k in node.keywords)
        )
    ]
    assert found == []


def test_a_foreign_library_is_imported_only_in_its_room() -> None:
    strays: list[str] = []
    for path in FILES:
        room = path.relative_to(SRC).parts[0]
        for node in ast.walk(parsed(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                library = name.split(".")[0]
                if library in FOREIGN and room not in FOREIGN[library]:
                    strays.append(f"{where(path)} imports {library}")
    assert strays == []


@pytest.mark.parametrize("heavy", ["av", "numpy", "cv2", "onnxruntime", "sqlalchemy", "fastapi", "pydantic"])
def test_help_loads_nothing_heavy(heavy: str) -> None:
    code = (
        "import sys\nfrom redshank.cli import main\nsys.argv=['redshank','--help']\n"
        f"try: main()\nexcept SystemExit: pass\nsys.exit({heavy!r} in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_module_says_what_it_is() -> None:
    silent = [where(path) for path in FILES if path.read_text().strip() and not ast.get_docstring(parsed(path))]
    assert silent == []
