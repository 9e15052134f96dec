"""Opening MODEL: the folder of a training, `timm:NAME@FILE`, `timm:NAME`, weights, or ONNX."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import onnx
import timm
import torch
from timm.data.config import resolve_model_data_config
from torch import Tensor

from videonet.classifier.onnx_session import image_input, open_session, parse_model, read_model
from videonet.classifier.sidecar import UNSAID, parse_sidecar, sidecar_content
from videonet.errors import UsageError
from videonet.evaluation.facts import Facts, Preparation
from videonet.evaluation.images import shorter_side
from videonet.evaluation.model import CLASSES, Model
from videonet.evaluation.weights import read_weights
from videonet.files import sha256_of
from videonet.text import as_shown
from videonet.training import checkpoint
from videonet.training.augment.augmentation import MEAN, STD
from videonet.training.config import Config, after, as_dict
from videonet.training.export import (
    OUTPUT,
    Which,
    attending,
    backbone_of,
    checkpoint_of,
    image_size,
)
from videonet.training.models.network import Network

# Of an ONNX file whose input has any size, and that says nothing of its own.
_USUAL_SIZE = 224

_TIMM = "timm:"


@dataclass(frozen=True)
class How:
    """What is said beside MODEL."""

    # which of a training's two networks
    network: Which = "online"
    # timm's name, for weights that do not say what they are of
    arch: str | None = None
    # whether a timm model may be fetched
    download: bool = False
    # "auto": a GPU if there is one
    device: Literal["auto", "cpu", "cuda"] = "auto"


def open_model(named: str, how: How) -> Model:
    """The model that `named` means. Raises UsageError, also where options do not go with it."""
    device = _device(how.device)
    path = Path(named)
    _check_goes_with(named, how)
    if named.startswith(_TIMM):
        name, at, file = named.removeprefix(_TIMM).partition("@")
        if at:
            return _of_weights(Path(file), name, "timm", device)
        return _downloaded(name, device, allowed=how.download)
    if path.is_dir():
        return _of_training(path, how.network, device)
    if path.suffix == ".onnx":
        return _of_onnx(path, device)
    if path.is_file():
        if how.arch is None:
            raise UsageError(
                f"{path} does not say which network its weights are of; name it as timm does, "
                f"such as with --arch resnet50."
            )
        return _of_weights(path, how.arch, "state dict", device)
    raise UsageError(
        f"There is no model {named}; give the folder of a training, timm:NAME@FILE, timm:NAME, a "
        f"file of weights with --arch, or an ONNX file."
    )


def _check_goes_with(named: str, how: How) -> None:
    """Raise UsageError where something is said beside MODEL that says nothing of such a one."""
    path, is_timm = Path(named), named.startswith(_TIMM)
    is_training = not is_timm and path.is_dir()
    is_weights = not is_timm and not path.is_dir() and path.suffix != ".onnx"
    wrong = {
        f"--network {how.network} is for the folder of a training": (
            how.network != How.network and not is_training
        ),
        "--arch is for a file of weights": how.arch is not None and not is_weights,
        "--download is for timm:NAME": how.download and (not is_timm or "@" in named),
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise UsageError(f"{what}, and {named} is none; leave it out.")


def _device(asked: str) -> torch.device:
    if asked == "cuda" and not torch.cuda.is_available():
        raise UsageError("PyTorch finds no GPU here; give --device cpu.")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")


def _of_training(run: Path, network: Which, device: torch.device) -> Model:
    file = checkpoint_of(run)
    found = checkpoint.load(file)
    whole = attending(found, file, network)
    backbone = backbone_of(found, file, network) if whole is None else whole.backbone
    config = found["config"]
    manifest, split = found.get("manifest_sha256"), checkpoint.split_of(found)
    facts = Facts(
        kind="training",
        name=run.resolve().name,
        architecture=config["backbone"]["name"],
        sha256=sha256_of(file),
        classifies=False,
        network=network,
        steps=found["step"],
        images_seen=_images_seen(found),
        config_sha256=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        manifest_sha256=as_shown(manifest) if isinstance(manifest, str) else None,
        split_sha256=None if split is None else as_shown(split),
        after=after(config),
    )
    model = _of_backbone(backbone, facts, _as_trained(image_size(found)), device)
    if whole is None:
        return model
    return replace(model, attention=whole.eval().requires_grad_(False).to(device).attention)


def _images_seen(found: dict[str, Any]) -> int | None:
    """Views that the network was shown: clips a step, times views of each, times steps."""
    config = found["config"]
    batch = config.get("train", {}).get("batch")
    recipes = config.get("views", {}).get("recipes")
    if not isinstance(batch, int) or not isinstance(recipes, list | tuple):
        return None
    shots = config.get("vivi", {}).get("shots_per_video") if after(config) else 1
    return int(found["step"]) * batch * len(recipes) * shots if isinstance(shots, int) else None


def _as_trained(size: int) -> Preparation:
    """How images are prepared for a network that was trained here."""
    return Preparation(resize=shorter_side(size), crop=size, mean=MEAN, std=STD)


def _of_weights(
    file: Path,
    name: str,
    kind: Literal["timm", "state dict"],
    device: torch.device,
    revision: str | None = None,
) -> Model:
    if not timm.is_model(name):
        raise UsageError(f"timm knows no model named {name!r}; timm.list_models() has all names.")
    weights, said = read_weights(file)
    settings = timm.get_pretrained_cfg(name)
    assert settings is not None
    size = _size_said(said)
    given: dict[str, Any] = {}
    if size and settings.fixed_input_size and settings.input_size[-1] != size:
        given["img_size"] = size
    classes = _classes(weights, settings.classifier)
    backbone = timm.create_model(name, pretrained=False, num_classes=classes, **given)
    try:
        backbone.load_state_dict(weights)
    except RuntimeError as error:
        raise UsageError(
            f"The weights in {file} are not those of timm's {name} ({_first_difference(error)}); "
            f"name the network that they are of."
        ) from error
    facts = Facts(
        kind=kind,
        name=f"{name}@{file.name}" if revision is None else name,
        architecture=name,
        sha256=sha256_of(file),
        revision=revision,
        classifies=classes == CLASSES,
        steps=_steps_said(said),
        manifest_sha256=_digest_said(said, "manifest_sha256"),
        split_sha256=_digest_said(said, "split_sha256"),
        after=_after_said(said),
    )
    preparation = _as_trained(size) if size else _of_timm(backbone)
    return _of_backbone(backbone, facts, preparation, device)


def _classes(weights: dict[str, Tensor], classifier: object) -> int:
    """Outputs of the classifier among these weights; 0: there is none."""
    layer = weights.get(f"{classifier}.weight")
    return len(layer) if layer is not None else 0


def _first_difference(error: RuntimeError) -> str:
    lines = [as_shown(line) for line in str(error).splitlines()]
    return (lines[1] if len(lines) > 1 else lines[0])[:160].rstrip(". ")


def _size_said(said: dict[str, str]) -> int | None:
    """The size of images that `videonet export` has noted; None: the file says nothing of it."""
    try:
        size = json.loads(said.get("config", "{}"))["augmentation"]["size"]
    except (KeyError, TypeError, ValueError):
        return None
    return size if isinstance(size, int) and 0 < size <= 4096 else None


def _steps_said(said: dict[str, str]) -> int | None:
    steps = said.get("steps", "")
    return int(steps) if steps.isdecimal() and len(steps) < 16 else None


def _digest_said(said: dict[str, str], name: str) -> str | None:
    return as_shown(said[name])[:64] if name in said else None


def _after_said(said: dict[str, str]) -> str | None:
    return as_shown(said["after"])[:100] if "after" in said else None


def _of_timm(backbone: Any) -> Preparation:
    """What timm says of the images that a model was trained on."""
    settings = resolve_model_data_config(backbone)  # type: ignore[no-untyped-call]
    crop = settings["input_size"][-1]
    interpolation = settings["interpolation"]
    return Preparation(
        resize=int(crop / settings["crop_pct"]),
        crop=crop,
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        interpolation="bicubic" if interpolation == "bicubic" else "bilinear",
    )


def _of_backbone(
    backbone: Any, facts: Facts, preparation: Preparation, device: torch.device
) -> Model:
    return _as_it_is(backbone.eval().requires_grad_(False).to(device), facts, preparation, device)


def of_network(network: Network, name: str, config: Config) -> Model:
    """A network that is trained at this moment, of which nothing is changed."""
    facts = Facts(
        kind="training",
        name=name,
        architecture=config.backbone.name,
        # of no file
        sha256="",
        classifies=False,
        network="online",
        after=after(as_dict(config)),
    )
    device = next(network.parameters()).device
    model = _as_it_is(network.backbone, facts, _as_trained(config.augmentation.size), device)
    attends = config.pooling.kind == "attention"
    return replace(model, attention=network.attention if attends else None)


def _as_it_is(backbone: Any, facts: Facts, preparation: Preparation, device: torch.device) -> Model:
    def features(images: Tensor) -> Tensor:
        found: Tensor = backbone.forward_head(backbone.forward_features(images), pre_logits=True)
        return found

    logits = backbone if facts.classifies else None
    return Model(facts, preparation, device, features, logits, backbone)


def _downloaded(name: str, device: torch.device, *, allowed: bool) -> Model:
    """A model whose weights timm names, from Hugging Face's cache or, if allowed, its hub."""
    settings = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    if settings is None or not settings.hf_hub_id:
        raise UsageError(
            f"timm knows no weights of a model named {name!r}; timm.list_pretrained() has all "
            f"names, and timm:NAME@FILE takes weights of your own."
        )
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        file = hf_hub_download(
            settings.hf_hub_id, "model.safetensors", local_files_only=not allowed
        )
    except LocalEntryNotFoundError as error:
        hint = "the network is not to be had" if allowed else "give --download to fetch them"
        raise UsageError(
            f"The weights of timm:{name} ({settings.hf_hub_id}) are not on this machine; {hint}, "
            f"or timm:{name}@FILE for a file that is."
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise UsageError(
            f"The weights of timm:{name} cannot be had ({as_shown(str(error))[:200]})."
        ) from error
    # .../snapshots/REVISION/model.safetensors
    return _of_weights(Path(file), name, "timm", device, revision=Path(file).parent.name)


def _of_onnx(path: Path, device: torch.device) -> Model:
    content = read_model(path)
    images = image_input(path, parse_model(path, content))
    said = {each.key: each.value for each in onnx.load_model_from_string(content).metadata_props}
    kind: Literal["cpu", "cuda"] = "cuda" if device.type == "cuda" else "cpu"
    session = open_session(path, content, torch.get_num_threads(), kind)
    output = session.get_outputs()[0]
    width = output.shape[-1]
    size = _size_said(said) or images.size[0]
    preparation = _of_sidecar(path, size)

    def run(given: Tensor) -> Tensor:
        # A model of a fixed batch gets as many as it wants; what is made of the rest is left out.
        count, batch = len(given), images.batch or len(given)
        outputs = []
        for begin in range(0, count, batch):
            part = given[begin : begin + batch]
            full = torch.cat([part, part.new_zeros(batch - len(part), *part.shape[1:])])
            values = full.half() if images.is_half else full
            (found,) = session.run(None, {images.name: values.cpu().numpy()})
            outputs.append(torch.from_numpy(found)[: len(part)].float())
        return torch.cat(outputs).to(device)

    is_features = output.name == OUTPUT or width != CLASSES
    facts = Facts(
        kind="onnx",
        name=path.name,
        architecture=as_shown(said.get("backbone", path.stem)),
        sha256=sha256_of(path),
        classifies=not is_features,
        steps=_steps_said(said),
        manifest_sha256=_digest_said(said, "manifest_sha256"),
        split_sha256=_digest_said(said, "split_sha256"),
        after=_after_said(said),
    )
    features, logits = (run, None) if is_features else (None, run)
    return Model(facts, preparation, device, features, logits, None)


def _of_sidecar(path: Path, size: int | None) -> Preparation:
    """What the JSON file beside an ONNX file says of its images, or ImageNet's usual."""
    content = sidecar_content(path)
    said = parse_sidecar(path, content).preparation if content is not None else UNSAID
    crop = said.input_size[0] if said.input_size else size or _USUAL_SIZE
    return Preparation(resize=shorter_side(crop), crop=crop, mean=said.mean, std=said.std)
