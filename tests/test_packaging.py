"""What workers get: Beam's `--setup_file` makes an sdist of setup.py."""

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_what_is_staged_on_workers_holds_all_packages_and_the_class_list(tmp_path: Path):
    command = ["egg_info", "--egg-base", tmp_path, "sdist", "--dist-dir", tmp_path]
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        staged = {name.partition("/")[2] for name in files.getnames()}
    modules = {str(file.relative_to(ROOT)) for file in (ROOT / "videonet").rglob("*.py")}
    assert modules <= staged
    assert "videonet/targets/imagenet1k.tsv" in staged
