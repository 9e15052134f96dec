"""The backbone of a trained network as a file that others read: a timm checkpoint, or ONNX.

It is the online network's, unless the target network is asked for, which is there to be learned
from (Grill et al. 2020, section 3). Pooling and projector stay behind; what others call the
features of the backbone are those that timm gives for num_classes=0, the last stage pooled as the
architecture itself has it.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnx
import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from videonet.classifier.onnx_runtime import onnxruntime
from videonet.errors import UsageError
from videonet.files import drafted, sha256_of
from videonet.text import as_shown
from videonet.training import checkpoint
from videonet.training.augment.augmentation import MEAN, STD
from videonet.training.config import Config, after, from_dict
from videonet.training.models.network import Network

# Names within the ONNX file.
INPUT = "images"
OUTPUT = "features"

# Largest difference between ONNX Runtime and PyTorch, as a part of the largest feature. Both add in
# float32, in other orders: random weights of ResNet-50 and Swin-S differ by 4e-7 at most.
TOLERANCE = 1e-4

# The network that learns, or the moving average that follows it.
Which = Literal["online", "target"]

# The name in the header of a safetensors file under which stands where its weights come from.
METADATA = "videonet"

_PREFIX = "backbone."


@dataclass(frozen=True)
class Exported:
    """A file that was written, and what of."""

    file: Path
    # hex
    sha256: str
    # timm's name
    backbone: str
    # that the network was trained for
    steps: int
    # what timm needs to make it
    arguments: dict[str, Any]


def checkpoint_of(run: Path) -> Path:
    """The newest checkpoint of a run. Raises UsageError if it has none."""
    newest = checkpoint.newest(run)
    if newest is None:
        raise UsageError(
            f"{run} has no checkpoint to export: give the folder that `videonet train --out` "
            f"writes to, once its first checkpoint is there."
        )
    return newest


def file_of(run: Path, trained: Path, suffix: str, network: Which = "online") -> Path:
    """Where the backbone of the checkpoint `trained` goes, if nothing else is asked for."""
    which = "" if network == "online" else f"-{network}"
    return run / "export" / f"{trained.stem}{which}{suffix}"


def export_timm(trained: Path, file: Path, network: Which = "online") -> Exported:
    """Write the backbone's weights to `file`, as timm's `checkpoint_path` takes them.

    The file is a state dict under timm's names (for ResNets these are torchvision's too), float32,
    of safetensors, whose header also says where they come from and which images they want, or for
    a name that ends in .pth of PyTorch and nothing else, so that
    `torch.load(file, weights_only=True)` gives it. The same weights give the same bytes. Raises
    UsageError.
    """
    # By its name, timm knows the format.
    _require(file, ".safetensors", ".pth")
    found = checkpoint.load(trained)
    backbone_of(found, trained, network)  # or what is written would not load
    weights = _weights(found, trained, network)
    if file.suffix == ".safetensors":
        # Under one name: several would be written in an order of their own each time.
        said = {METADATA: json.dumps(_facts(found, network), sort_keys=True)}
        return _written(safetensors.torch.save(weights, said), found, file)
    # To a stream: a file's name would be part of its bytes.
    packed = io.BytesIO()
    torch.save(weights, packed)
    return _written(packed.getvalue(), found, file)


def export_onnx(trained: Path, file: Path, network: Which = "online") -> Exported:
    """Write the backbone to `file` as an ONNX model that ONNX Runtime computes as PyTorch does.

    `images`: float32 [N, 3, size, size], RGB, less ImageNet's mean by its standard deviation, any
    N; `size` is that of training. `features`: float32 [N, C], the last stage pooled as timm does
    for num_classes=0, batch norm by its running statistics. Where the weights come from is in the
    metadata. Raises UsageError, also if the two do not agree.
    """
    _require(file, ".onnx")
    found = checkpoint.load(trained)
    backbone, size = backbone_of(found, trained, network).eval(), image_size(found)
    model = onnx_of(backbone, size)
    _describe(model, found, network)
    content = model.SerializeToString()
    check_agreement(content, backbone, size)
    return _written(content, found, file)


def onnx_of(backbone: nn.Module, size: int) -> onnx.ModelProto:
    """A network in eval mode as an ONNX model: float32 [N, 3, size, size], any N -> its output."""
    program = torch.onnx.export(
        backbone,
        # A batch of one would be taken for a constant.
        (torch.zeros(2, 3, size, size),),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        verbose=False,
    )
    assert program is not None
    return program.model_proto


def check_agreement(model: bytes, backbone: nn.Module, size: int) -> None:
    """Raise UsageError if ONNX Runtime and PyTorch find other features in the same images.

    `size` is the images' height and width, pixels. The backbone is in eval mode.
    """
    # Of another number than those that the model was traced with.
    images = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    computed = torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
    with torch.no_grad():
        expected = backbone(images)
    difference = float((computed - expected).abs().max() / expected.abs().max())
    if not difference <= TOLERANCE:
        raise UsageError(
            f"ONNX Runtime {onnxruntime.__version__} and PyTorch {torch.__version__} disagree on "
            f"the exported model by {difference:.1e} of the largest feature, where {TOLERANCE:.0e} "
            f"is allowed, so nothing was written; export --to timm instead."
        )


def backbone_of(found: dict[str, Any], trained: Path, network: Which = "online") -> nn.Module:
    """The backbone that a checkpoint holds, as timm makes it for num_classes=0.

    `found` is what `checkpoint.load` gave of the file `trained`. Raises UsageError.
    """
    config = _config(found, trained)
    name, scales = config.backbone.name, config.backbone.scales
    # Only the backbone is wanted of it.
    backbone = Network(
        name,
        scales,
        "average",
        1,
        projector_hidden=1,
        projection=1,
        image_size=config.augmentation.size,
    ).backbone
    try:
        backbone.load_state_dict(_weights(found, trained, network))
    except RuntimeError as error:
        raise _other_weights(found, trained, name) from error
    return backbone


def attending(found: dict[str, Any], trained: Path, network: Which = "online") -> Network | None:
    """The network that a checkpoint holds, with the attention of its scales, without its projector.

    `found` is what `checkpoint.load` gave of the file `trained`. None: it pools by the average, or
    does not say how. Raises UsageError.
    """
    _check_holds(found, trained, network)
    said = found["config"].get("pooling")
    hidden = said.get("hidden") if isinstance(said, dict) else None
    if not isinstance(hidden, int) or said["kind"] != "attention":
        return None
    config = _config(found, trained)
    made = Network(
        config.backbone.name,
        config.backbone.scales,
        "attention",
        hidden,
        projector_hidden=1,
        projection=1,
        image_size=config.augmentation.size,
    )
    own = {name: each for name, each in made.state_dict().items() if _is_projector(name)}
    held = {name: each for name, each in found.get(network, {}).items() if not _is_projector(name)}
    try:
        made.load_state_dict(held | own)
    except RuntimeError as error:
        raise _other_weights(found, trained, config.backbone.name) from error
    return made


def _is_projector(name: str) -> bool:
    return name.startswith("projector.")


def _other_weights(found: dict[str, Any], trained: Path, name: str) -> UsageError:
    return UsageError(
        f"The weights in {trained} are not those of {name} as the installed timm "
        f"{timm.__version__} makes it; install the version that the checkpoint names: "
        f"timm {_timm_of(found)}."
    )


def _weights(found: dict[str, Any], trained: Path, network: Which) -> dict[str, Tensor]:
    """The weights of the backbone, by timm's names, in the plain order of memory."""
    _check_holds(found, trained, network)
    weights = {
        key.removeprefix(_PREFIX): value.clone(memory_format=torch.contiguous_format)
        for key, value in found.get(network, {}).items()
        if key.startswith(_PREFIX)
    }
    if not weights:
        raise UsageError(
            f"{trained} holds no weights of a backbone; give a checkpoint that `videonet train` "
            f"wrote."
        )
    return weights


