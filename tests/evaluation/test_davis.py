"""DAVIS: masks carried through real videos by the features of a real network."""

import shutil
from pathlib import Path

import hypothesis
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.evaluation.asked import evaluate, refused
from tests.evaluation.material import shared

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

import timm  # noqa: E402

from tests.evaluation.stopping import At, StoppedError, started  # noqa: E402
from tests.training.copies import Copies  # noqa: E402
from videonet.errors import UsageError  # noqa: E402
from videonet.evaluation import davis2017  # noqa: E402
from videonet.evaluation.facts import Facts, Preparation  # noqa: E402
from videonet.evaluation.j_and_f import scores  # noqa: E402
from videonet.evaluation.model import Model  # noqa: E402
from videonet.evaluation.propagation import Rule  # noqa: E402
from videonet.evaluation.stages import is_of_basic_blocks, of_stride_8  # noqa: E402

# All three take a quarter of an hour.
IS_THOROUGH = hypothesis.settings().max_examples >= 1000
SEQUENCES = ("blackswan", "car-shadow", "cows")
MEASURED_HERE = SEQUENCES if IS_THOROUGH else ("car-shadow",)

# Half of DAVIS's height, and so half of VFS's radius.
HALF = ("--set", "short_side=240", "--set", "radius=9")


@pytest.fixture(scope="module")
def davis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three real sequences with the masks of the 2016 release, as DAVIS lies on disk."""
    return laid_out(tmp_path_factory.mktemp("davis"), SEQUENCES)


@pytest.fixture(scope="module")
def measured_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of them that a network goes through whole."""
    return laid_out(tmp_path_factory.mktemp("davis"), MEASURED_HERE)


def laid_out(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        folder = shared("davis") / name
        shutil.copytree(folder / "frames", root / "JPEGImages" / "480p" / name)
        shutil.copytree(folder / "masks", root / "Annotations" / "480p" / name)
    return root


def small(root: Path, of: Path, names: tuple[str, ...] = ("car-shadow",), frames: int = 5) -> Path:
    """The first frames of some sequences, a quarter as high, with masks of the 2017 release."""
    for name in names:
        for kind, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".png")):
            folder = root / kind / "480p" / name
            folder.mkdir(parents=True)
            for path in sorted((of / kind / "480p" / name).iterdir())[:frames]:
                with Image.open(path) as opened:
                    image = opened.resize((214, 120), Image.Resampling.NEAREST)
                if kind == "Annotations":
                    image = Image.fromarray((np.asarray(image) > 0).astype(np.uint8))
                image.save(folder / f"{path.stem}{suffix}")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("\n".join(names) + "\n")
    return root


def first_mask_again(davis: Path, sequence: str) -> float:
    """J of the first frame's mask, left where it was."""
    paths = sorted((davis / "Annotations" / "480p" / sequence).iterdir())
    truth = np.stack([np.asarray(Image.open(path)) > 0 for path in paths]).astype(np.uint8)
    (scored,) = scores(truth, np.repeat(truth[:1], len(truth), axis=0), sequence)
    return float(scored.j.mean())


@pytest.mark.slow
def test_features_that_were_trained_carry_masks_further_than_untrained_ones_and_than_none(
    measured_here, lite0, untrained, tmp_path
):
    found = {}
    for name, model in (("trained", lite0), ("untrained", untrained)):
        file = tmp_path / f"{name}.json"
        result = evaluate(model, "davis2016-masks", measured_here, file, "--partial", *HALF)
        items = pq.read_table(tmp_path / result.items)
        found[name] = dict(zip(items["sequence"].to_pylist(), items["J"].to_pylist(), strict=True))
        assert result.protocol.name == "davis2016-masks"
        assert result.numbers["J"].value == pytest.approx(np.mean(list(found[name].values())))
    found["still"] = {name: first_mask_again(measured_here, name) for name in MEASURED_HERE}
    for other in ("untrained", "still"):
        assert found["trained"]["car-shadow"] > found[other]["car-shadow"] + 0.1
        means = [np.mean(list(found[name].values())) for name in ("trained", other)]
        assert means[0] > means[1] + 0.1
    # As measured: what changes it changes the protocol. Of equal similarities a device chooses.
    assert found["trained"] == pytest.approx(
        {name: MEASURED[name] for name in MEASURED_HERE}, abs=0.005
    )


MEASURED = {"blackswan": 0.8634, "car-shadow": 0.7013, "cows": 0.8214}


