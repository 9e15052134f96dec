"""Reads a data set: counts its verdicts and writes the first frame of each class as a JPEG.

python examples/read_clips.py OUT FOLDER
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import videonet


def first_frames(out: str) -> Iterator[tuple[str, bytes]]:
    """The name of each class that has a clip, and the first frame of its first clip as a JPEG."""
    seen = set()
    for clip in videonet.open_dataset(out).clips():
        for name in clip.clip_label_text:
            if name not in seen:
                seen.add(name)
                yield name, clip.image_encoded[0]


if __name__ == "__main__":
    out, folder = sys.argv[1:]
    verdicts = videonet.open_dataset(out).verdicts()
    for row in verdicts.group_by("outcome").aggregate([([], "count_all")]).to_pylist():
        print(f"{row['count_all']} {row['outcome']}")
    for name, jpeg in first_frames(out):
        Path(folder, f"{name}.jpg").write_bytes(jpeg)
        print(f"{folder}/{name}.jpg")
