"""`videonet evaluate`: what a backbone is worth, on the tasks of the paper."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videonet.cli.interrupt import ended_by_signal
from videonet.cli.terminal import Console
from videonet.errors import MachineError, UsageError, machine_error
from videonet.text import duration
from videonet.training.torch_extra import needed_for

if TYPE_CHECKING:
    from videonet.evaluation.model import Model
    from videonet.evaluation.protocol import Evaluation
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
    names = [name.strip().replace("-", "_") for name in (on or "").split(",") if name.strip()]
    # PyTorch is slow: what is asked for in vain is refused without it.
    if not listed and (model is None or data is None or not names):
        raise UsageError(
            "videonet evaluate asks for a MODEL, --on NAME and --data DIR; --list says which "
            "evaluations there are."
        )
    with needed_for("videonet evaluate", "evaluate"):
        from videonet.evaluation import catalogue
        from videonet.evaluation.about import UNCONFIRMED
        from videonet.evaluation.opening import How, open_model
        from videonet.evaluation.result import check_place
        from videonet.evaluation.running import Asked, run, settings_of
        from videonet.evaluation.trained_on import training_data

    if listed:
        _list(console)
        return
    assert model is not None
    assert data is not None
    chosen = {name: catalogue.evaluation(name) for name in names}
    of_each = {name: settings_of(each, settings or ()) for name, each in chosen.items()}
    files = _files(model, out, names)
    for name, each in chosen.items():
        check_place(files[name], each.PROTOCOL.name)
    if head is not None and not any(each.NEEDS.classifies for each in chosen.values()):
        raise UsageError(
            f"--head is a classifier of ImageNet, for which {on} does not ask; leave it out."
        )
    opened = open_model(model, How(network.value, arch, download, device.value))
    known = training_data(opened.facts, trained_on, data)
    for number, (name, each) in enumerate(chosen.items()):
        used = _classifying(opened, each, head, files[name].parent)
        with _told(Console(stderr=True)) as told, _going_on_named():
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
            result = run(name, each, used, known, asked)
        if not number:
            console.print(UNCONFIRMED, markup=False)
        _print(console, result, files[name])


def _classifying(
    opened: "Model", evaluation: "Evaluation", head: Path | None, results: Path
) -> "Model":
    """The model with a head, where it has no classifier and is asked for one; else as it is.

    Of several evaluations, one may have made the head that another asks for.
    """
    from videonet.evaluation.head_file import head_beside, with_head

    if not evaluation.NEEDS.classifies:
        return opened
    found = head or (head_beside(results) if opened.logits is None else None)
    return opened if found is None else with_head(opened, found)


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
    evaluation = result.evaluation.replace("_", "-")
    console.print(f"{result.model.name} on {evaluation} ({mark})", markup=False)
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
            "costs": f"on one large GPU, by arithmetic: {needs.cost}",
            "paper": paper.in_one_line(name) or "no number",
            "confirmed": about.confirmed_by,
            "note": " ".join(about.notes),
        }
        for what, said in lines.items():
            if said:
                console.print(f"  {what:<12}{said}", markup=False)


@contextmanager
def _going_on_named() -> Iterator[None]:
    """Have what ends an evaluation before its result say how it goes on."""
    with ended_by_signal(Console(stderr=True)) as stopping:
        stopping.last_words = "Interrupted; the same command with --resume goes on."
        try:
            yield
        except OSError as error:
            lacking = machine_error(error)
            if lacking is None:
                raise
            raise MachineError(f"{lacking} Without --resume it begins anew.") from error


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
