"""What `benchmarks.scan` measures: networks, videos, and ways to the frames' classes.

A way is one step for each of its threads, which does some work and says how many frames that were.
"""

import importlib
import itertools
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import av
import numpy as np
import onnx
import PIL.Image
import psutil
import timm
import torch

from demo.drawing import Scene, draw_video
from videonet.classifier.model import Classifier
from videonet.classifier.onnx_runtime import onnxruntime as ort
from videonet.curation.scan import scan_video
from videonet.video.container import VideoError
from videonet.video.decode import first_frames, scaled
from videonet.video.decoder import Decoder

FRAMES = 100

Step = Callable[[], int]


def rate(steps: Sequence[Step], seconds: float) -> tuple[float, float]:
    """Frames a second of all threads together, and milliseconds of processor time a frame.

    Each thread begins no further step after so many seconds; its rate is counted until its last
    ends.
    """
    counted: list[tuple[int, float]] = []
    processor, begin = _processor_seconds(), time.perf_counter()

    def work(step: Step) -> None:
        frames = step()
        while time.perf_counter() - begin < seconds:
            frames += step()
        counted.append((frames, time.perf_counter() - begin))

    threads = [threading.Thread(target=work, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(frames for frames, _ in counted)
    milliseconds = 1000 * (_processor_seconds() - processor) / total
    return sum(frames / each for frames, each in counted), milliseconds


def _processor_seconds() -> float:
    """Processor time of this process, and of those that it started, also those that ended."""
    children = (each.cpu_times() for each in psutil.Process().children())
    return time.process_time() + sum(
        each.user + each.system + each.children_user + each.children_system for each in children
    )


# The ways.


def decoding(videos: Sequence[Path], classifier: Classifier, cores: int) -> dict[str, list[Step]]:
    """Frames are decoded and resized: without this project's code, and with it."""
    resize, crop = classifier.resize, classifier.crop
    plainly = partial(decode_plainly, resize=resize, crop=crop)
    return {
        f"{cores} threads": each_video(videos, cores, partial(plainly, threads="NONE")),
        "the decoder's own threads": each_video(videos, 1, partial(plainly, threads="AUTO")),
        f"{cores} threads, `first_frames`": each_video(
            videos, cores, lambda video: len(first_frames(video, FRAMES, resize, crop).images)
        ),
    }


def bare(
    model: Path, classifier: Classifier, batches: Sequence[int], cores: int
) -> Iterator[tuple[str, list[Step]]]:
    """ONNX Runtime runs the model as it is, on floats that are ready."""
    provider = classifier.describe()["provider"]
    for callers, threads in ((cores, 1), (1, cores)):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        providers = [(provider, {"use_tf32": "0"} if provider.startswith("CUDA") else {})]
        session = ort.InferenceSession(model, options, providers=providers)
        (given,) = session.get_inputs()
        fixed = given.shape[0]
        for batch in [fixed] if isinstance(fixed, int) else batches:
            images = np.zeros((batch, 3, *classifier.crop), np.float32)
            images += np.random.default_rng(0).standard_normal(images.shape, np.float32)
            step = partial(run, session, given.name, images)
            yield f"{callers} x {threads} threads, batches of {batch}", [step] * callers


def scanning(
    videos: Sequence[Path], classifier: Classifier, cores: int, decoder: Decoder | None = None
) -> list[Step]:
    """What the scan stage does: as many decode as there are cores, and as many wait for a GPU."""
    on_gpu = classifier.device != "cpu"
    processor = threading.Semaphore(cores)

    @contextmanager
    def while_gpu_works() -> Iterator[None]:
        processor.release()
        yield
        processor.acquire()

    def scan(video: Path) -> int:
        with processor:
            aside = while_gpu_works() if on_gpu else nullcontext()
            scanned = scan_video(video, classifier, FRAMES, decoder=decoder, while_gpu_works=aside)
            return len(scanned.scan.top1)

    return each_video(videos, 2 * cores if on_gpu else cores, scan)


def each_video(videos: Sequence[Path], threads: int, work: Callable[[Path], int]) -> list[Step]:
    """Work on the videos, each of them in one of the threads."""

    def step(share: Sequence[Path]) -> int:
        return sum(map(work, share))

    return [partial(step, videos[thread::threads]) for thread in range(threads)]


def decode_plainly(video: Path, resize: int, crop: tuple[int, int], threads: str) -> int:
    """With PyAV and Pillow, as one would write it."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = threads
        frames = 0
        for frame in itertools.islice(container.decode(stream), FRAMES):
            picture = PIL.Image.fromarray(frame.to_ndarray(format="rgb24"))
            height, width = scaled(picture.height, picture.width, resize)
            across, down = picture.width / width, picture.height / height
            left, top = (width - crop[1]) // 2 * across, (height - crop[0]) // 2 * down
            right = min(left + crop[1] * across, picture.width)
            bottom = min(top + crop[0] * down, picture.height)
            centre = (left, top, right, bottom)
            size = crop[1], crop[0]
            np.asarray(picture.resize(size, PIL.Image.Resampling.BILINEAR, centre))
            frames += 1
    return frames


def run(session: ort.InferenceSession, name: str, images: np.ndarray) -> int:
    """One batch."""
    session.run(None, {name: images})
    return len(images)


def equal_top1(one: Classifier, other: Classifier, videos: Sequence[Path]) -> float:
    """Share of the videos' frames whose most probable class both agree on."""
    equal: list[bool] = []
    for video in videos:
        images = first_frames(video, FRAMES, one.resize, one.crop).images
        equal += (one.classify(images)[0] == other.classify(images)[0]).tolist()
    return sum(equal) / len(equal)


# The material.


def videos_in(folder: Path) -> list[Path]:
    """The files of a folder that can be decoded, in the order of their names."""
    videos = []
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        try:
            first_frames(path, 1, 64, (64, 64))
        except VideoError:
            continue
        videos.append(path)
    return videos


def drawn_videos(folder: Path) -> list[Path]:
    """Videos of 640 x 360 pixels that have just as many frames as are classified."""
    videos = [folder / f"{kind}.mp4" for kind in ("balloon", "sailboat", "mushroom", "locomotive")]
    for video in videos:
        draw_video(video, video.stem, FRAMES / 25, size=(640, 360), fps=25)
    return videos


def still_video(folder: Path) -> Path:
    """A drawn video in which nothing moves, without loss: all its frames are equal to the bit."""
    file = folder / "still.mp4"
    picture = np.asarray(Scene("balloon", (640, 360), 0).frame(0))
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return file


def random_resnet50(folder: Path) -> Path:
    """An ONNX file of timm's ResNet-50, not trained."""
    torch.manual_seed(0)
    # Where weights begin as zeros, the exporter would write them once for all layers.
    network = timm.create_model("resnet50", pretrained=False, zero_init_last=False).eval()
    file = folder / "ResNet-50, random.onnx"
    with warnings.catch_warnings():
        # The newer exporter takes a minute.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, 224, 224),),
            file,
            dynamo=False,
            opset_version=17,
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "N"}, "logits": {0: "N"}},
        )
    return file


def in_16_bits(model: Path, folder: Path) -> Path:
    """The model with weights and sums of 16 bits; it takes and gives floats of 32."""
    file = folder / f"{model.stem}, 16 bits.onnx"
    # Weights of 8 bits become floats by a scale of 32.
    float16 = importlib.import_module("onnxruntime.transformers.float16")
    kept = [*float16.DEFAULT_OP_BLOCK_LIST, "DequantizeLinear"]
    converted = float16.convert_float_to_float16(
        onnx.load(model), keep_io_types=True, op_block_list=kept
    )
    onnx.save(converted, file)
    if model.with_suffix(".json").exists():
        file.with_suffix(".json").write_bytes(model.with_suffix(".json").read_bytes())
    return file
