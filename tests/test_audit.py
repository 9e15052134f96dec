"""scripts.audit: known faults are said where a database is reached, and elsewhere nothing fails."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_database_that_cannot_be_reached_is_one_line_and_no_failure(tmp_path: Path):
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    nowhere |= {name.lower(): place for name, place in nowhere.items()} | {"NO_PROXY": ""}
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.audit", str(ROOT / "requirements/base.lock")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ
        | nowhere
        | {"UV_CACHE_DIR": str(tmp_path), "UV_TOOL_DIR": str(tmp_path / "t")},
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    assert line.startswith("base.lock: no database of faults ")
