"""The folder for Hugging Face, as `datasets` and pyarrow read it; and our own loader beside."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
import yaml

import videonet
from tests.exporting import exported_clips, hugging_face_datasets


@pytest.fixture(scope="module")
def loaded(huggingface: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The whole folder, as `datasets` takes it by its card."""
    cache = str(tmp_path_factory.mktemp("cache"))
    return hugging_face_datasets().load_dataset(str(huggingface), cache_dir=cache)


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(jpeg)))


def test_datasets_loads_the_clips_with_frames_as_pictures(out: Path, loaded: Any):
    due = exported_clips(out)
    assert list(loaded) == ["train"]
    rows = {row["example_id"]: row for row in loaded["train"]}
    assert rows.keys() == due.keys()
    for name, row in rows.items():
        clip = due[name]
        assert row["image_timestamp"] == list(clip.image_timestamp)
        assert row["clip_label_target_id"] == list(clip.clip_label_text)
        assert len(row["image_encoded"]) == len(clip.image_encoded)
        for jpeg, picture in zip(clip.image_encoded[::40], row["image_encoded"][::40], strict=True):
            assert np.array_equal(np.asarray(picture), pixels(jpeg))


def test_pyarrow_reads_the_same_frames_as_from_the_data_set(out: Path, huggingface: Path):
    due = exported_clips(out)
    rows = [
        row
        for file in sorted((huggingface / "data").iterdir())
        for row in pq.read_table(file).to_pylist()
    ]
    assert [row["example_id"] for row in rows] == list(due)
    for row in rows:
        assert row == {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in due[row["example_id"]].to_row().items()
        }


def test_our_own_loader_sees_the_frames_that_datasets_sees(out: Path, loaded: Any):
    dataset = videonet.ClipDataset(out, views=2)
    rows = {row["example_id"]: row for row in loaded["train"]}
    seen = 0
    for example in (dataset[i] for i in range(len(dataset))):
        row = rows.get(example["example_id"])
        if row is None:
            continue
        times = np.asarray(row["image_timestamp"])
        for frame, moment in zip(example["frames"], example["timestamps"], strict=True):
            place = int(np.searchsorted(times, int(moment), side="right")) - 1
            picture = np.asarray(row["image_encoded"][place]).astype(int)
            # Pillow and our decoder round differently.
            assert np.abs(picture - frame.numpy()).max() <= 4
            seen += 1
    assert seen == 2 * len(rows)


def test_captions_are_a_configuration_of_their_own(huggingface: Path):
    _, head, _ = (huggingface / "README.md").read_text().split("---\n", 2)
    said = yaml.safe_load(head)
    assert [each["config_name"] for each in said["configs"]] == ["clips", "captions"]
    rows = [
        row
        for file in sorted((huggingface / "captions").iterdir())
        for row in pq.read_table(file).to_pylist()
    ]
    assert {row["video_id"] for row in rows} == {"free", "silent"}
    assert sum("up and away" in (row["vtt"] or "") for row in rows) == 1
