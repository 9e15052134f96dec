"""ADE20K's 150 classes (SceneParsing): segmentation after fine-tuning."""

from pathlib import Path

from videonet.evaluation import segmentation
from videonet.evaluation.about import About, Needs
from videonet.evaluation.dataset_files import folder, images_below
from videonet.evaluation.labelled_images import Labelling, Pair, open_labelled
from videonet.evaluation.protocol import Given, Outcome
from videonet.evaluation.segmentation import Recipe, Settings
from videonet.evaluation.segmentation_network import Head

__all__ = ["NEEDS", "PROTOCOL", "Settings", "evaluate"]

PROTOCOL = About(
    name="ade20k-fcn-or-upernet",
    mark="published stand-in",
    source=(
        "open-mmlab/mmsegmentation configs/_base_/models/fcn_r50-d8.py (2fc821e), "
        "configs/_base_/datasets/ade20k.py (02677ac), configs/_base_/schedules/schedule_80k.py "
        "(46723a9), for FCN; configs/swin/"
        "upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K.py (08e92e6), "
        "for UPerNet"
    ),
    assumptions=(
        "The whole recipe: the paper's A.1 and A.2 were not at hand.",
        "Networks of convolutions get FCN, Swin gets UPerNet.",
        *segmentation.ASSUMPTIONS,
    ),
    confirmed_by="the paper's supervised ResNet-50: mIoU 33.5",
    notes=("The label 0 is no class, and counts nowhere.",),
    main=("mIoU",),
)

NEEDS = Needs(
    data="ADE20K (ADEChallengeData2016)",
    layout=(
        "images/training/NAME.jpg",
        "images/validation/NAME.jpg",
        "annotations/training/NAME.png",
        "annotations/validation/NAME.png",
    ),
    model=segmentation.MODEL,
    cost="6 hours with FCN, a day with UPerNet for Swin-S",
)

EXPECTED = {"train images": 20_210, "val images": 2_000}

# 0 is what has no class. Their names are in the data set's own list, in this order.
LABELLING = Labelling(tuple(str(number) for number in range(1, 151)), first=1)

FCN = Recipe(
    Head("fcn", 512, stride=8, beside=True, dropout=0.1, auxiliary=0.4),
    segmentation.AS_ADE20K,
    steps=80_000,
    optimizer="sgd",
    rate=0.01,
    weight_decay=5e-4,
    power=0.9,
    least=1e-4,
)

UPERNET = segmentation.upernet(steps=160_000)


def evaluate(given: Given) -> Outcome:
    """MIoU over the 150 classes of the validation set."""
    folder(given.data, PROTOCOL.name, NEEDS.layout)
    labelled = open_labelled(
        given,
        _pairs(given.data, "training"),
        _pairs(given.data, "validation"),
        LABELLING,
        EXPECTED,
        NEEDS.layout,
    )
    recipe = segmentation.recipe_for(given, FCN, UPERNET)
    return segmentation.evaluated(given, labelled, LABELLING, recipe, PROTOCOL.name)


def _pairs(root: Path, part: str) -> list[Pair]:
    images = images_below(folder(root / "images" / part, PROTOCOL.name, NEEDS.layout))
    masks = root / "annotations" / part
    return [Pair(path, masks / f"{path.stem}.png") for path in images]
