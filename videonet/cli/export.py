"""`videonet export`: a data set in the form of another tool, or the backbone of a training."""

from __future__ import annotations

import shlex
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from videonet.cli.options import of_this_machine, place
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.schemas.export import Export, ExportForm
from videonet.text import as_shown, file_size, number, number_of
from videonet.training.torch_extra import needed_for

if TYPE_CHECKING:
    from videonet.storage.dataset_files import DatasetFiles


class Which(StrEnum):
    """Which of the two networks of a training."""

    ONLINE = "online"
    TARGET = "target"


class To(StrEnum):
    """What reads it."""

    WEBDATASET = ExportForm.WEBDATASET.value
    MP4 = ExportForm.MP4.value
    HUGGINGFACE = ExportForm.HUGGINGFACE.value
    LIST = ExportForm.LIST.value
    TIMM = "timm"
    ONNX = "onnx"


OF_TRAININGS = (To.TIMM, To.ONNX)


def export(
    source: Annotated[
        Any,
        typer.Argument(
            metavar="DATASET|RUN",
            parser=place,
            help="Where a curation wrote its data set, or the folder of a training run.",
        ),
    ],
    to: Annotated[
        To,
        typer.Option(
            help="Of a data set: tar shards, clips that any player opens, a folder for Hugging "
            "Face, or a list without pixels. Of a training: timm (and torchvision), or ONNX."
        ),
    ],
    out: Annotated[
        Any,
        typer.Option(
            parser=place,
            metavar="DIR|FILE",
            help="Where to write: a folder that is empty, or a bucket's. Of a training a file; "
            "RUN/export/ if not given.",
            show_default=False,
        ),
    ] = None,
    i_have_the_rights: Annotated[
        bool,
        typer.Option(
            "--i-have-the-rights",
            help="Also take videos whose licence does not let one hand clips on; the card says so.",
        ),
    ] = False,
    store: Annotated[
        Any,
        typer.Option(
            parser=place,
            metavar="PLACE",
            help="Store that DATASET was made from, for sound; without it, where DATASET says.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pt",
            exists=True,
            dir_okay=False,
            help="Which checkpoint of RUN; the newest if not given.",
        ),
    ] = None,
    network: Annotated[
        Which | None,
        typer.Option(
            help="Of a training the network that learns (online, if not given), or the moving "
            "average that follows it."
        ),
    ] = None,
) -> None:
    """Write a data set, or what a training has learned, for other tools.

    Forms with pixels leave out each video whose licence does not let clips be handed on, and say
    how many. Interrupted, the same command goes on. Of a training, the backbone is written without
    its projector.

    Example: videonet export out --to webdataset --out shards
    """
    is_training = to in OF_TRAININGS
    _check_source(source, to)
    if is_training:
        if i_have_the_rights or store is not None:
            raise UsageError(
                f"--to {to} exports the backbone of a training, which knows neither --store nor "
                "--i-have-the-rights; leave them out."
            )
        _export_backbone(
            of_this_machine(source), to, out and of_this_machine(out), checkpoint, network
        )
        return
    if checkpoint is not None or network is not None:
        raise UsageError(
            f"--to {to} exports a data set, which knows neither --checkpoint nor --network; leave "
            "them out."
        )
    if out is None:
        raise UsageError(f"Say with --out DIR where to write; --to {to} needs a folder of its own.")
    _export_dataset(source, ExportForm(to.value), out, store, rights=i_have_the_rights)


def _check_source(source: str | Path, to: To) -> None:
    """Raise UsageError where what is given is not of the kind that is exported so."""
    from videonet.export.folder import files_at, is_export

    files = files_at(source)
    is_dataset = files.size("manifest.json") is not None
    if to in OF_TRAININGS:
        if is_dataset or is_export(source):
            raise UsageError(
                f"{source} holds a data set, and --to {to} exports what a training has learned; "
                f"give the folder of a training, or --to {_either(ExportForm)}."
            )
    elif not is_dataset:
        if is_export(source):
            raise UsageError(
                f"{source} is an export already; give the folder of the data set that it was made "
                "of."
            )
        if _is_training(files):
            raise UsageError(
                f"{source} holds a training, and --to {to} exports a data set; give the folder of "
                f"a data set, or --to {_either(OF_TRAININGS)}."
            )


def _is_training(files: DatasetFiles) -> bool:
    return files.size("config.toml") is not None or files.has_below("checkpoints")


def _either(names: Any) -> str:
    *first, last = [each.value for each in names]
    return f"{', '.join(first)} or {last}"


def _export_dataset(
    source: str | Path,
    form: ExportForm,
    out: str | Path,
    store: str | Path | None,
    *,
    rights: bool,
) -> None:
    from videonet.export.write import export as write

    console = Console(soft_wrap=True, highlight=False)
    say = partial(console.print, markup=False)
    done = write(source, out, form, i_have_the_rights=rights, store=store, say=say)
    for line in _account(str(out), done):
        say(line)


def _account(out: str, done: Export) -> list[str]:
    """What was written, and what was not."""
    from videonet.export.choice import left_out_for_licence

    counts, form = done.counts, done.request.form
    size = sum(each.bytes for each in done.shards)
    # Of mp4 these are the lists of the files.
    of = "" if form is ExportForm.MP4 else f", {file_size(size)}"
    kept = number_of(counts.exported, counts.kept, "kept video")
    lines = [f"{out}: {number(counts.clips, 'clip')} as {form}{of}: {kept}."]
    if counts.refused:
        why = ", ".join(f"{videos:,} {reason}" for reason, videos in counts.refused.items())
        lines.append(f"Left out: {why}.")
    if left_out_for_licence(counts):
        lines.append(
            "What is left out for its licence comes along with --i-have-the-rights, in another "
            "--out."
        )
    if counts.sound is not None:
        sound = ", ".join(f"{videos:,} {what}" for what, videos in counts.sound.items())
        lines.append(f"Sound of videos: {sound}.")
    lines.append(f"  attribution  {out}/attribution.csv")
    if form is ExportForm.LIST:
        lines.append(
            f"  rebuild it   videonet rebuild {shlex.quote(f'{out}/videos.lock.parquet')} "
            "--store STORE --out OUT"
        )
    if form is ExportForm.HUGGINGFACE and "://" not in out:
        lines.append(
            f"  publish it   hf upload YOU/NAME {shlex.quote(out)} . --type dataset --exclude .lock"
        )
    return lines


def _export_backbone(
    run: Path, to: To, out: Path | None, checkpoint: Path | None, network: Which | None
) -> None:
    with needed_for("videonet export"):
        from videonet.training.export import checkpoint_of, export_onnx, export_timm, file_of

    which: Literal["online", "target"] = "target" if network is Which.TARGET else "online"
    newest = checkpoint_of(run)
    trained = checkpoint or newest
    if to is To.TIMM:
        written = export_timm(trained, out or file_of(run, trained, ".safetensors", which), which)
        arguments = {**written.arguments, "checkpoint_path": str(written.file)}
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        use = f"timm.create_model({written.backbone!r}, {given})"
    else:
        written = export_onnx(trained, out or file_of(run, trained, ".onnx", which), which)
        session = f"onnxruntime.InferenceSession({str(written.file)!r})"
        use = f'{session}.run(["features"], {{"images": ...}})'
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{as_shown(str(written.file))}: {written.backbone} after {written.steps:,} steps, "
        f"sha256 {written.sha256}",
        markup=False,
    )
    console.print(f"  load it   {use}", markup=False)
