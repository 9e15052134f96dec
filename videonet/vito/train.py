"""Trains VITO on the clips of a data set: the experiment from top to bottom.

    videonet train --data OUT --out RUN --config vito_resnet50
    torchrun --nproc-per-node=8 -m videonet.vito.train --data OUT --out RUN --config vito_resnet50

The method is that of Parthasarathy et al. 2023: three frames of a window of 2.56 s, augmented each
in its own way (`views`, `augmentation`); a backbone whose last two stages are pooled by attention,
and a projector (`network`); a second such network that follows the first as a moving average
(`target`); and a contrastive loss between the frames of one video and those of all others (`loss`).
"""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from rich.console import Console
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from videonet.errors import UsageError
from videonet.vito import checkpoint, evaluation
from videonet.vito.augmentation import RECIPES, augmented
from videonet.vito.batchnorm import synchronised
from videonet.vito.config import Config, as_dict, to_toml
from videonet.vito.dataset import open_dataset
from videonet.vito.journal import Journal, finite
from videonet.vito.loader import batches
from videonet.vito.loss import vito_loss
from videonet.vito.network import Network, PerView
from videonet.vito.optimizer import (
    learning_rate,
    optimizer_of,
    peak_learning_rate,
    set_learning_rate,
    target_momentum,
)
from videonet.vito.ranks import joined, mean_over_ranks
from videonet.vito.target import target_of, update
from videonet.vito.transfer import to_device


def train(config: Config, data: Path, run: Path, console: Console | None = None) -> Path:
    """Train on the data set in `data`, from the newest checkpoint in `run` on if there is one.

    Returns the last checkpoint. Raises UsageError if the data set or the run cannot be used.
    """
    with ExitStack() as stack:
        # ------------------------------------------------------------------ the processes
        ranks = stack.enter_context(joined(config.train.device))
        writes = ranks.rank == 0
        if writes:
            _lock(run, stack)
        console = console if writes and console else Console(quiet=True)

        # ------------------------------------------------------------------ the data
        dataset = open_dataset(data, held_out=config.data.held_out)
        batch = config.train.batch
        # All lengths are counted in examples, so that they do not depend on the data set.
        steps = int(config.train.epochs * config.data.examples_per_epoch / batch)
        warmup = int(config.optimizer.warmup_epochs * config.data.examples_per_epoch / batch)

        # ------------------------------------------------------------------ the networks
        torch.manual_seed(config.train.seed)
        layout = torch.channels_last if config.train.channels_last else torch.contiguous_format
        online = network_of(config).to(memory_format=layout).to(ranks.device)
        synchronised(online, ranks.device.type)
        target = target_of(online)
        learner: nn.Module = PerView(online)
        follower = PerView(target)
        if config.train.compile:
            learner.compile()
            follower.compile()
        if ranks.count > 1:
            learner = DistributedDataParallel(learner, broadcast_buffers=False)

        # ------------------------------------------------------------------ the optimiser
        optimizer = optimizer_of(config.optimizer, online)
        peak = peak_learning_rate(config.optimizer.base_lr, batch)

        # ------------------------------------------------------------------ going on
        done = 0
        newest = checkpoint.newest(run)
        if newest is not None:
            found = checkpoint.load(newest)
            checkpoint.check_goes_on(found, run, as_dict(config), dataset.manifest_sha256)
            online.load_state_dict(found["online"])
            target.load_state_dict(found["target"])
            optimizer.load_state_dict(found["optimizer"])
            done = found["step"]
            console.print(f"goes on after step {done:,} of {steps:,}")
        if done >= steps:
            assert newest is not None
            return newest

        # ------------------------------------------------------------------ the loop
        journal = None
        if writes:
            (run / "config.toml").write_text(to_toml(config), encoding="utf-8")
            journal = stack.enter_context(
                Journal(run, resumed_at=done, steps=steps, console=console)
            )
        precision = torch.autocast(
            ranks.device.type, torch.bfloat16, enabled=config.train.precision == "bfloat16"
        )
        examples = batches(
            dataset,
            config.views,
            config.data,
            batch=batch,
            rank=ranks.rank,
            ranks=ranks.count,
            seed=config.train.seed,
            first_step=done,
            steps=steps,
            pin_memory=ranks.device.type == "cuda",
        )
        clips = to_device(examples, ranks.device)
        waited = 0.0
        for step in range(done, steps):
            asked = time.perf_counter()
            given = next(clips)
            waited += time.perf_counter() - asked

            # Views. What a step draws depends on its number alone, wherever a run began.
            random = _random(config.train.seed, step, ranks.rank)
            views = [
                augmented(
                    frames,
                    given.sizes,
                    RECIPES[recipe],
                    random,
                    size=config.augmentation.size,
                    crop_from=config.augmentation.crop_from,
                ).to(memory_format=layout)
                for frames, recipe in zip(given.frames, config.views.recipes, strict=True)
            ]

            # Projections, and the loss of the one network towards the other.
            with precision:
                with torch.no_grad():
                    targets = follower(views)
                projections = learner(views)
            loss = vito_loss(
                projections,
                targets,
                given.videos,
                temperature=config.loss.temperature,
                negatives=config.loss.negatives,
            )

            # A step of the one, and a smaller one of the other after it.
            rate = learning_rate(step, steps, warmup, peak)
            momentum = target_momentum(step, steps, config.target.momentum)
            set_learning_rate(optimizer, rate)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            update(target, online, momentum)
            done = step + 1

            # What is left of it.
            if _due(done, config.log.every, steps):
                mean = mean_over_ranks(loss)
                if journal is not None:
                    journal.step(
                        done,
                        loss=mean,
                        learning_rate=rate,
                        target_momentum=momentum,
                        images=batch * len(views),
                        waited=waited,
                    )
                waited = 0.0
            if journal is None:
                continue
            with journal.aside():
                if _due(done, config.log.retrieval_every, steps):
                    found = evaluation.retrieval(online, dataset, config)
                    journal.evaluation(done, "retrieval", found)
                if _due(done, config.log.picture_every, steps):
                    picture = evaluation.attention(online, dataset, config)
                    if picture is not None:
                        journal.picture(done, picture)
                if _due(done, config.log.checkpoint_every, steps):
                    finite(done, loss.detach())
                    state: dict[str, Any] = {
                        "config": as_dict(config),
                        "step": done,
                        "online": online.state_dict(),
                        "target": target.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "manifest_sha256": dataset.manifest_sha256,
                        "versions": checkpoint.versions(),
                    }
                    checkpoint.save(run, state, config.log.keep_last, config.log.keep_every)
        return checkpoint.path_of(run, steps)


