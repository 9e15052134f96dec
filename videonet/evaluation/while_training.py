"""Evaluations that a training does now and then, of the network as it is: what it is handed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from videonet.errors import UsageError
from videonet.evaluation import catalogue
from videonet.evaluation.opening import of_network
from videonet.evaluation.parts import Parts
from videonet.evaluation.protocol import Evaluation, Given
from videonet.evaluation.running import in_float32
from videonet.training.config import Config
from videonet.training.evaluation import Evaluator
from videonet.training.models.network import Network

# Below RUN, while an evaluation is made.
_FOLDER = ".evaluating"


def evaluators(config: Config, data: Path, run: Path) -> dict[str, Evaluator]:
    """Those that `log.evaluate` names, on the data in a folder. Raises UsageError.

    Numbers on a part of a data set say so in their names. No result is written: `videonet evaluate`
    does that of a checkpoint.
    """
    if not data.is_dir():
        raise UsageError(f"There is no folder {data}; name another one with --evaluation-data.")
    chosen = {name: catalogue.evaluation(name) for name in config.log.evaluate}
    for name, each in chosen.items():
        if each.NEEDS.classifies:
            raise UsageError(
                f"log.evaluate names {name}, which asks for a classifier of ImageNet, and a "
                f"network that is trained has none; name others, such as imagenet_knn."
            )
    return {
        name: partial(_numbers, evaluation=each, config=config, data=data, run=run)
        for name, each in chosen.items()
    }


def _numbers(
    network: Network, *, evaluation: Evaluation, config: Config, data: Path, run: Path
) -> Mapping[str, float]:
    """The main numbers of an evaluation by their names."""
    folder = run / _FOLDER
    parts = Parts(folder, {}, resume=False)
    given = Given(
        model=of_network(network, run.resolve().name, config),
        data=data,
        settings=evaluation.Settings(),
        parts=parts,
        head=folder / "head.safetensors",
        workers=config.data.workers,
        partial=True,
    )
    try:
        with in_float32():
            outcome = evaluation.evaluate(given)
    finally:
        parts.done()
    part = " on a part" if outcome.data.is_partial else ""
    return {f"{name}{part}": outcome.numbers[name].value for name in evaluation.PROTOCOL.main}
