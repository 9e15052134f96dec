"""videonet: what `import videonet` gives, what it costs, and that its examples are true."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import videonet
from demo.train_classifier import MODEL
from tests.curated import curated_once

SWAN = Path(__file__).parent / "fixtures" / "swan.mp4"

HEAVY = {"apache_beam", "torch", "yt_dlp", "onnxruntime", "pyarrow", "duckdb", "nltk", "av"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `code`."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_it_loads_nothing_heavy():
    assert not loaded_by("import videonet") & HEAVY


def test_asking_for_one_name_does_not_load_what_others_need():
    assert not loaded_by("import videonet; videonet.resolve_targets") & (HEAVY - {"pyarrow"})


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'scan_vidoe'"):
        videonet.scan_vidoe  # noqa: B018


def test_all_public_names_are_listed_and_there():
    assert videonet.__all__ == sorted(videonet.__all__)
    assert set(videonet.__all__) <= set(dir(videonet))
    for name in videonet.__all__:
        assert getattr(videonet, name).__doc__


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what the examples speak of: a video, a classifier and a data set."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(SWAN, folder / "swan.mp4")
    (folder / "videos").mkdir()
    shutil.copy(SWAN, folder / "videos" / "a balloon.mp4")
    (folder / "classes.txt").write_text("balloon\nsailboat\n")
    for file in (MODEL, MODEL.with_suffix(".json")):
        shutil.copy(file, folder / file.name)
    curated = curated_once(tmp_path_factory.getbasetemp())
    shutil.copytree(curated.out, folder / "out")
    return folder


@pytest.mark.parametrize("name", videonet.__all__)
def test_an_example_gives_what_its_docstring_says(
    name: str, notebook: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(notebook)
    public = {each: getattr(videonet, each) for each in videonet.__all__}
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(public[name], name, globs=public)
    is_function = not isinstance(public[name], type)
    assert example.examples or not is_function, f"{name} has no example"
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    assert not report, "".join(report)
