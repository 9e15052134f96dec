"""`videonet train`: a network on the clips of a data set, by VITO or another method."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.interrupt import ended_by_signal
from videonet.cli.options import of_this_machine
from videonet.cli.terminal import Console
from videonet.errors import UsageError, with_those_beneath
from videonet.training.torch_extra import needed_for

if TYPE_CHECKING:
    from videonet.training.config import Config
    from videonet.training.evaluation import Evaluator

# What is said at the first Ctrl-C.
_ENDING = "stopping after the step in hand, with a checkpoint; Ctrl-C again ends at once"

# How PyTorch says that the memory of a CPU is too little.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


def train(
    data: Annotated[str, typer.Option(metavar="OUT", help="Folder or address of a data set.")],
    out: Annotated[
        Any,
        typer.Option(parser=of_this_machine, metavar="RUN", help="Folder of the training run."),
    ],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="What to train, and how.")
    ] = "vito_resnet50",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="TABLE.NAME=VALUE", help="Change one setting. Repeatable."),
    ] = None,
    evaluation_data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the data that log.evaluate is done on."),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all settings, and train nothing.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say steps, memory and time, and train nothing."),
    ] = False,
) -> None:
    """Train a network on a data set, or go on where the run in RUN was.

    Checkpoints, log.jsonl and pictures of the attention go to RUN.

    Example: videonet train --data out --out run --config vito_tiny --set train.seed=1
    """
    # PyTorch is slow. Wrong settings are refused without it.
    from videonet.training.config import check_begun, load, to_toml
    from videonet.training.data.clip_index import parquet_shards
    from videonet.training.data.shard_files import shard_files

    chosen = load(config, settings or ())
    if print_config:
        typer.echo(to_toml(chosen), nl=False)
        return
    check_begun(out, chosen)
    parquet_shards(shard_files(data))
    with needed_for("videonet train"):
        from videonet.training.asked_to_end import ASKING, AskedToEndError, asked_to_end
        from videonet.training.train import train as carry_out
    evaluators = _evaluators(chosen, evaluation_data, out) if chosen.log.evaluate else {}

    console = Console(soft_wrap=True, highlight=False)
    is_first = os.environ.get("RANK", "0") == "0"
    told = Console(stderr=True, quiet=not is_first)
    if dry_run:
        _forecast(chosen, data, out, console)
        return
    with (
        ended_by_signal(told, but=ASKING - {signal.SIGINT}, but_first={signal.SIGINT: _ENDING}),
        asked_to_end() as asked,
        _lost_worker_named(),
        too_little_memory_named(chosen),
    ):
        try:
            last = carry_out(chosen, data, out, console, evaluators, asked)
        except AskedToEndError as end:
            told.print(
                f"Interrupted after step {end.done:,} of {end.steps:,}; the same command goes on."
            )
            raise SystemExit(128 + end.number) from None
    if not is_first:
        return
    console.print(f"  checkpoint   {last}", markup=False)
    for picture in sorted((out / "pictures").glob("attention-*.png"))[-1:]:
        console.print(f"  attention    {picture}", markup=False)
    console.print(f"  features     videonet export {out} --to timm", markup=False)


def _forecast(config: "Config", data: str, run: Path, console: Console) -> None:
    """Say what the training comes to, and what is likely to be too little for it."""
    from videonet.training.checkpoint import takes_split
    from videonet.training.data.clip_index import open_clip_index
    from videonet.training.forecast import fit_here, lines

    dataset = open_clip_index(data, config.data.held_out, split=takes_split(run))
    fits = fit_here(config)
    for what, said in lines(config, dataset, fits):
        console.print(f"  {what:<10}{said}", markup=False)
    if lacking := fits.lacking(config):
        console.print(f"warning: {lacking}", markup=False)


def _evaluators(config: "Config", data: Path | None, run: Path) -> "dict[str, Evaluator]":
    """What the trainer is handed: it knows no evaluation itself."""
    if data is None:
        raise UsageError(
            f"log.evaluate names {', '.join(config.log.evaluate)}; name the folder of their data "
            f"with --evaluation-data."
        )
    with needed_for("log.evaluate", "evaluate"):
        from videonet.evaluation.while_training import evaluators
    return evaluators(config, data, run)


@contextmanager
def too_little_memory_named(config: "Config") -> Iterator[None]:
    """Say in a sentence that memory was too little, and which setting to change.

    A step is never made smaller: what is learned depends on how many clips are told apart. Raises
    UsageError.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        from videonet.training.memory_estimate import less
        from videonet.training.methods.method import method_of

        # PyTorch's own, of a GPU, is a RuntimeError; its CPU has none of its own.
        is_of_gpu = type(error).__name__ == "OutOfMemoryError"
        is_known = is_of_gpu or isinstance(error, MemoryError)
        if not is_known and not any(said in str(error) for said in _NO_MEMORY):
            raise
        raise UsageError(
            f"The memory of {'the GPU' if is_of_gpu else 'this machine'} is not enough for a step "
            f"of {config.train.batch:,} clips of {len(method_of(config).views)} views with "
            f"{config.backbone.name}; set {less(config)}; another train.batch wants another --out "
            "if this one has checkpoints."
        ) from error


@contextmanager
def _lost_worker_named() -> Iterator[None]:
    """Say in a sentence that a process of the loader has ended. Raises UsageError.

    PyTorch raises that wherever the main thread happens to be at work, also in the middle of what
    makes another exception of it.
    """
    try:
        yield
    except Exception as error:
        beneath = with_those_beneath(error)
        lost = next((each for each in beneath if "DataLoader worker" in str(each)), None)
        if lost is None:
            raise
        reason = str(lost).strip().splitlines()[-1]
        raise UsageError(
            f"A process that reads clips has ended ({reason}); if memory or /dev/shm, which holds "
            "three batches of each worker, is too small, set data.workers or train.batch lower. "
            "The same command goes on."
        ) from error
