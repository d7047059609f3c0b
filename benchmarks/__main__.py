"""`make bench`: every benchmark in turn, its table on standard output. Figures belong into docs/reference/performance.md.

    python -m benchmarks [NAME …]        only some of them

Each is a program of its own (`python -m benchmarks.NAME --help`); clips are made once in $REDSHANK_BENCH or the temporary folder.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(os.environ.get("REDSHANK_BENCH", Path(tempfile.gettempdir()) / "redshank-bench"))
PROGRAMS: dict[str, list[str]] = {
    "idle": [str(FOLDER)],
    "recall": [str(FOLDER)],
    "overhead": [],
    "analyse": [],
    "accuracy_detector": [],
    "accuracy_tracking": [],
    "start": [],
    "latency": [],
    "memory": [],
    "index": [],
    "playback": [],
    "export": [],
    "record": [],
    "live": [],
    "page": [],
}


def main() -> None:
    unknown = set(sys.argv[1:]) - set(PROGRAMS)
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(sorted(unknown))}: there are {', '.join(PROGRAMS)}")
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}\n", flush=True)
    failed = []
    for name in sys.argv[1:] or PROGRAMS:
        print(f"== {name}", flush=True)
        result = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *PROGRAMS[name]], check=False)
        failed += [name] if result.returncode else []
        print(flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
