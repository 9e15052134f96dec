"""PASCAL VOC 2012: segmentation into 20 classes and the background, after fine-tuning."""

from videonet.evaluation import segmentation
from videonet.evaluation.about import About, Needs
from videonet.evaluation.dataset_files import folder
from videonet.evaluation.labelled_images import Labelling, Pair, names_in, open_labelled
from videonet.evaluation.protocol import Given, Outcome
from videonet.evaluation.segmentation import Recipe, Settings
from videonet.evaluation.segmentation_images import Shown
from videonet.evaluation.segmentation_network import Head

__all__ = ["NEEDS", "PROTOCOL", "Settings", "evaluate"]

PROTOCOL = About(
    name="voc2012-fcn-or-upernet",
    mark="published stand-in",
    source=(
        "CVMI-Lab/SlotCon transfer/segmentation/configs/voc12aug/"
        "fcn_d6_r50-d16_513x513_30k_voc12aug_moco.py (d510e65), after MoCo's, for FCN; "
        "open-mmlab/mmsegmentation configs/swin/"
        "upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K.py (08e92e6), "
        "for UPerNet"
    ),
    assumptions=(
        "The whole recipe: the paper's A.1 and A.2 were not at hand.",
        "Networks of convolutions get FCN, Swin gets UPerNet, as on ADE20K, in 30,000 steps.",
        *segmentation.ASSUMPTIONS,
    ),
    confirmed_by="the paper's supervised ResNet-50: mIoU 71.3",
    main=("mIoU",),
)

_LISTS = "ImageSets/Segmentation"

NEEDS = Needs(
    data="PASCAL VOC 2012, with the masks of SBD (trainaug)",
    layout=(
        "JPEGImages/NAME.jpg",
        "SegmentationClass/NAME.png",
        "SegmentationClassAug/NAME.png, of what is not in SegmentationClass",
        f"{_LISTS}/trainaug.txt",
        f"{_LISTS}/val.txt",
    ),
    model=segmentation.MODEL,
    cost="1 hour",
)

EXPECTED = {"train images": 10_582, "val images": 1_449}

LABELLING = Labelling(
    (
        *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
        *("chair", "cow", "dining table", "dog", "horse", "motorbike", "person", "potted plant"),
        *("sheep", "sofa", "train", "tv/monitor"),
    )
)

FCN = Recipe(
    Head("fcn", 256, stride=16, dilation=6, align_corners=True),
    Shown(short_side=513, longest=2049, crop=513),
    steps=30_000,
    optimizer="sgd",
    rate=0.003,
    weight_decay=1e-4,
    milestones=(0.7, 0.9),
)

UPERNET = segmentation.upernet(steps=30_000)


def evaluate(given: Given) -> Outcome:
    """MIoU over the 21 classes of the validation set."""
    root = folder(given.data, PROTOCOL.name, NEEDS.layout)
    train, val = (names_in(root / _LISTS / f"{name}.txt") for name in ("trainaug", "val"))
    labelled = open_labelled(
        given,
        [_pair(given, name) for name in train],
        [_pair(given, name) for name in val],
        LABELLING,
        EXPECTED,
        NEEDS.layout,
    )
    recipe = segmentation.recipe_for(given, FCN, UPERNET)
    return segmentation.evaluated(given, labelled, LABELLING, recipe, PROTOCOL.name)


def _pair(given: Given, name: str) -> Pair:
    """An image and its mask: VOC's own where it has one, or SBD's."""
    own, added = (
        given.data / folder_name / f"{name}.png"
        for folder_name in ("SegmentationClass", "SegmentationClassAug")
    )
    mask = added if added.is_file() and not own.is_file() else own
    return Pair(given.data / "JPEGImages" / f"{name}.jpg", mask)
