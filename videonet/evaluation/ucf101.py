"""UCF-101: actions in videos, by a network that is fine-tuned on them (Soomro et al. 2012).

Frames are seen one by one; what the network makes of them is pooled over time in three ways.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from itertools import islice
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import torch
from msgspec import Meta
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from videonet.evaluation import ucf101_lists as lists
from videonet.evaluation.about import About, Needs
from videonet.evaluation.bootstrap import interval
from videonet.evaluation.clip_pooling import ClipClassifier, FrameFeatures, Pooling
from videonet.evaluation.clips import (
    ClipPlace,
    Form,
    Length,
    even_clips,
    lengths_of,
    random_clips,
    whole_videos,
)
from videonet.evaluation.dataset_files import checked
from videonet.evaluation.fine_tuning import FineTuner, Plan
from videonet.evaluation.protocol import Given, Number, Outcome
from videonet.evaluation.shuffled import shuffled
from videonet.evaluation.training_state import begin_random, random_of_its_own
from videonet.evaluation.ucf101_lists import Listed
from videonet.training.augment.image_operations import to_device

POOLINGS: tuple[Pooling, ...] = ("average", "two-scale average", "two-scale attention")

PROTOCOL = About(
    name="ucf101-avid-cma",
    mark="published stand-in",
    source=(
        "happywu/AVID-CMA-CycleContrast, CycleContrast's own fork (8e548d1): "
        "scripts/submit_cycle_r50_r2v2.sh, which names configs/benchmark/ucf/"
        "32at16-fold1-r50-4gpu-drop09.yaml, eval-action-recg.py and utils/eval_utils.py; "
        "datasets/video_db.py (93a8dfd) and datasets/preprocessing.py (9250866) of "
        "facebookresearch/AVID-CMA; clips and poolings of the paper"
    ),
    assumptions=(
        "Clips are of 24 frames, 12 a second, as the paper has it; the fork has 32 of 16 a second.",
        "Split 1, as in the fork; the paper does not say which.",
        "What the paper does not say is the fork's: 32 clips a step, 5 of each video an epoch, "
        "dropout of 0.9 before the classifier, rates times 0.3 at epochs 6, 10 and 14, no weight "
        "decay, and 5 epochs before these in which pooling and classifier alone are trained. Its "
        "other files have a dropout from 0.5 on, and AVID-CMA 64 clips and 10 of each video.",
        "Batch norms count 8 clips together, as on each of the fork's 4 GPUs; their averages take "
        "in all clips of a step, the fork's those of its first GPU.",
        "Frames are normalised and resized as the model wants; the fork's are bilinear.",
        "The two scales are the last stage, pooled as the architecture does, and the last one of a "
        "smaller stride, averaged over positions.",
        "Temporal attention has no bias, and one W for both halves. It begins with weights near 1 "
        "/ frames for the first clips.",
        "The n-th frame is shown at n / rate.",
    ),
    confirmed_by=(
        "the paper's supervised ResNet-50, average: 83.4. CycleContrast's README has 82.8 for its "
        "own checkpoint, with clips of its own"
    ),
    notes=(
        "Videos of a group are cut from one, so intervals are resampled over groups. They say "
        "nothing of how another seed would have trained.",
    ),
    main=POOLINGS,
)

NEEDS = Needs(
    data="UCF-101, its videos and its lists for action recognition",
    layout=lists.LAYOUT,
    model="a network that can be trained, with stages of two strides",
    cost="10 hours for the three poolings of a split, 6 with training_precision=bfloat16",
)

# Steps between two times that the state is kept.
KEPT_EVERY = 500


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paper's clips and schedule, and the fork's other values."""

    poolings: Annotated[tuple[Pooling, ...], Meta(min_length=1)] = POOLINGS
    splits: Annotated[tuple[Literal[1, 2, 3], ...], Meta(min_length=1)] = (1,)
    clip_frames: Annotated[int, Meta(ge=2)] = 24
    frames_a_second: Annotated[int, Meta(ge=1)] = 12
    # after those in which pooling and classifier alone are trained
    epochs: Annotated[int, Meta(ge=0)] = 16
    warm_up_epochs: Annotated[int, Meta(ge=0)] = 5
    rate: Annotated[float, Meta(gt=0)] = 1e-4
    milestones: tuple[Annotated[int, Meta(ge=0)], ...] = (6, 10, 14)
    gamma: Annotated[float, Meta(gt=0)] = 0.3
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    # clips a step, and those of them that are in the network at a time: batch norms count these
    batch: Annotated[int, Meta(ge=1)] = 32
    clips_together: Annotated[int, Meta(ge=1)] = 8
    # clips of each video: in an epoch, and where it is tested
    clips_an_epoch: Annotated[int, Meta(ge=1)] = 5
    test_clips: Annotated[int, Meta(ge=1)] = 10
    # of all that is drawn while it trains
    seed: Annotated[int, Meta(ge=0)] = 0
    # of products while it trains; tests are float32
    training_precision: Literal["float32", "bfloat16"] = "float32"


