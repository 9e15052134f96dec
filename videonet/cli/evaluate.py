"""`videonet evaluate`: what a backbone is worth, on the tasks of the paper."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.text import duration
from videonet.training.torch_extra import needed_for

if TYPE_CHECKING:
    from videonet.evaluation.result import Result


class Device(StrEnum):
    """Where the model computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Which(StrEnum):
    """Which of a training's two networks."""

    ONLINE = "online"
    TARGET = "target"


def evaluate(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a training; timm:NAME@FILE; timm:NAME; weights, with --arch; ONNX.",
        ),
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="NAME[,NAME]", help="Which evaluations.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the evaluation data.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The result, a .json file, or a folder for several; else MODEL/evaluations, or "
            "evaluations/ here.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change one setting. Repeatable."),
    ] = None,
    network: Annotated[Which, typer.Option(help="Which network of a training.")] = Which.ONLINE,
    arch: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which network weights are of, as timm names it."),
    ] = None,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch the weights of timm:NAME if they are not here."),
    ] = False,
    trained_on: Annotated[
        str | None,
        typer.Option(metavar="OUT", help="Data set that the model was trained on, to tell of it."),
    ] = None,
    head: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Classifier that a linear probe wrote; that among the results, if not given.",
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the model computes.")] = Device.AUTO,
    batch: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode images.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted evaluation was.")
    ] = False,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Take a part of a data set. No comparison shows the result."
        ),
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Which evaluations there are, and what they need.")
    ] = False,
) -> None:
    """Evaluate a model on tasks of the paper: the result of each is a JSON file.

    Example: videonet evaluate run --on davis2017 --data DAVIS
    """
    console = Console(soft_wrap=True, highlight=False)
    with needed_for("videonet evaluate", "evaluate"):
        from videonet.evaluation import catalogue
        from videonet.evaluation.about import UNCONFIRMED
        from videonet.evaluation.head_file import head_beside, with_head
        from videonet.evaluation.opening import How, open_model
        from videonet.evaluation.running import Asked, run, settings_of
        from videonet.evaluation.trained_on import training_data

    if listed:
        _list(console)
        return
    if model is None or on is None or data is None:
        raise UsageError(
            "videonet evaluate asks for a MODEL, --on NAME and --data DIR; --list says which "
            "evaluations there are."
        )
    names = [name.strip().replace("-", "_") for name in on.split(",") if name.strip()]
    chosen = {name: catalogue.evaluation(name) for name in names}
    of_each = {name: settings_of(each, settings or ()) for name, each in chosen.items()}
    files = _files(model, out, names)
    opened = open_model(model, How(network.value, arch, download, device.value))
    known = training_data(opened.facts, trained_on)
    folder = files[names[0]].parent
    found = head or (head_beside(folder) if opened.logits is None else None)
    classifier = opened
    if found is not None and any(each.NEEDS.classifies for each in chosen.values()):
        classifier = with_head(opened, found)
    for number, (name, each) in enumerate(chosen.items()):
        with _told(Console(stderr=True)) as told:
            asked = Asked(
                data=data,
                file=files[name],
                settings=of_each[name],
                resume=resume,
                partial=partial,
                batch=batch,
                workers=workers,
                told=told,
            )
            used = classifier if each.NEEDS.classifies else opened
            result = run(name, each, used, known, asked)
        if not number:
            console.print(UNCONFIRMED, markup=False)
        _print(console, result, files[name])


def _files(model: str, out: Path | None, names: list[str]) -> dict[str, Path]:
    """Where the result of each evaluation goes."""
    if out is not None and out.suffix == ".json":
        if len(names) > 1:
            raise UsageError(f"{out} is one file, for {len(names)} results; give a folder.")
        return {names[0]: out}
    folder = Path(model) / "evaluations" if Path(model).is_dir() else Path("evaluations")
    return {name: (out or folder) / f"{name}.json" for name in names}


def _print(console: Console, result: "Result", file: Path) -> None:
    about = result.protocol
    mark = f"{about.name}, {about.mark}" + (
        ", on a part of the data" if result.data.partial else ""
    )
    console.print(f"{result.model.name} on {result.evaluation} ({mark})", markup=False)
    for name, number in result.numbers.items():
        value = "none" if number.value is None else f"{number.value:.4f}"
        if number.low is not None and number.high is not None:
            value += f"   {number.low:.4f} to {number.high:.4f}"
        console.print(f"  {name:<44} {value}", markup=False)
    console.print(f"  {file}, after {duration(result.seconds)}", markup=False)


def _list(console: Console) -> None:
    from videonet.evaluation import catalogue, paper
    from videonet.evaluation.about import UNCONFIRMED

    console.print(UNCONFIRMED, markup=False)
    for name in catalogue.NAMES:
        each = catalogue.evaluation(name)
        about, needs = each.PROTOCOL, each.NEEDS
        console.print(f"\n{name.replace('_', '-')}   {about.name}, {about.mark}", markup=False)
        lines = {
            "data": needs.data,
            "lies as": f"\n{'':<14}".join(needs.layout),
            "model": needs.model,
            "costs": f"{needs.cost} on one large GPU, by arithmetic",
            "paper": paper.in_one_line(name) or "no number",
            "confirmed": about.confirmed_by or "nothing can confirm it",
            "note": " ".join(about.notes),
        }
        for what, said in lines.items():
            if said:
                console.print(f"  {what:<12}{said}", markup=False)


@contextmanager
def _told(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Say how far an evaluation is, on a terminal."""
    if not console.is_terminal:
        yield lambda _what, _done, _all: None
        return
    with console.status("") as status:

        def told(what: str, done: int, everything: int) -> None:
            status.update(f"{what}: {min(done, everything):,} of {everything:,}")

        yield told
