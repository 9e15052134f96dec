"""Curates the videos of a folder from Python, as `videonet curate` does.

python examples/curate_from_python.py CLASSES.txt FOLDER CLASSIFIER.onnx WORK
"""

import sys
from pathlib import Path

import videonet


def build(classes: str, folder: str, classifier: str, work: str) -> videonet.FinishedDataset:
    """The data set in WORK/out; its store is WORK/store."""
    return videonet.curate(
        targets=classes,
        source=f"folder:{folder}",
        classifier=classifier,
        store=Path(work, "store"),
        out=Path(work, "out"),
        per_class=100,
    )


if __name__ == "__main__":
    dataset = build(*sys.argv[1:])
    totals = dataset.manifest.totals
    print(f"{totals.kept_videos} of {totals.candidates} videos are kept: {len(dataset)} clips")