def opened(name: str) -> Model:
    """A network of timm's with the weights that it begins with."""
    torch.manual_seed(0)
    backbone = timm.create_model(name, num_classes=0).eval()
    facts = Facts(kind="timm", name=name, architecture=name, sha256="", classifies=False)
    preparation = Preparation(resize=73, crop=64, mean=(0.5,) * 3, std=(0.5,) * 3)
    return Model(facts, preparation, torch.device("cpu"), backbone, None, backbone)


def test_the_third_stage_of_a_resnet_is_as_fine_as_the_second_and_its_weights_stay():
    model = opened("resnet50")
    before = {name: each.clone() for name, each in model.backbone.state_dict().items()}
    images = torch.randn(1, 3, 120, 214)
    with torch.inference_mode():
        features = of_stride_8(model, "davis2017")(images)
        # What a stride of two leaves out is computed as well, and nothing else is different.
        (coarse,) = model.backbone.forward_intermediates(
            images, indices=[3], intermediates_only=True
        )
        (finer,) = model.backbone.forward_intermediates(
            images, indices=[2], intermediates_only=True
        )
    assert features.shape == (1, 1024, 15, 27)
    assert coarse.shape == (1, 1024, 8, 14)
    assert finer.shape[2:] == features.shape[2:]
    assert before.keys() == model.backbone.state_dict().keys()
    for name, each in model.backbone.state_dict().items():
        assert torch.equal(each, before[name])
    assert all(each.dilation == (1, 1) for each in convolutions(model.backbone))
    # The first block, which alone has a stride, sees the same: every other position is the same.
    first = model.backbone.layer3[0]
    with torch.inference_mode():
        strided = first(finer)
        first.conv2.stride = first.downsample[0].stride = (1, 1)
        torch.testing.assert_close(first(finer)[:, :, ::2, ::2], strided)


def convolutions(network: torch.nn.Module) -> list[torch.nn.Conv2d]:
    return [each for each in network.modules() if isinstance(each, torch.nn.Conv2d)]


def test_a_whole_frame_of_davis_has_60_by_107_positions():
    model = opened("resnet18")
    with torch.inference_mode():
        features = of_stride_8(model, "davis2017")(torch.zeros(1, 3, 480, 854))
    assert features.shape == (1, 256, 60, 107)


@pytest.mark.parametrize(("name", "basic"), [("resnet18", True), ("resnet50", False)])
def test_vfs_looks_less_far_with_networks_of_basic_blocks(name, basic):
    assert is_of_basic_blocks(opened(name)) is basic


def test_a_network_without_a_fine_stage_is_a_sentence():
    with pytest.raises(UsageError, match="features of stride 8, and those of test_vit are of 16"):
        of_stride_8(opened("test_vit"), "davis2017")


def test_a_resnet_that_pools_beside_its_blocks_is_as_fine():
    model = opened("test_resnet")
    images = torch.randn(1, 3, 120, 214)
    with torch.inference_mode():
        assert of_stride_8(model, "davis2017")(images).shape[2:] == (15, 27)
    # As timm makes such a block where it has no stride: without pooling.
    first, strided = (opened("resnet26d").backbone.get_submodule(f"layer{n}.0") for n in (1, 3))
    assert isinstance(strided.downsample[0], torch.nn.AvgPool2d)
    assert isinstance(first.downsample[0], torch.nn.Identity)


def test_a_resnet_that_blurs_where_others_have_a_stride_is_a_sentence():
    with pytest.raises(UsageError, match="and this one blurs there; give a plain ResNet"):
        of_stride_8(opened("resnetblur50"), "davis2017")


def coarse(images: torch.Tensor) -> torch.Tensor:
    """Colours of squares of 8 x 8 pixels: features without a network."""
    return torch.nn.functional.avg_pool2d(images, 8)


def without_network(device: str) -> Model:
    facts = Facts(kind="timm", name="none", architecture="none", sha256="", classifies=False)
    preparation = Preparation(resize=73, crop=64, mean=(0.5,) * 3, std=(0.5,) * 3)
    return Model(facts, preparation, torch.device(device), None, None, None)


def sequence_of(tiny: Path) -> tuple[list[Path], np.ndarray]:
    """Nine frames and the mask of the first one."""
    frames, masks = (
        sorted((tiny / kind / "480p" / "cows").iterdir()) for kind in ("JPEGImages", "Annotations")
    )
    with Image.open(masks[0]) as mask:
        return [*frames, *frames[:4]], np.asarray(mask)


