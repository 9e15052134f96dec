"""What workers and users get: an sdist for Beam's `--setup_file`, and a wheel."""

import subprocess
import sys
import tarfile
import zipfile
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
    assert {"videonet/targets/imagenet1k.tsv", "videonet/targets/imagenet.tsv"} <= staged


def test_an_installation_brings_one_top_level_name(tmp_path: Path):
    command = [
        *("egg_info", "--egg-base", tmp_path),
        *("build", "--build-base", tmp_path / "build"),
        *("bdist_wheel", "--dist-dir", tmp_path, "--bdist-dir", tmp_path / "bdist"),
    ]
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = {name.partition("/")[0] for name in files.namelist()}
        inside = set(files.namelist())
    assert {name for name in names if not name.endswith(".dist-info")} == {"videonet"}
    data = [
        *(f"report/video_sheet/sheet.{kind}" for kind in ("html", "css")),
        *(f"report/sample/sample.{kind}" for kind in ("html", "css", "js")),
        *(f"report/sample/{name}.js" for name in ("cards", "marks")),
        "evaluation/paper.toml",
        "evaluation/lists/imagenet_a.txt",
        "evaluation/lists/human_categories.toml",
        "evaluation/page/comparison.html",
        "evaluation/page/comparison.css",
        "py.typed",
        "targets/imagenet.tsv",
        "targets/imagenet1k.tsv",
        "training/configs/vito_resnet50.toml",
    ]
    assert {f"videonet/{each}" for each in data} <= inside
    assert any(
        name.startswith("videonet/report/page/") and name.endswith(".css") for name in inside
    )
    assert any(name.startswith("videonet/dataset/card/") and ".md" in name for name in inside)


def test_a_users_own_modules_called_schemas_and_pipelines_do_no_harm(tmp_path: Path):
    for name in ("schemas", "pipelines"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the user's own')")
    script = tmp_path / "script.py"
    script.write_text("import videonet; print(len(videonet.resolve_targets('imagenet1k')))")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "1000\n", done.stderr


def test_the_graph_is_a_program_within_a_checkout():
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.curate", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--targets" in done.stdout
