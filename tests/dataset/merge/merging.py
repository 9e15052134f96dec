"""Two data sets for the tests of merging: the same videos, looked through for different classes."""

import shutil
from pathlib import Path

from tests.curated import curated_once
from tests.curating import curate
from tests.once import made_once
from videonet.dataset.merge.merge import merge

# Of the classes of `tests.curated`.
LISTS = {"balloons": "balloon: hot air balloon\nmushroom\n", "boats": "sailboat: yacht\n"}
SHARDS = {"balloons": 2, "boats": 3}

CAPTIONS = "WEBVTT\n\n00:01.000 --> 00:02.000\nup it goes\n"


def inputs_once(temporary: Path) -> Path:
    """A folder with `videos`, OUT folders `balloons` and `boats`, and `both`; to be read only.

    `temporary` is pytest's folder of this session.
    """
    curated = curated_once(temporary)

    def make(folder: Path) -> None:
        shutil.copytree(curated.folder / "videos", folder / "videos")
        (folder / "videos" / "a balloon.en.vtt").write_text(CAPTIONS)
        shutil.copytree(curated.store, folder / "store")
        for name, classes in LISTS.items():
            (folder / f"{name}.txt").write_text(classes)
            curate(
                f"folder:{folder / 'videos'}",
                folder / f"{name}.txt",
                folder,
                out=folder / name,
                shards=SHARDS[name],
                captions=True,
            )
        merge([folder / "balloons", folder / "boats"], folder / "both")

    return made_once(temporary, "merging", make)
