"""`videonet export`: the backbone of a training run, for others to use."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from videonet.cli.terminal import Console
from videonet.text import as_shown
from videonet.training.torch_extra import needed_for


class Which(StrEnum):
    """Which of the two networks of a training."""

    ONLINE = "online"
    TARGET = "target"


class Form(StrEnum):
    """What reads the file."""

    TIMM = "timm"
    ONNX = "onnx"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    to: Annotated[Form, typer.Option(help="timm (and torchvision) checkpoint, or ONNX model.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; RUN/export/ if not given."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pt",
            exists=True,
            dir_okay=False,
            help="Which of its checkpoints; the newest if not given.",
        ),
    ] = None,
    network: Annotated[
        Which,
        typer.Option(help="The network that learns, or the moving average that follows it."),
    ] = Which.ONLINE,
) -> None:
    """Write the backbone that a run has trained, without its projector, for others to load.

    Example: videonet export run --to timm
    """
    with needed_for("videonet export"):
        from videonet.training.export import checkpoint_of, export_onnx, export_timm, file_of

    which: Literal["online", "target"] = "online" if network is Which.ONLINE else "target"
    newest = checkpoint_of(run)
    trained = checkpoint or newest
    if to is Form.TIMM:
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
