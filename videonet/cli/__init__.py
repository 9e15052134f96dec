"""The `videonet` command."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

import videonet
from videonet.cli.affected import affected
from videonet.cli.cancel import cancel
from videonet.cli.compare import compare
from videonet.cli.curate import beam_command, curate
from videonet.cli.diff import diff
from videonet.cli.doctor import doctor
from videonet.cli.evaluate import evaluate
from videonet.cli.explain import explain
from videonet.cli.export import export
from videonet.cli.interrupt import ended_by_signal
from videonet.cli.merge import merge
from videonet.cli.plan import plan
from videonet.cli.rebuild import rebuild
from videonet.cli.recheck import recheck
from videonet.cli.repack import repack
from videonet.cli.report import report
from videonet.cli.sample import sample
from videonet.cli.setup import classifier_app, wordnet_app
from videonet.cli.show import show
from videonet.cli.split import split
from videonet.cli.status import status
from videonet.cli.targets import targets
from videonet.cli.terminal import Console
from videonet.cli.train import train
from videonet.cli.verify import verify
from videonet.cli.withdraw import withdraw
from videonet.errors import MachineError, OneRankError, UsageError, machine_error
from videonet.schemas.shown import printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(targets)
app.command()(plan)
app.command()(curate)
app.command()(status)
app.command()(cancel)
app.command()(report)
app.command()(explain)
app.command()(show)
app.command()(sample)
app.command()(verify)
app.command()(rebuild)
app.command()(repack)
app.command()(diff)
app.command()(split)
app.command()(merge)
app.command()(withdraw)
app.command()(affected)
app.command()(recheck)
app.command()(train)
app.command()(export)
app.command()(evaluate)
app.command()(compare)
app.command()(doctor)
app.add_typer(classifier_app, name="classifier")
app.add_typer(wordnet_app, name="wordnet")


def _show_version(asked: bool) -> None:  # typer's form of a callback
    if asked:
        typer.echo(f"videonet {videonet.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Build video data sets that match a class list."""
    del version


def main() -> None:
    """Run the command. What the user got wrong is one sentence on stderr, and exit code 2."""
    _told_plainly(app)


def curate_with_beam_options() -> None:
    """Run `videonet curate` with Beam's options among its own, as a Beam main takes them."""
    _told_plainly(beam_command())


def train_by_itself() -> None:
    """Run `videonet train` as a program of its own, as torchrun starts it."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command()(train)
    # What is wrong is wrong for all ranks; the first one says it.
    _told_plainly(alone, aloud=os.environ.get("RANK", "0") == "0")


def _told_plainly(command: Callable[[], object], aloud: bool = True) -> None:
    try:
        try:
            with ended_by_signal(Console(stderr=True, quiet=not aloud)):
                command()
        finally:
            # At its very end, where nothing can be said any more, Python does it by itself.
            sys.stdout.flush()
    except BrokenPipeError:
        # Who reads has read enough.
        _drop_output()
        sys.exit(1)
    except Exception as error:
        # What was read may have been right, and the machine was not able to read it.
        lacking = error if isinstance(error, MachineError) else machine_error(error)
        if lacking is not None:
            _drop_output()
        elif not isinstance(error, UsageError):
            raise
        _end(str(lacking or error), aloud=aloud or isinstance(error, OneRankError))


def _end(sentence: str, *, aloud: bool) -> NoReturn:
    if aloud:
        with suppress(OSError):  # as full as the rest
            # Not by rich, which opens files of its own.
            sys.stderr.write(f"videonet: {printable(sentence)}\n")
            sys.stderr.flush()
    sys.exit(2)


def _drop_output() -> None:
    """Let what is still to be printed go nowhere, or Python fails on it while it ends."""
    with suppress(OSError, ValueError):  # what stands in for stdout may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