def test_frames_are_read_ahead_in_their_order(tiny):
    frames, first = sequence_of(tiny)
    seen = []

    def features(images: torch.Tensor) -> torch.Tensor:
        seen.append((images + 1) / 2 * 255)
        return coarse(images)

    found = davis2017.masks_of(without_network("cpu"), features, frames, first, 120, Rule())
    assert found.shape == (9, *first.shape)
    assert [len(each) for each in seen] == [4, 4, 1]
    for shown, path in zip(torch.cat(seen), frames, strict=True):
        with Image.open(path) as image:
            np.testing.assert_array_equal(shown.round().permute(1, 2, 0), np.asarray(image))


def test_a_frame_that_ends_early_is_a_sentence(tiny, tmp_path):
    frames, first = sequence_of(tiny)
    broken = tmp_path / "00008.jpg"
    broken.write_bytes(frames[0].read_bytes()[:2000])
    model = without_network("cpu")
    with pytest.raises(UsageError, match=r"00008\.jpg cannot be read"):
        davis2017.masks_of(model, coarse, [*frames[:8], broken], first, 120, Rule())


def test_no_frame_is_waited_for(tiny):
    # The meta device computes nothing: what asked it for a value would raise an error.
    frames, first = sequence_of(tiny)
    model = without_network("meta")
    with Copies() as copies, torch.no_grad():
        found = list(davis2017.carried(model, coarse, frames, first, 120, Rule(radius=5.0)))
    assert {(each.device.type, each.shape) for each in found} == {("meta", first.shape)}
    # Three times frames, and the first mask.
    assert copies.all == 4
    assert copies.waited_for == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_no_frame_is_waited_for_on_a_gpu(tiny):
    frames, first = sequence_of(tiny)
    with torch.inference_mode():
        stream = davis2017.carried(
            without_network("cuda"), coarse, frames, first, 120, Rule(radius=5.0)
        )
        # Libraries are loaded, and mean and deviation copied.
        found = [next(stream)]
        torch.cuda.set_sync_debug_mode("error")
        try:
            found += stream
        finally:
            torch.cuda.set_sync_debug_mode("default")
    cpu = davis2017.masks_of(without_network("cpu"), coarse, frames, first, 120, Rule(radius=5.0))
    assert (torch.stack(found).cpu().numpy() == cpu[1:]).mean() > 0.99