def network_of(config: Config) -> Network:
    """The network that a configuration describes, with the weights that it begins with."""
    return Network(
        config.backbone.name,
        scales=config.backbone.scales,
        pooling=config.pooling.kind,
        pooling_hidden=config.pooling.hidden,
        projector_hidden=config.projector.hidden,
        projection=config.projector.out,
        image_size=config.augmentation.size,
    )


def _random(seed: int, step: int, rank: int) -> torch.Generator:
    """The random numbers of one step of one rank; those of layers such as dropout as well."""
    words = np.random.SeedSequence((seed, step, rank)).generate_state(2, np.uint64)
    torch.manual_seed(int(words[0] >> np.uint64(1)))
    return torch.Generator().manual_seed(int(words[1] >> np.uint64(1)))


def _due(done: int, every: int, steps: int) -> bool:
    """Whether something that happens every so many steps, and at the end, happens now. 0: never."""
    return bool(every) and (done % every == 0 or done == steps)


def _lock(run: Path, stack: ExitStack) -> None:
    """Keep others from training in the same folder. Raises UsageError."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        stack.enter_context(FileLock(run / ".lock", timeout=0))
    except Timeout:
        raise UsageError(
            f"Another process trains in {run} at this moment; wait for it, or give another --out."
        ) from None
    except OSError as error:
        raise UsageError(
            f"{run} cannot be written to ({error.strerror}); give another --out."
        ) from error


if __name__ == "__main__":
    from videonet.cli import train_by_itself

    train_by_itself()
