"""The settings of a training run: what each means, and how files and command lines give them.

The defaults are the paper's experiment (VITO, Parthasarathy et al. 2023), which the file
`configs/vito_resnet50.toml` spells out. Another file says only in what it differs.
"""

import tomllib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, structs

from videonet.errors import UsageError
from videonet.files import read_toml
from videonet.storage.inputs import local_input
from videonet.training.config_values import check_name, converted, nearest, shown

_Positive = Annotated[float, Meta(gt=0)]
_Count = Annotated[int, Meta(ge=1)]
# Steps between two times that something is done; 0: never.
_Every = Annotated[int, Meta(ge=0)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One [table] of a configuration file."""


class Method(_Table, frozen=True):
    """How features are learned."""

    # VITO: frames of one window are alike. MoCLR: views of one frame are. VIVI: frames of a shot
    # are, and shots of a video tell of each other
    name: Literal["vito", "moclr", "vivi"] = "vito"


class Vivi(_Table, frozen=True):
    """What method "vivi" alone does, after its published introduction.

    NOTE: every value here is an assumption of ours, for nothing more of VIVI can be had.
    """

    # what a shot is: a window of each of several clips of a video, or windows of one clip. A video
    # of fewer clips has windows of all it has in any case
    shots: Literal["clips", "windows"] = "clips"
    # shots of a video, S
    shots_per_video: Annotated[int, Meta(ge=2, le=64)] = 4
    # from the end of a window to the begin of the next one, at least, where a clip has several
    seconds_apart: Annotated[float, Meta(ge=0, le=10)] = 1.0
    # of the triplet loss between frames
    margin: Annotated[float, Meta(ge=0)] = 0.5
    # which frames a frame is held against, besides those of other videos: those of other shots of
    # its own video, or none
    exemplar_negatives: Literal["shots", "videos"] = "shots"
    # how a shot tells of a later one: one map for each distance between them, which is linear or
    # has a hidden layer
    prediction: Literal["linear", "mlp"] = "linear"
    prediction_hidden: _Count = 256
    # weight of the loss between shots, lambda; 0: frames alone
    video_weight: Annotated[float, Meta(ge=0)] = 0.04


class Data(_Table, frozen=True):
    """Which clips are seen, and how they are read."""

    # how many clips of a video a pass over the data takes: one, or all of them. NOTE: ours: one, so
    # that long videos do not dominate.
    clips_per_video: Literal["one", "all"] = "one"
    # clips in an epoch, whatever the data set holds: ImageNet has so many images, and schedules
    # are known in its epochs
    examples_per_epoch: _Count = 1_280_000
    # shards that are open at a time, and whose rows are mixed: each is a mixture of all videos, but
    # the same ones each time. NOTE: ours: in the published size those of 128 are two batches.
    shuffle_shards: _Count = 128
    # processes of each rank that read and decode; 0: the rank does it itself
    workers: Annotated[int, Meta(ge=0)] = 8
    # clips that may turn out to be damaged before training stops: others stand in their place
    most_damaged: Annotated[int, Meta(ge=0)] = 0
    # share of the videos that is never trained on, chosen by a hash of video_key; for a data set
    # that has a split of its own (`videonet split`), 0
    held_out: Annotated[float, Meta(ge=0, lt=1)] = 0.0


class Views(_Table, frozen=True):
    """Which frames of a clip are the views of one example."""

    # augmentation of each view, in order; so many views there are. NOTE: which frame gets which is
    # not published.
    recipes: Annotated[tuple[Literal["A1", "A2"], ...], Meta(min_length=2)] = ("A1", "A2", "A1")
    # how moments of the window are drawn: each uniformly, at a fixed distance, one from each equal
    # part, or one moment for all views (MoCLR)
    sampling: Literal["marginal", "delta", "uniform", "same"] = "marginal"
    # length T of the window, seconds: 32 frames at 12.5 a second. A clip is never longer than 10.24
    window_seconds: Annotated[float, Meta(gt=0, le=10.24)] = 2.56
    # distance of one view from the next with "delta" sampling, seconds.
    # NOTE: our choice, a quarter of the window, so that three views span half of it.
    delta_seconds: _Positive = 0.64
    # whether a window crosses no cut, where a shot of its clip is long enough for one; how many
    # still cross one is in the log. NOTE: ours
    within_shot: bool = False


class Augmentation(_Table, frozen=True):
    """What is done to a frame, as far as it is a setting; the rest is in `augmentation.py`."""

    # height and width of what the network sees, pixels; below 32, the stride of the last stage of
    # ResNet and Swin, that stage has no whole position left
    size: Annotated[int, Meta(ge=32, le=4096)] = 224
    # smallest share of the frame's area that a crop takes: VITO's; BYOL and MoCLR have 0.08
    crop_from: Annotated[float, Meta(gt=0, le=1)] = 0.4


class Backbone(_Table, frozen=True):
    """The network whose features are learnt."""

    # any model of timm that has feature stages
    name: Annotated[str, Meta(pattern=r"\A[\w.:/-]+\Z")] = "resnet50"
    # stages, counted from the last, whose features are pooled (VITO: two): of ResNet-50 those of
    # 1024 and 2048 channels
    scales: Literal[1, 2] = 2


class Pooling(_Table, frozen=True):
    """How the features of a stage become one vector."""

    kind: Literal["attention", "average"] = "attention"
    # channels of the attention MLP between its two 1x1 layers.
    # NOTE: not published. Ours: half of the 1024 channels of the finer stage of ResNet-50, to whose
    # 37 M parameters, with the projector's, it adds 1.6 M.
    hidden: _Count = 512


class Projector(_Table, frozen=True):
    """Linear - batch norm - ReLU - linear, of BYOL's widths (Grill et al. 2020)."""

    # channels
    hidden: _Count = 4096
    out: _Count = 256


class Loss(_Table, frozen=True):
    """InfoNCE between the views."""

    # NOTE: not published. SimCLR (Chen et al. 2020) found 0.1 best for l2-normalised projections.
    temperature: _Positive = 0.1
    # what a view is held against: the same view of other videos, or all views of them. NOTE: an
    # interpretation: the negatives of the published formula have no index of a view.
    negatives: Literal["view", "all_views"] = "view"


class Target(_Table, frozen=True):
    """The network that follows the one that learns."""

    # of its moving average, at the first step; by cosine to 1 at the last: BYOL's for 300 epochs
    momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.99


class Optimizer(_Table, frozen=True):
    """How the weights are changed: BYOL's values for 300 epochs."""

    # lars, adamw for transformers, or sgd, which is plain momentum
    name: Literal["lars", "adamw", "sgd"] = "lars"
    # highest learning rate for a batch of 256 clips; it grows in proportion to the batch
    base_lr: _Positive = 0.3
    # not of biases and norms
    weight_decay: Annotated[float, Meta(ge=0)] = 1e-6
    # of LARS: step length relative to the length of a layer's weights
    trust_coefficient: _Positive = 1e-3
    # decay of the mean gradient; of AdamW the first of its two
    momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    # epochs in which the learning rate rises from 0; then it falls
    warmup_epochs: Annotated[float, Meta(ge=0)] = 10.0
    # epochs after which it is a tenth of what it was; none: it falls by cosine
    decay_epochs: tuple[_Positive, ...] = ()


class Train(_Table, frozen=True):
    """How long, how much at a time, and on what."""

    # of data.examples_per_epoch clips each. NOTE: that of the paper's main run is not published; of
    # its MoCLR baselines it is 300, and of table B.1 200. BYOL has this learning rate, weight decay
    # and momentum for 300.
    epochs: _Positive = 300.0
    # clips a step, of all ranks together; one alone would have no negatives. NOTE: ours: BYOL's.
    batch: Annotated[int, Meta(ge=2)] = 4096
    # of the weights, the order of the clips, the views and the augmentations
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    # auto: a GPU if there is one
    device: Literal["auto", "cpu", "cuda"] = "auto"
    # of the network's passes; weights and loss are float32 in any case
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    # store images with their channels last, which is faster for convolutions on GPUs
    channels_last: bool = True
    # torch.compile: minutes at the start, faster afterwards
    compile: bool = False
    # compute the activations of a block again in the backward pass instead of keeping them: a third
    # more time for a fraction of the memory; auto: where a step would not fit otherwise
    activation_checkpointing: Literal["auto", "on", "off"] = "auto"
    # on GPUs, the same algorithms of convolutions each time instead of the fastest ones
    deterministic: bool = False
    # seconds for which a rank waits for another one, also while that one evaluates. NOTE: ours
    timeout_seconds: Annotated[float, Meta(ge=1, le=1e6)] = 1800.0


class Log(_Table, frozen=True):
    """What a run leaves behind, and how often, in steps."""

    # a line of log.jsonl
    every: _Count = 50
    # where numbers and pictures go besides: "tensorboard", "wandb"
    to: tuple[str, ...] = ()
    checkpoint_every: _Count = 500
    # newest checkpoints that stay
    keep_last: _Count = 3
    # checkpoints after a multiple of so many steps stay too
    keep_every: _Every = 10_000
    # frames with their attention masks
    picture_every: _Every = 1_000
    # nearest-neighbour retrieval on the held-out videos
    retrieval_every: _Every = 0
    # classes of the held-out videos, found by a linear classifier and by nearest neighbours
    probe_every: _Every = 0
    # evaluations of `videonet evaluate` that need no classifier, such as "imagenet_knn", on what
    # `videonet train --evaluation-data` names
    evaluate: tuple[str, ...] = ()
    # NOTE: ours. ImageNet's nearest neighbours take some minutes, in which all ranks wait.
    evaluate_every: _Every = 10_000


class Config(_Table, frozen=True):
    """All settings of a run."""

    method: Method = Method()
    data: Data = Data()
    views: Views = Views()
    augmentation: Augmentation = Augmentation()
    backbone: Backbone = Backbone()
    pooling: Pooling = Pooling()
    projector: Projector = Projector()
    loss: Loss = Loss()
    vivi: Vivi = Vivi()
    target: Target = Target()
    optimizer: Optimizer = Optimizer()
    train: Train = Train()
    log: Log = Log()


# Each table by its name, and the type of each setting by its full name, "optimizer.base_lr".
_TABLES: dict[str, Any] = {table.name: table.type for table in structs.fields(Config)}
_TYPES: dict[str, Any] = {
    f"{table}.{field.name}": field.type
    for table, kind in _TABLES.items()
    for field in structs.fields(kind)
}


def names() -> tuple[str, ...]:
    """The configurations that come with the package, in alphabetical order."""
    files = (file.name for file in resources.files(__package__).joinpath("configs").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def load(name_or_path: str, settings: Sequence[str] = ()) -> Config:
    """The configuration of a name or a .toml file, changed by settings: "optimizer.base_lr=0.2".

    Raises UsageError for what is unknown, of the wrong type, or does not go together.
    """
    given = _of_file(name_or_path)
    for setting in settings:
        given |= _of_setting(setting)
    return _config(given)


def as_dict(config: Config) -> dict[str, dict[str, Any]]:
    """All settings by table and name, as plain Python values."""
    tables: dict[str, dict[str, Any]] = msgspec.to_builtins(config)
    return tables


def steps_in(epochs: float, config: Config) -> int:
    """Whole steps in so many epochs, which are counted in examples, whatever the data set."""
    exact = Fraction(str(epochs)) * config.data.examples_per_epoch / config.train.batch
    return int(exact)


# What is said of all that comes of method "vivi": it is no reproduction.
AFTER_VIVI = "after VIVI's published introduction; nine assumptions"


def after(tables: Mapping[str, Any]) -> str | None:
    """What is to be said of a training with these settings, as `as_dict` gives them.

    None: there is nothing to say. They may be a stranger's, from a file.
    """
    method = tables.get("method")
    is_vivi = isinstance(method, Mapping) and method.get("name") == "vivi"
    return AFTER_VIVI if is_vivi else None


# What may differ between a run and the run that goes on from it: it changes no batch.
CHANGEABLE = (
    *(
        "log.",
        "data.workers",
        "data.most_damaged",
        "train.device",
        "train.compile",
        "train.channels_last",
    ),
    *("train.activation_checkpointing", "train.deterministic", "train.timeout_seconds"),
)


def check_begun(run: Path, config: Config) -> None:
    """Raise UsageError if RUN was begun with other settings, as far as its config.toml tells.

    This is said before PyTorch is imported; what the checkpoint tells is checked with it.
    """
    if not any((run / "checkpoints").glob("step-*.pt")):
        return
    try:
        begun = load(str(run / "config.toml"))
    except UsageError:
        return
    check_settings_stay(run, as_dict(begun), as_dict(config))


def check_settings_stay(run: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UsageError if a run that was begun `before` cannot go on with the settings of `now`."""
    # What an earlier version had no setting for, it did as the default does.
    usual = _by_full_name(as_dict(Config()))
    old, new = (_with_method(usual | _by_full_name(each)) for each in (before, now))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and not name.startswith(CHANGEABLE):
            raise UsageError(
                f"{run} was begun with {name} = {old.get(name)} and cannot go on with "
                f"{new.get(name)}; give the settings that are in {run / 'config.toml'}, or another "
                f"--out."
            )


def _with_method(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings where VITO of one frame goes by the name of MoCLR, which it is.

    So earlier versions trained it, which had no names of methods.
    """
    is_moclr = settings["method.name"] == "vito" and settings["views.sampling"] == "same"
    return settings | {"method.name": "moclr"} if is_moclr else settings


def _by_full_name(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{table}.{name}": list(value) if isinstance(value, tuple) else value
        for table, settings in tables.items()
        for name, value in settings.items()
    }


def from_dict(tables: Mapping[str, Any]) -> Config:
    """The configuration that `as_dict` gave. Raises UsageError as `load` does."""
    return _config(_flat(tables, "The stored configuration"))


def to_toml(config: Config) -> str:
    """All settings as a file that `load` reads."""
    said = after(as_dict(config))
    # Strings, numbers, booleans and lists of strings are written in TOML as in JSON.
    return (f"# {said}\n\n" if said else "") + "\n".join(
        f"[{table}]\n" + "".join(f"{name} = {shown(value)}\n" for name, value in fields.items())
        for table, fields in as_dict(config).items()
    )


def _of_file(name_or_path: str) -> dict[str, Any]:
    """The settings of a file and of those that it is based on, by full name."""
    try:
        if name_or_path.endswith(".toml"):
            document = read_toml(local_input(name_or_path))
        else:
            document = tomllib.loads(_built_in(name_or_path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The configuration {name_or_path} cannot be read: {reason}.") from error
    base = document.pop("base", None)
    if base is None:
        return _flat(document, name_or_path)
    if not isinstance(base, str) or base.endswith(".toml"):
        raise UsageError(
            f"{name_or_path} has base = {shown(base)}; it must be one of {', '.join(names())}."
        )
    return _of_file(base) | _flat(document, name_or_path)


def _built_in(name: str) -> str:
    """The text of a configuration that comes with the package."""
    if name not in names():
        raise UsageError(
            f"There is no configuration {name}; the nearest is {nearest(name, names())}. There "
            f"are {', '.join(names())}, and files of your own whose names end in .toml."
        )
    configs = resources.files(__package__).joinpath("configs")
    return configs.joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _of_setting(setting: str) -> dict[str, Any]:
    """One setting as it is typed, by its full name. A value that is no TOML is a text."""
    name, equals, text = (part.strip() for part in setting.partition("="))
    if not (name and equals):
        raise UsageError(
            f"--set {setting} is no setting with its value, such as --set optimizer.base_lr=0.2."
        )
    check_name(name, _TYPES, "--set")
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        read = {}
    return {name: read["value"] if len(read) == 1 else text}


def _flat(tables: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same settings by full name. Raises UsageError for a name that there is not."""
    flat: dict[str, Any] = {}
    for table, fields in tables.items():
        if isinstance(fields, Mapping) and (fields or table in _TABLES):
            flat |= {f"{table}.{name}": value for name, value in fields.items()}
        else:
            flat[table] = fields
    for name in flat:
        check_name(name, _TYPES, where)
    return flat


def _config(given: Mapping[str, Any]) -> Config:
    """The configuration of these settings, by full name; all others have their defaults."""
    tables: dict[str, dict[str, Any]] = {table: {} for table in _TABLES}
    for full_name, value in given.items():
        table, _, name = full_name.partition(".")
        tables[table][name] = converted(full_name, value, _TYPES[full_name])
    config = Config(**{table: _TABLES[table](**fields) for table, fields in tables.items()})
    _check_together(config)
    return config


def _check_together(config: Config) -> None:
    """Raise UsageError for settings that are right by themselves, and not together."""
    views, data, train = config.views, config.data, config.train
    if config.method.name == "moclr" and views.sampling != "same":
        raise UsageError(
            f'method.name = "moclr" shows one frame of a clip, and views.sampling is '
            f'"{views.sampling}"; set views.sampling to "same", or method.name to "vito".'
        )
    rates = (config.optimizer.warmup_epochs, *config.optimizer.decay_epochs, train.epochs)
    if config.optimizer.decay_epochs and list(rates) != sorted(set(rates)):
        raise UsageError(
            f"optimizer.decay_epochs is {shown(config.optimizer.decay_epochs)}; they must ascend, "
            f"from after optimizer.warmup_epochs = {config.optimizer.warmup_epochs} to before "
            f"train.epochs = {train.epochs}."
        )
    span = (len(views.recipes) - 1) * views.delta_seconds
    if views.sampling == "delta" and span >= views.window_seconds:
        raise UsageError(
            f"{len(views.recipes)} views that are views.delta_seconds = {views.delta_seconds} "
            f"apart span {span:g} s; it must be less than views.window_seconds = "
            f"{views.window_seconds}."
        )
    examples = train.epochs * data.examples_per_epoch
    if examples < train.batch:
        raise UsageError(
            f"train.epochs = {train.epochs} of data.examples_per_epoch = {data.examples_per_epoch} "
            f"are {examples:g} clips, less than one train.batch = {train.batch}; train for longer, "
            f"or in smaller batches."
        )
    if config.optimizer.warmup_epochs >= train.epochs:
        raise UsageError(
            f"optimizer.warmup_epochs is {config.optimizer.warmup_epochs}; it must be less than "
            f"train.epochs = {train.epochs}, or the learning rate never reaches its peak."
        )
