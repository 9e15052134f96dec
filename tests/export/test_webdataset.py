"""The tar shards of an export, as the library `webdataset` and tar read them."""

import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import webdataset as wds

from tests.exporting import exported_clips
from videonet.export import webdataset as form
from videonet.export.names import stem_of
from videonet.export.write import export
from videonet.schemas.export import ExportForm
from videonet.shards.jpeg import decode
from videonet.storage.dataset_files import FolderFiles


def samples(folder: Path, decoded: str | None = None) -> list[dict[str, Any]]:
    shards = f"{folder}/train/clips-{{00000..00001}}.tar".replace(".tar", "-of-00002.tar")
    found = wds.WebDataset(shards, shardshuffle=False, empty_check=False)
    return list(found if decoded is None else found.decode(decoded))


def jpegs(sample: dict[str, Any]) -> list[Any]:
    return [sample[name] for name in sorted(sample) if name.endswith(".jpg")]


def test_webdataset_reads_each_clip_with_its_frames_to_the_byte(out: Path, webdataset: Path):
    due = exported_clips(out)
    found = {json.loads(each["json"])["example_id"]: each for each in samples(webdataset)}
    assert found.keys() == due.keys()
    for name, sample in found.items():
        assert jpegs(sample) == list(due[name].image_encoded)


def test_webdataset_decodes_frames_and_what_is_said_of_a_clip(out: Path, webdataset: Path):
    due = exported_clips(out)
    for sample in samples(webdataset, "rgb8"):
        said = sample["json"]
        clip = due[said["example_id"]]
        assert said["image_timestamp"] == list(clip.image_timestamp)
        assert said["clip_label_index"] == list(clip.clip_label_index)
        assert said["clip_label_text"] == list(clip.clip_label_text)
        assert said["clip_label_target_id"] == list(clip.clip_label_text)
        assert said["clip_label_wnid"] == [""]
        assert said["clip_motion_repeated"] == clip.clip_motion_repeated
        assert "image_encoded" not in said
        size = (clip.image_height, clip.image_width)
        first = decode(clip.image_encoded[0], size).astype(int)
        assert np.abs(jpegs(sample)[0].astype(int) - first).mean() < 1


def test_a_member_says_nothing_of_the_machine_or_the_clock(webdataset: Path):
    names: Counter[str] = Counter()
    for file in (webdataset / "train").iterdir():
        with tarfile.open(file) as tar:
            for member in tar:
                names[member.name] += 1
                assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
                assert (member.uname, member.gname, member.mode) == ("", "", 0o644)
                # webdataset takes what stands before the first dot for the name of the clip.
                assert member.name.partition(".")[2] in ("json", f"{member.name[-7:-4]}.jpg")
    assert set(names.values()) == {1}


def test_clips_of_some_videos_are_taken_out_and_the_others_stay_to_the_byte(
    out: Path, tmp_path: Path
):
    export(out, tmp_path / "all", ExportForm.WEBDATASET, i_have_the_rights=True)
    # Five videos in two shards: there are at least three in one.
    shards = (tmp_path / "all/train").iterdir()
    before = max(shards, key=lambda each: len(form.clips_in(FolderFiles(each.parent), each.name)))
    files = FolderFiles(tmp_path)
    (tmp_path / "a.tar").write_bytes(before.read_bytes())
    stems = sorted(form.clips_in(files, "a.tar"))
    form.strip(files, "a.tar", {stems[0]})
    assert sorted(form.clips_in(files, "a.tar")) == stems[1:] != []
    with tarfile.open(before) as old, tarfile.open(tmp_path / "a.tar") as new:
        for member in new:
            assert new.extractfile(member).read() == old.extractfile(member.name).read()
    # What is taken out of nothing is the same file.
    once = (tmp_path / "a.tar").read_bytes()
    form.strip(files, "a.tar", {stem_of("youtube:dQw4w9WgXcQ")})
    assert (tmp_path / "a.tar").read_bytes() == once