class Set(NamedTuple):
    """Videos that train or that test, with their lengths."""

    videos: list[Listed]
    lengths: list[Length]


def evaluate(given: Given) -> Outcome:
    """Share of the videos whose action a fine-tuned network gets right, for each pooling."""
    settings: Settings = given.settings
    poolings = [*dict.fromkeys(settings.poolings)]
    # Before hours pass, a model that one of them cannot be done with is refused.
    for pooling in poolings:
        FrameFeatures(given.model, pooling, PROTOCOL.name)
    classes = lists.read_classes(given.data)
    found = {
        number: lists.present(
            given.data, lists.read_split(given.data, number, classes), partial=given.partial
        )
        for number in dict.fromkeys(settings.splits)
    }
    counts, expected = {"classes": len(classes)}, {"classes": lists.CLASSES}
    for number, split in found.items():
        for place, kind in enumerate(("train", "test")):
            counts[f"{kind} videos of split {number}"] = len(split[place])
            expected[f"{kind} videos of split {number}"] = lists.WHOLE[number][place]
    videos = sorted({each.name for split in found.values() for part in split for each in part})
    names = ["classInd.txt", *(f"{k}list{n:02}.txt" for n in found for k in ("train", "test"))]
    data = checked(
        given.data,
        [
            *(given.data / lists.VIDEOS / each for each in videos),
            *(given.data / lists.LISTS / each for each in names),
        ],
        counts,
        expected,
        partial=given.partial,
        told=given.told,
    )
    given.parts.of(data.fingerprint)
    lengths = _lengths(given, videos)
    tables = []
    for number, split in found.items():
        train, test = (Set(part, [lengths[each.name] for each in part]) for part in split)
        tables += [
            given.parts.made(
                f"split {number}, {pooling}",
                partial(_of_split, given, number, pooling, train, test, classes),
            )
            for pooling in poolings
        ]
    items = pa.concat_tables(tables)
    facts = {"damaged videos": sum(each.damaged > 0 for each in lengths.values())}
    return Outcome(numbers_of(items, given.seed), "groups of videos", items, data, facts)


