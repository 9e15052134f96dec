"""Each piece of code in a data card does what it says, as it stands in the card."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.curated import Curated, curated_once
from tests.dataset.card.made_up import made_up, target, unseen, verdict
from videonet.dataset.card.write import write_card
from videonet.schemas.manifest import Manifest
from videonet.storage.dataset_dir import DatasetDir

pytestmark = pytest.mark.slow

# TensorFlow's is run by tests/external/run_tensorflow_snippet.py.
HEADINGS = {
    "PyArrow": "parquet",
    "Hugging Face datasets": "",
    "TensorFlow": "tfrecord",
    "PyTorch": "parquet",
    "DuckDB": "",
}


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def manifest(curated: Curated) -> Manifest:
    manifest = DatasetDir(curated.out).manifest()
    assert manifest is not None
    assert manifest.totals.clips > 0
    return manifest


def snippets(out: Path) -> dict[str, str]:
    """The code in OUT's card, by the heading that it stands under."""
    card = (out / "README.md").read_text()
    found = re.findall(r"^### ([^\n]*)\n\n```python\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
    return dict(found)


def run(out: Path, cache: Path, code: str) -> str:
    """What `code` prints when it is run in OUT, where nothing can be downloaded.

    It must be all that the interpreter runs: what follows could hide how it ends.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(cache)}
    # A reader that is installed has all that it needs, which tests/without may hide.
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=out,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("formats", [["parquet", "tfrecord"], ["parquet"], ["tfrecord"]])
def test_a_card_has_the_code_for_the_formats_that_are_there(tmp_path: Path, formats: list[str]):
    rows = [verdict("v", "crane")]
    output, manifest = made_up(tmp_path / "out", [target("crane")], rows, formats=formats)
    write_card(output, manifest)
    due = {name for name, format_name in HEADINGS.items() if format_name in ("", *formats)}
    found = snippets(Path(output.address))
    assert set(found) == due
    for name, code in found.items():
        compile(code, name, "exec")
        for other in {"parquet", "tfrecord"} - {*formats}:
            assert f"clips/{other}" not in code


def test_pyarrow_counts_the_clips_and_decodes_one(
    curated: Curated, manifest: Manifest, tmp_path: Path
):
    printed = run(curated.out, tmp_path, snippets(curated.out)["PyArrow"])
    first, second = printed.splitlines()
    assert first == f"{manifest.totals.clips} clips"
    assert re.fullmatch(r"\['(balloon|sailboat)'.*\] \d+ frames of \(\d+, \d+\)", second)
    assert "256" in second


def test_hugging_face_reads_what_the_header_names(
    curated: Curated, manifest: Manifest, tmp_path: Path
):
    # First into the cache, then from it.
    for _ in range(2):
        printed = run(curated.out, tmp_path, snippets(curated.out)["Hugging Face datasets"])
        first, second, third = printed.splitlines()
        assert first.startswith(f"{manifest.totals.verdicts.pairs} pairs of video and class, [")
        assert "'kept'" in first
        assert second == f"{manifest.totals.clips} clips"
        assert re.fullmatch(r"\['(balloon|sailboat)'.*\] \d+ frames", third)


def test_hugging_face_reads_the_verdicts_of_a_set_without_a_clip(tmp_path: Path):
    output, manifest = made_up(tmp_path / "out", [target("crane")], [unseen("v", "crane")])
    write_card(output, manifest)
    printed = run(
        Path(output.address), tmp_path, snippets(Path(output.address))["Hugging Face datasets"]
    )
    assert printed.splitlines() == ["1 pairs of video and class, ['rejected']"]


def test_where_there_is_no_row_the_card_says_that_hugging_face_reads_none(tmp_path: Path):
    output, manifest = made_up(tmp_path / "out", [target("crane")], [])
    write_card(output, manifest)
    assert "Hugging Face datasets" not in snippets(Path(output.address))
    card = (Path(output.address) / "README.md").read_text()
    assert "### Hugging Face datasets\n\nIts loader takes no tables without a row" in card


@pytest.mark.slow
def test_pytorch_has_a_window_of_every_clip(curated: Curated, manifest: Manifest, tmp_path: Path):
    if find_spec("torch") is None:
        pytest.skip("needs PyTorch: the extra `train` brings it")
    code = snippets(curated.out)["PyTorch"]
    first, second = run(curated.out, tmp_path, code).splitlines()
    assert first == f"{manifest.totals.clips} clips"
    assert re.fullmatch(r"torch.uint8 \(32, 3, \d+, \d+\) of classes \[[01](, 1)?\]", second)
    # What it defines, used by one reader, and by several that share the files.
    script = tmp_path / "snippet.py"
    script.write_text(code)
    count = f"""
import runpy
names = runpy.run_path({str(script)!r})
DataLoader, windows = names["torch"].utils.data.DataLoader, names["Windows"](names["files"])
print(sum(1 for _ in names["loader"]))
print(sum(1 for _ in DataLoader(windows, batch_size=None, num_workers=2)))
"""
    counted = run(curated.out, tmp_path, count).splitlines()[2:]
    assert counted == [str(manifest.totals.clips)] * 2


def test_duckdb_counts_verdicts_and_clips(curated: Curated, manifest: Manifest, tmp_path: Path):
    printed = run(curated.out, tmp_path, snippets(curated.out)["DuckDB"])
    cells = [re.findall(r"[\w.#:]+", line) for line in printed.splitlines()]
    kept = manifest.totals.verdicts.kept
    assert ["kept", "NULL", str(kept), str(manifest.totals.kept_videos)] in cells
    # A clip with two labels is counted for both.
    assert [["clips"], ["int64"], [], [str(manifest.totals.clips)]] in [
        cells[start : start + 4] for start in range(len(cells))
    ]
    assert ["balloon", "3"] in cells
    assert ["sailboat", "2"] in cells


# Free by the rule of the card, and not free although the words are there.
FREE = (
    "CC BY 4.0",
    "Creative Commons Attribution license (reuse allowed)",
    "Public Domain ``` \\'",
)
OTHER = ("Not Creative Commons", "Standard YouTube License", None)


def test_duckdb_counts_the_videos_under_a_free_licence_as_the_card_does(tmp_path: Path):
    rows = [
        verdict(f"v{number}", "crane", licence=licence)
        for number, licence in enumerate([*FREE, FREE[0], *OTHER])
    ]
    output, manifest = made_up(tmp_path / "out", [target("crane")], rows)
    write_card(output, manifest)
    card = " ".join((Path(output.address) / "README.md").read_text().split())
    assert "and one of Creative Commons or the public domain for 4 (" in card
    printed = run(Path(output.address), tmp_path, snippets(Path(output.address))["DuckDB"])
    assert "4 kept videos are stated to be free" in printed
    assert "0 clips are of these" in printed


def test_what_reads_tables_reads_those_without_a_row(tmp_path: Path):
    output, manifest = made_up(tmp_path / "out", [target("crane")], [])
    write_card(output, manifest)
    found = snippets(Path(output.address))
    assert run(Path(output.address), tmp_path, found["PyArrow"]) == "0 clips\n"
    assert "0 rows" in run(Path(output.address), tmp_path, found["DuckDB"])
