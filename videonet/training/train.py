"""Trains a network on the clips of a data set: the experiment from top to bottom.

    videonet train --data OUT --out RUN --config vito_resnet50
    torchrun --nproc-per-node=8 -m videonet.training.train --data OUT --out RUN \
        --config vito_resnet50

The paper's method is VITO (Parthasarathy et al. 2023): three frames of a window of 2.56 s,
augmented each in its own way (`views`, `augmentation`); a backbone whose last two stages are pooled
by attention, and a projector (`network`); a second such network that follows the first as a moving
average (`target`); and a contrastive loss between the frames of one video and those of all others.
Which frames there are, whether a second network follows, and the loss are the method's (`methods`).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from rich.console import Console
from torch.nn.parallel import DistributedDataParallel

from videonet.errors import UsageError
from videonet.files import drafted, process_name
from videonet.schemas.training_note import Session
from videonet.storage.places import is_remote
from videonet.training import checkpoint, evaluation, trackers
from videonet.training.asked_to_end import Asked, AskedToEndError
from videonet.training.attention_picture import at_rest, attention_of
from videonet.training.augment.augmentation import RECIPES, augmented
from videonet.training.beside_untrained import learned
from videonet.training.config import Config, after, as_dict, steps_in, to_toml
from videonet.training.data.clip_index import ClipIndex, open_clip_index
from videonet.training.data.damage import Damage
from videonet.training.data.left_out import LeftOut
from videonet.training.data.loader import batches
from videonet.training.data.prefetch import prefetch_to_device
from videonet.training.distributed import (
    Agreement,
    Ranks,
    broadcast,
    init,
    mean_over_ranks,
    wait_for_all,
)
from videonet.training.fixed_shapes import fixed_shapes
from videonet.training.learned import too_few
from videonet.training.logger import RunLogger
from videonet.training.memory_estimate import fit
from videonet.training.methods.ema import make_target, update
from videonet.training.methods.method import method_of
from videonet.training.models.network import Network, PerView
from videonet.training.models.recompute import recompute_blocks
from videonet.training.models.sync_batchnorm import synchronised
from videonet.training.optimizer import (
    learning_rate,
    optimizer_of,
    peak_learning_rate,
    set_learning_rate,
    target_momentum,
)
from videonet.training.probe import probe
from videonet.training.session import noted
from videonet.training.state import State


def train(
    config: Config,
    data: str | Path,
    run: Path,
    console: Console | None = None,
    evaluators: Mapping[str, evaluation.Evaluator] | None = None,
    asked: Asked | None = None,
    open_tracker: trackers.OpenTracker = trackers.open_tracker,
) -> Path:
    """Train on the data set in `data`, from the newest checkpoint in `run` on if there is one.

    `data` is a folder or an address of a bucket; `evaluators` are those that `log.evaluate` names,
    and `open_tracker` opens what `log.to` names, on rank 0 alone.
    Returns the last checkpoint. Raises UsageError if the data set or the run cannot be used, and
    AskedToEndError, with a checkpoint, once any rank was `asked` to end.
    """
    asked = asked or Asked()
    evaluators = evaluators or {}
    evaluation.check_handed_over(config.log.evaluate, evaluators)
    if open_tracker is trackers.open_tracker:
        trackers.check_installed(config.log.to)
        to = trackers.gone_on_with(config.log.to, run)
    else:
        to = config.log.to
    with ExitStack() as stack:
        # ------------------------------------------------------------------ the processes
        ranks = stack.enter_context(init(config.train.device, config.train.timeout_seconds))
        stack.enter_context(fixed_shapes(deterministic=config.train.deterministic))
        writes = ranks.rank == 0
        console = console if writes and console else Console(quiet=True)

        # ------------------------------------------------------------------ the data
        split = bool(broadcast(checkpoint.takes_split(run) if writes else 0))
        dataset = open_clip_index(data, held_out=config.data.held_out, split=split)
        for every, setting in (
            (config.log.retrieval_every, "log.retrieval_every"),
            (config.log.probe_every, "log.probe_every"),
        ):
            if every:
                evaluation.check_searchable(dataset, setting)
        if writes:
            _take(run, data, stack)
        batch = config.train.batch
        steps = steps_in(config.train.epochs, config)
        warmup = steps_in(config.optimizer.warmup_epochs, config)
        falls = [steps_in(epochs, config) for epochs in config.optimizer.decay_epochs]

        # ------------------------------------------------------------------ the networks
        torch.manual_seed(config.train.seed)
        layout = torch.channels_last if config.train.channels_last else torch.contiguous_format
        online = network_of(config).to(memory_format=layout).to(ranks.device)
        fits = fit(config, online, ranks.device, ranks.count)
        synchronised(online, ranks.device.type)
        method = method_of(config)
        learning = method.learner(online)
        learning.to(ranks.device)
        target = make_target(online) if method.has_target else None
        if fits.recompute:
            recompute_blocks(online.backbone, config.backbone.name)

        # ------------------------------------------------------------------ the optimiser
        optimizer = optimizer_of(config.optimizer, learning)
        peak = peak_learning_rate(config.optimizer.base_lr, batch)

        # ------------------------------------------------------------------ going on
        done = broadcast(checkpoint.newest_step(run) if writes else 0)
        damage = Damage(dataset, config.data.most_damaged)
        left_out = LeftOut(dataset, method.shots)
        state = State(config, dataset, ranks.count, learning, target, optimizer, damage, left_out)
        if done:
            state.go_on(run, done, console)
            console.print(f"goes on after step {done:,} of {steps:,}")
        if done >= steps:
            return checkpoint.path_of(run, done)

        said_of_method = after(as_dict(config))
        if said_of_method:
            console.print(f"{config.method.name} {said_of_method}")
        console.print(
            f"{len(dataset.training_rows()):,} clips of {(~dataset.held_out).sum():,} videos, "
            f"{batch:,} a step for {steps:,} steps, with {config.backbone.name} on {ranks}"
        )
        if dataset.split_sha256 is not None:
            console.print(
                f"{dataset.held_out.sum():,} videos are held out by the split "
                f"{dataset.split_sha256[:12]}..."
            )
        if fits.recompute:
            console.print("activations are computed again, since a step would not fit otherwise")
        if lacking := fits.lacking(config):
            console.print(f"warning: {lacking}", markup=False)
        videos = int((~dataset.held_out).sum())
        if batch > videos:
            console.print(
                f"warning: train.batch is {batch:,} clips, and there are {videos:,} videos: a step "
                "shows some of them several times, and has fewer others to tell them from",
                markup=False,
            )

        # ------------------------------------------------------------------ the passes
        learner = learning
        follower = None if target is None else PerView(target)
        if config.train.compile:
            learner.compile()
            if follower is not None:
                follower.compile()
        if ranks.count > 1:
            learner = DistributedDataParallel(
                learner,
                broadcast_buffers=False,
                gradient_as_bucket_view=True,
                # After its first step it would sum gradients in another order, and a run that goes
                # on would not: on a CPU the two are to be alike to the last bit.
                find_unused_parameters=ranks.device.type == "cpu",
            )

        # ------------------------------------------------------------------ the loop
        logger = None
        pictured = None
        if writes:
            with drafted(run / "config.toml") as draft:
                draft.write_text(to_toml(config), encoding="utf-8")
            stack.enter_context(noted(run, data, dataset.trained_on(), _session(done, ranks)))
            logger = stack.enter_context(
                RunLogger(
                    run,
                    resumed_at=done,
                    steps=steps,
                    console=console,
                    to=to,
                    settings=as_dict(config),
                    open_tracker=open_tracker,
                )
            )
            if config.log.picture_every:
                pictured = evaluation.frames_to_show(dataset, config)
            if said_of_method:
                logger.note(said_of_method)
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
            shots=method.shots,
        )
        clips = prefetch_to_device(examples, ranks.device)
        waited = 0.0
        # sum over steps of the share of windows that cross a cut
        crossing = torch.zeros((), device=ranks.device) if config.views.within_shot else None
        saved = begun_at = done
        agreement = Agreement(ranks)
        own: dict[str, evaluation.Evaluator] = {
            "retrieval": partial(evaluation.retrieval, dataset=dataset, config=config),
            "probe": partial(probe, dataset=dataset, config=config),
        }
        for step in range(done, steps):
            # One rank alone would leave the others waiting for its gradients.
            number = agreement.on(asked.number)
            if number:
                damage.share()
                left_out.share()
                if writes and saved < done:
                    state.save(run, done)
                wait_for_all(ranks)
                raise AskedToEndError(number, done, steps)

            begun = time.perf_counter()
            given = next(clips)
            waited += time.perf_counter() - begun
            damage.note(given.damaged)
            left_out.note(given.short)
            if crossing is not None:
                crossing += given.crossing.float().mean()

            # Views. What a step draws depends on its number alone, wherever a run began.
            random = _random(config.train.seed, step, ranks.rank)
            views = [
                augmented(
                    frames,
                    sizes,
                    RECIPES[recipe],
                    random,
                    size=config.augmentation.size,
                    crop_from=config.augmentation.crop_from,
                ).to(memory_format=layout)
                for frames, sizes, recipe in zip(
                    given.frames, given.sizes, method.views, strict=True
                )
            ]

            # The loss of the method.
            with precision:
                loss = method.loss(learner, follower, views, given)

            # A step, and a smaller one of the network that follows.
            rate = learning_rate(step, steps, warmup, peak, falls)
            momentum = None
            set_learning_rate(optimizer, rate)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if target is not None:
                momentum = target_momentum(step, steps, config.target.momentum)
                update(target, online, momentum)
            done = step + 1
            # So that the next batch finds their memory free.
            del given, views

            # What is left of it.
            if done == begun_at + 1:
                first = mean_over_ranks(loss)
                if logger is not None:
                    logger.first(done, first, batch * len(method.views))
            logs, saves = (
                _due(done, every, steps)
                for every in (config.log.every, config.log.checkpoint_every)
            )
            if logs or saves:
                damage.check()
                left_out.share()
            if logs:
                mean = mean_over_ranks(loss)
                crossed = None if crossing is None else mean_over_ranks(crossing)
                if logger is not None:
                    logger.step(
                        done,
                        loss=mean,
                        learning_rate=rate,
                        target_momentum=momentum,
                        images=batch * len(method.views),
                        waited=waited,
                        crossing=crossed,
                        damaged=len(damage.rows),
                        left_out=len(left_out.videos),
                    )
                waited = 0.0
                if crossing is not None:
                    crossing = torch.zeros_like(crossing)
            if logger is None:
                continue
            with logger.aside():
                if _due(done, config.log.retrieval_every, steps):
                    _evaluate(online, done, ["retrieval"], own, logger)
                if _due(done, config.log.probe_every, steps):
                    _evaluate(online, done, ["probe"], own, logger)
                if _due(done, config.log.evaluate_every, steps):
                    _evaluate(online, done, config.log.evaluate, evaluators, logger)
                if done == steps:
                    _say_whether_it_learned(online, dataset, config, done, logger)
                if pictured is not None and _due(done, config.log.picture_every, steps):
                    with _ending_no_training(logger, done, "picture"):
                        picture = attention_of(online, pictured, config.augmentation.size)
                        if picture is not None:
                            logger.picture(done, picture)
                if saves:
                    state.save(run, done)
                    saved = done
        for said in (damage.sentence(), left_out.sentence()):
            if said:
                console.print(said, markup=False)
        return checkpoint.path_of(run, steps)


def _evaluate(
    online: Network,
    done: int,
    names: Sequence[str],
    evaluators: Mapping[str, evaluation.Evaluator],
    logger: RunLogger,
) -> None:
    """Say what evaluations find."""
    for name in names:
        with _ending_no_training(logger, done, name):
            with at_rest(online):
                found = evaluators[name](online)
            logger.evaluation(done, name, found)


def _say_whether_it_learned(
    online: Network, dataset: ClipIndex, config: Config, done: int, logger: RunLogger
) -> None:
    """Say it in one sentence, or why it cannot be found out."""
    with _ending_no_training(logger, done, "learned"):
        torch.manual_seed(config.train.seed)
        untrained = network_of(config).to(next(online.parameters()).device)
        found = learned(online, untrained, dataset, config)
        if found is not None:
            logger.evaluation(done, "learned", found.values(), aloud=False)
        videos = len(dataset.held_out)
        logger.say(too_few(videos) if found is None else found.sentence())


@contextmanager
def _ending_no_training(logger: RunLogger, done: int, name: str) -> Iterator[None]:
    """Write down why an evaluation or a picture cannot be made: that ends no training of days.

    Its checkpoint is still to be written after the last of them.
    """
    try:
        yield
    # RuntimeError is PyTorch's, and these two are said where there is not enough memory.
    except (UsageError, RuntimeError, MemoryError) as error:
        logger.failed_evaluation(done, name, str(error) or "there is not enough memory")


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


def _session(done: int, ranks: Ranks) -> Session:
    """What is noted of this process, which goes on after so many steps."""
    return Session(
        begun=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        after=done,
        process=process_name(),
        ranks=ranks.count,
        device=ranks.device_name,
        versions=checkpoint.versions(),
    )


def _random(seed: int, step: int, rank: int) -> torch.Generator:
    """The random numbers of one step of one rank; those of layers such as dropout as well."""
    words = np.random.SeedSequence((seed, step, rank)).generate_state(2, np.uint64)
    torch.manual_seed(int(words[0] >> np.uint64(1)))
    return torch.Generator().manual_seed(int(words[1] >> np.uint64(1)))


def _due(done: int, every: int, steps: int) -> bool:
    """Whether something that happens every so many steps, and at the end, happens now. 0: never."""
    return bool(every) and (done % every == 0 or done == steps)


def _take(run: Path, data: str | Path, stack: ExitStack) -> None:
    """Make the folder of the run, and keep others from training in it. Raises UsageError."""
    if not is_remote(data) and run.resolve().is_relative_to(Path(data).resolve()):
        raise UsageError(f"{run} is in the data set {data}; give an --out of its own.")
    try:
        run.mkdir(parents=True, exist_ok=True)
        stack.enter_context(FileLock(run / ".lock", timeout=0))
        checkpoint.clear_drafts(run)
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