def numbers_of(items: pa.Table, seed: int) -> dict[str, Number]:
    """The accuracy of each pooling: the mean over splits, and of several that of each of them."""
    columns = {name: np.array(items[name].to_pylist()) for name in items.column_names}
    keys = [f"{s} {g}" for s, g in zip(columns["split"], columns["group"], strict=True)]
    groups, place = np.unique(keys, return_inverse=True)
    splits = np.unique(columns["split"])
    poolings = dict.fromkeys(columns["pooling"].tolist())

    def numbers(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        found = {}
        for pooling in poolings:
            of_splits = []
            for split in splits:
                chosen = (columns["pooling"] == pooling) & (columns["split"] == split)
                right = np.bincount(place[chosen], columns["right"][chosen], len(groups))
                videos = np.bincount(place[chosen], minlength=len(groups))
                # A resample without a group of a split has no value.
                with np.errstate(invalid="ignore"):
                    of_splits.append((weights @ right) / (weights @ videos))
            found[pooling] = np.mean(of_splits, axis=0)
            if len(splits) > 1:
                for split, value in zip(splits, of_splits, strict=True):
                    found[f"{pooling} on split {split}"] = value
        return found

    return interval(len(groups), seed, numbers)


def _lengths(given: Given, videos: Sequence[str]) -> dict[str, Length]:
    """The length of each video, all of which are decoded: what is broken is found before hours."""
    paths = [given.data / lists.VIDEOS / each for each in videos]

    def looked_at() -> pa.Table:
        rows = []
        for length in lengths_of(paths, given.workers):
            rows.append(length)
            given.told("looks at videos", len(rows), len(paths))
        return pa.table(
            {
                "frames": [each.frames for each in rows],
                "rate": [str(each.rate) for each in rows],
                "damaged": [each.damaged for each in rows],
            }
        )

    rows = given.parts.made("lengths", looked_at).to_pylist()
    return {
        name: Length(row["frames"], Fraction(row["rate"]), row["damaged"])
        for name, row in zip(videos, rows, strict=True)
    }


def _of_split(
    given: Given, split: int, pooling: Pooling, train: Set, test: Set, classes: Sequence[str]
) -> pa.Table:
    """A row a video that tests: what a network decides that was trained on the others."""
    what = f"split {split}, {pooling}"
    with random_of_its_own():
        network = trained(given, what, pooling, train, len(classes))
    probabilities = tested(given, what, network, test)
    decided = probabilities.argmax(dim=1).tolist()
    given.parts.forget_state(what)
    return pa.table(
        {
            "split": pa.array([split] * len(decided), pa.int8()),
            "pooling": [pooling] * len(decided),
            "video": [each.name for each in test.videos],
            "group": [each.group for each in test.videos],
            "decision": [classes[each] for each in decided],
            "right": [each.label == at for each, at in zip(test.videos, decided, strict=True)],
            "probability": probabilities.amax(dim=1).numpy(),
        }
    )


def trained(given: Given, what: str, pooling: Pooling, train: Set, classes: int) -> ClipClassifier:
    """A network fine-tuned on clips of these videos, from the newest state on if there is one.

    Changes PyTorch's random numbers.
    """
    settings: Settings = given.settings
    count = len(train.videos) * settings.clips_an_epoch
    batch = min(settings.batch, count)
    plan = Plan(
        steps=count // batch,
        warm_up_epochs=settings.warm_up_epochs,
        epochs=settings.epochs,
        rate=settings.rate,
        milestones=settings.milestones,
        gamma=settings.gamma,
        seed=settings.seed,
        together=settings.clips_together,
        precision=settings.training_precision,
    )
    steps = plan.steps * plan.all_epochs
    # Its own, for what is before the first step.
    begin_random(settings.seed, steps)
    features = FrameFeatures(given.model, pooling, PROTOCOL.name)
    network = ClipClassifier(features, pooling, classes, settings.dropout)
    tuner = FineTuner(network.to(given.model.device), plan, given.model)
    state = given.parts.state(what)
    if state is not None:
        # Of a disk that lost its end, nothing is gone on from.
        with suppress(SafetensorError):
            tuner.restore(state)
    begun = tuner.done

    def batches() -> Iterator[tuple[int, Tensor]]:
        return islice(shuffled(count, batch, plan.all_epochs, settings.seed), begun, None)

    def places() -> Iterator[list[ClipPlace]]:
        for epoch, chosen in batches():
            yield [ClipPlace(epoch, each, each % len(train.videos)) for each in chosen.tolist()]

    paths = [given.data / lists.VIDEOS / each.name for each in train.videos]
    labels = torch.tensor([each.label for each in train.videos])
    form = Form(settings.clip_frames, settings.frames_a_second)
    shown, workers = given.model.preparation, given.workers
    loaded = random_clips(paths, train.lengths, form, shown, places(), settings.seed, workers)
    for clips, (_, chosen) in zip(loaded, batches(), strict=True):
        tuner.step(clips, labels[chosen % len(labels)])
        if tuner.done % KEPT_EVERY == 0 or tuner.done == steps:
            given.parts.keep_state(what, tuner.state())
        given.told(f"{what} trains", tuner.done, steps)
    return network


@torch.no_grad()
def tested(given: Given, what: str, network: ClipClassifier, test: Set) -> Tensor:
    """Probabilities of the classes, float32 [videos, classes] on the CPU: the mean over clips.

    A frame of several clips is shown to the network once.
    """
    settings: Settings = given.settings
    network.eval()
    paths = [given.data / lists.VIDEOS / each.name for each in test.videos]
    rate, shown = settings.frames_a_second, given.model.preparation
    found = []
    for frames in whole_videos(paths, test.lengths, rate, shown, given.workers):
        parts = [
            network.features(given.model.normalised(part))
            for part in torch.split(frames, given.batch)
        ]
        features = [torch.cat(scale) for scale in zip(*parts, strict=True)]
        clips = even_clips(len(frames), settings.clip_frames, settings.test_clips)
        found.append(of_clips(network, features, torch.tensor(clips)))
        given.told(f"{what} tests", len(found), len(paths))
    # Here alone the device is waited for.
    return torch.stack(found).cpu()


def of_clips(network: ClipClassifier, features: Sequence[Tensor], clips: Tensor) -> Tensor:
    """Probabilities [classes] of a video: those of its clips, whose mean is taken.

    `features` are [frames, channels] of each scale; `clips` are places, int64 [clips, frames].
    """
    chosen = to_device(clips, features[0].device)
    logits = network([each[chosen] for each in features])
    return torch.softmax(logits.float(), dim=1).mean(dim=0)