@pytest.fixture(scope="module")
def tiny(davis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ("car-shadow", "cows")
    return small(tmp_path_factory.mktemp("tiny"), davis, names)


TINY = ("--set", "short_side=120", "--set", "radius=5", "--partial")


def test_each_object_has_a_row_and_the_mean_is_over_objects(tiny, lite0, tmp_path):
    result = evaluate(lite0, "davis2017", tiny, tmp_path / "a.json", *TINY)
    assert result.settings["before"] == 20
    assert result.facts == {"radius": 5}
    assert result.data.counts == {"sequences": 2, "frames": 10, "objects": 2}
    items = pq.read_table(tmp_path / result.items)
    assert items["sequence"].to_pylist() == ["car-shadow", "cows"]
    assert [len(each) for each in items["J of frames"].to_pylist()] == [3, 3]
    j, f = (np.mean(items[name].to_pylist()) for name in "JF")
    values = {name: each.value for name, each in result.numbers.items()}
    assert values["J&F"] == pytest.approx((j + f) / 2)
    assert values["J"] == pytest.approx(j)
    assert result.resampled == "sequences"


def stopped_in_the_second_sequence(model: str, data: Path, file: Path) -> None:
    settings = ("short_side=120", "radius=5")
    with pytest.raises(StoppedError):
        started(davis2017, model, data, file, settings, stop=At("davis2017-vfs", 1))


def test_going_on_gives_what_never_stopping_gives(tiny, lite0, tmp_path):
    whole = evaluate(lite0, "davis2017", tiny, tmp_path / "a.json", *TINY)
    file = tmp_path / "b.json"
    stopped_in_the_second_sequence(lite0, tiny, file)
    parts = file.with_suffix(".parts")
    assert len(list(parts.glob("*.parquet"))) == 1
    other = refused(*(lite0, "davis2017", tiny, file, *TINY, "--resume"), "--set", "top=5")
    assert "holds parts of an evaluation of another model, version or settings" in other
    resumed = evaluate(lite0, "davis2017", tiny, file, *TINY, "--resume")
    assert resumed.numbers == whole.numbers
    assert resumed.data == whole.data
    tables = [pq.read_table(tmp_path / each.items) for each in (whole, resumed)]
    assert tables[0].equals(tables[1])
    assert not parts.exists()


def test_what_is_gone_on_from_is_what_was_done_of_the_same_data(tiny, lite0, tmp_path):
    root = Path(shutil.copytree(tiny, tmp_path / "data"))
    file = tmp_path / "a.json"
    stopped_in_the_second_sequence(lite0, root, file)
    # It says something that no evaluation finds.
    (part,) = file.with_suffix(".parts").glob("*.parquet")
    table = pq.read_table(part)
    pq.write_table(table.set_column(2, "J", [[7.0]]), part)
    kept = Path(shutil.copytree(file.with_suffix(".parts"), tmp_path / "kept"))
    resumed = evaluate(lite0, "davis2017", root, file, *TINY, "--resume")
    assert pq.read_table(tmp_path / resumed.items)["J"].to_pylist()[0] == 7
    # One frame is another one: nothing that was done before is of this data.
    shutil.copytree(kept, file.with_suffix(".parts"))
    frame = sorted((root / "JPEGImages" / "480p" / "cows").iterdir())[-1]
    shutil.copy(frame.with_name("00000.jpg"), frame)
    anew = evaluate(lite0, "davis2017", root, file, *TINY, "--resume")
    assert pq.read_table(tmp_path / anew.items)["J"].to_pylist()[0] < 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda mask: mask[:60], "is 214 x 60 pixels, its frame 214 x 120"),
        (lambda mask: mask * 255, "Masks of 0 and 255 are those of DAVIS-2016"),
        (lambda mask: mask * 2, "should be numbered from 1 on without a gap"),
        (lambda mask: np.stack([mask] * 3, 2), "a mask has one number a pixel"),
    ],
)
def test_masks_of_another_form_are_a_sentence(tiny, lite0, tmp_path, change, said):
    root = Path(shutil.copytree(tiny, tmp_path / "data"))
    for path in (root / "Annotations" / "480p" / "cows").iterdir():
        with Image.open(path) as image:
            changed = change(np.asarray(image))
        Image.fromarray(changed).save(path)
    assert said in refused(lite0, "davis2017", root, tmp_path / "a.json", *TINY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda mask: mask[:60],
            "00003.png is 214 x 60 pixels, its frame 214 x 120, and the first",
        ),
        (lambda mask: mask + 1, "00003.png has the object 2, and the first mask of its sequence 1"),
    ],
)
def test_one_mask_of_another_form_stops_it_before_anything_is_computed(
    tiny, lite0, tmp_path, change, said
):
    root = Path(shutil.copytree(tiny, tmp_path / "data"))
    path = root / "Annotations" / "480p" / "cows" / "00003.png"
    Image.fromarray(change(np.asarray(Image.open(path)))).save(path)
    assert said in refused(lite0, "davis2017", root, tmp_path / "a.json", *TINY)
    assert not list((tmp_path / "a.parts").glob("*.parquet"))


def test_masks_of_2017_are_no_masks_of_2016(tiny, lite0, tmp_path):
    said = refused(lite0, "davis2016-masks", tiny, tmp_path / "a.json", *TINY)
    assert "for several objects there is davis2017" in said


def test_a_frame_without_a_mask_and_a_folder_without_frames_are_sentences(tiny, lite0, tmp_path):
    root = Path(shutil.copytree(tiny, tmp_path / "data"))
    next((root / "Annotations" / "480p" / "cows").iterdir()).unlink()
    said = refused(lite0, "davis2017", root, tmp_path / "a.json", *TINY)
    assert "cows has 5 frames and 4 masks" in said
    shutil.rmtree(root / "JPEGImages")
    shutil.rmtree(root / "Annotations")
    said = refused(lite0, "davis2017", root, tmp_path / "a.json", *TINY)
    assert "has none of the sequences; there should be JPEGImages/480p/SEQUENCE/*.jpg" in said


def test_an_onnx_file_has_no_stages(tiny, tmp_path):
    model = shared("models/mobilenetv2_1.0_224_in1k.onnx")
    said = refused(model, "davis2017", tiny, tmp_path / "a.json", *TINY)
    assert "is an ONNX file, which gives its last output alone; give the folder of the" in said