def _check_holds(found: dict[str, Any], trained: Path, network: Which) -> None:
    """Raise UsageError for the network that follows, where the method has none."""
    if network == "target" and network not in found and after(found["config"]):
        raise UsageError(
            f"{trained} has no target network: VIVI trains the one network that learns; give "
            "--network online, or leave it out."
        )


def _config(found: dict[str, Any], trained: Path) -> Config:
    """What a checkpoint says of its backbone and its images. Raises UsageError."""
    tables = {
        table: {name: found["config"].get(table, {}).get(name) for name in names}
        for table, names in {"backbone": ("name", "scales"), "augmentation": ("size",)}.items()
    }
    try:
        return from_dict(tables)
    except UsageError as error:
        raise UsageError(f"{trained} is no checkpoint of a training run: {error}") from error


def _timm_of(found: dict[str, Any]) -> str:
    versions = found.get("versions")
    said = versions.get("timm") if isinstance(versions, dict) else None
    return as_shown(said)[:40] if isinstance(said, str) else "of the time"


def image_size(found: dict[str, Any]) -> int:
    """Height and width of the images that a checkpoint's network was trained on, pixels."""
    return int(found["config"]["augmentation"]["size"])


def _describe(model: onnx.ModelProto, found: dict[str, Any], network: Which) -> None:
    """Say in the model where it comes from, and nothing of the machine that wrote it."""
    for each in (*model.graph.node, *model.graph.value_info, *model.graph.input):
        each.ClearField("metadata_props")  # stack traces, with paths
    model.doc_string = (
        f"{INPUT}: RGB in [0, 1], less the mean {MEAN}, by the standard deviation {STD}; "
        f"{OUTPUT}: the last stage, pooled as timm does for num_classes=0"
    )
    onnx.helper.set_model_props(model, _facts(found, network))


def _facts(found: dict[str, Any], network: Which) -> dict[str, str]:
    """Where weights come from, as both formats say it."""
    split = checkpoint.split_of(found)
    return {
        "backbone": found["config"]["backbone"]["name"],
        "network": network,
        "config": json.dumps(found["config"], sort_keys=True),
        "steps": str(found["step"]),
        "manifest_sha256": str(found.get("manifest_sha256")),
        **({} if split is None else {"split_sha256": split}),
        **({"after": said} if (said := after(found["config"])) else {}),
    }


def _written(content: bytes, found: dict[str, Any], file: Path) -> Exported:
    try:
        with drafted(file) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}); name another file with --out."
        ) from error
    name, size = found["config"]["backbone"]["name"], image_size(found)
    arguments: dict[str, Any] = {"num_classes": 0}
    usual = timm.get_pretrained_cfg(name)
    if usual and usual.fixed_input_size and usual.input_size[-1] != size:
        arguments["img_size"] = size
    return Exported(file, sha256_of(file), name, found["step"], arguments)


def _require(file: Path, *suffixes: str) -> None:
    if file.suffix not in suffixes:
        raise UsageError(
            f"{file} does not end with {' or '.join(suffixes)}, by which others know what it "
            f"holds; name another file with --out."
        )
