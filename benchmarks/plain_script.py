"""What one would write in an afternoon: the job without any of the care that `videonet` takes.

    python -m benchmarks.plain_script VIDEOS.jsonl MODEL.onnx OUT [--downloads N]

A line of VIDEOS.jsonl has `id`, `url` (or a path) and `wanted`: by class, the outputs that confirm
it. OUT gets `verdicts.json` and `frames.parquet`.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import requests
from PIL import Image

from videonet.classifier.onnx_runtime import onnxruntime

FRAMES = pa.schema({"id": pa.string(), "time": pa.float64(), "jpeg": pa.binary()})
IMAGENET = {"input_size": [224] * 2, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def main() -> None:
    """One video after the other; with --downloads above 1, the next ones come meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("videos", "model", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--downloads", type=int, default=1)
    given = parser.parse_args()
    videos = [json.loads(line) for line in given.videos.read_text().splitlines()]
    card = given.model.with_suffix(".json")
    settings: dict[str, Any] = json.loads(card.read_text()) if card.exists() else IMAGENET
    session, verdicts = onnxruntime.InferenceSession(given.model), {}
    given.out.mkdir()
    with (
        ThreadPoolExecutor(given.downloads) as pool,
        pq.ParquetWriter(given.out / "frames.parquet", FRAMES) as writer,
    ):
        map_ = pool.map if given.downloads > 1 else map
        files = map_(lambda each: download(each["url"], given.out / each["id"]), videos)
        for video, file in zip(videos, files, strict=True):
            try:
                seen, length = classify(file, session, settings), length_of(file)
                verdicts[video["id"]] = found = {
                    name: "no_top1_match" if seen.isdisjoint(outputs)
                    else "too_short" if length < 10 else "kept"
                    for name, outputs in video["wanted"].items()
                }  # fmt: skip
                if "kept" in found.values():
                    rows = [{"id": video["id"], **each} for each in clips(file, length)]
                    writer.write_table(pa.Table.from_pylist(rows, FRAMES))
            except (av.FFmpegError, IndexError):
                verdicts[video["id"]] = dict.fromkeys(video["wanted"], "failed")
    (given.out / "verdicts.json").write_text(json.dumps(verdicts))


def download(url: str, file: Path) -> Path:
    """The whole file, as it comes."""
    if "://" not in url:
        return Path(url)
    with requests.get(url, stream=True, timeout=60) as response, file.open("wb") as to:
        response.raise_for_status()
        to.writelines(response.iter_content(1 << 20))
    return file


def classify(file: Path, session: onnxruntime.InferenceSession, card: dict[str, Any]) -> set[int]:
    """The classes that are top-1 of a frame among the first 100."""
    (size, _), inputs = card["input_size"], []
    mean, std = np.float32(card["mean"]), np.float32(card["std"])
    with av.open(file) as container:
        for frame in itertools.islice(container.decode(video=0), 100):
            image = shrunk(upright(frame), round(size * 256 / 224))
            left, top = (image.width - size) // 2, (image.height - size) // 2
            pixels = np.asarray(image.crop((left, top, left + size, top + size)), np.float32) / 255
            inputs.append((pixels - mean) / std)
    batch = np.stack(inputs).transpose(0, 3, 1, 2)
    (scores,) = session.run(None, {session.get_inputs()[0].name: batch})
    return set(scores.argmax(1).tolist())


def length_of(file: Path) -> float:
    """Seconds."""
    with av.open(file) as container:
        packets = [each for each in container.demux(video=0) if each.pts is not None]
        begins = [(each.pts or 0) * each.time_base for each in packets]
        ends = [((each.pts or 0) + (each.duration or 0)) * each.time_base for each in packets]
    return float(max(ends) - min(begins))


def clips(file: Path, length: float) -> Iterator[dict[str, Any]]:
    """JPEGs of up to four stretches of 10.24 s, 12.5 a second."""
    begins = [begin for begin in np.arange(0, length, 10.24) if length - begin >= 2.56]
    if len(begins) > 4:
        begins = [begins[round(i * (len(begins) - 1) / 3)] for i in range(4)]
    with av.open(file) as container:
        for begin in begins:
            container.seek(int(begin * 1_000_000))
            due = begin
            for frame in container.decode(video=0):
                if frame.time >= begin + 10.24:
                    break
                if frame.time >= due:
                    due += 0.08
                    jpeg = BytesIO()
                    shrunk(upright(frame), 256).save(jpeg, "JPEG", quality=90)
                    yield {"time": frame.time, "jpeg": jpeg.getvalue()}


def upright(frame: av.VideoFrame) -> Image.Image:
    """As it is to be looked at."""
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return image.rotate(frame.rotation, expand=True)


def shrunk(image: Image.Image, short: int) -> Image.Image:
    """With a short side of so many pixels."""
    scale = short / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


if __name__ == "__main__":
    main()
