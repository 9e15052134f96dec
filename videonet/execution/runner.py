"""Which of Beam's runners a curation is given to, and whether Beam takes its options."""

import difflib
import os
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple, NoReturn

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners import create_runner

from videonet.errors import UsageError
from videonet.execution.flink import NO_CLUSTER
from videonet.execution.quiet import quiet_options
from videonet.fetch.redaction import Redaction
from videonet.schemas.settings import AccessOptions, CurateOptions, JobOptions, RunOptions

# Runners that work in this process. Beam's default would try to download another one first.
LOCAL_RUNNERS = frozenset({"DirectRunner", "FnApiRunner", "BundleBasedDirectRunner"})

# What users call the first of these.
_LOCAL = "local"

# Beam's runners by what they are called in small letters, with and without "runner" at the end.
_RUNNERS: dict[str, str] = {
    called: name
    for name in (
        *(path.rpartition(".")[2] for path in StandardOptions.ALL_KNOWN_RUNNERS),
        *sorted(LOCAL_RUNNERS),
    )
    for called in (name.lower(), name.lower().removesuffix("runner"))
} | {_LOCAL: "FnApiRunner"}

# A way of Beam's local runner that is not local to this process.
_PROCESSES = "multi_processing"

# Runners with a job server, which has options of its own, such as those of Flink.
_WITH_JOB_SERVER = frozenset({"PortableRunner", "FlinkRunner", "SparkRunner", "PrismRunner"})

# Names as like as "per_clas" and "per_class".
_ALIKE = 0.85


class Engine(NamedTuple):
    """Where the stages of a curation run."""

    # in this process
    local: bool
    # as of Beam
    runner: str
    # processes of this machine that this one starts and watches; 0: none
    processes: int = 0
    # whether the job goes on when this process ends
    goes_on: bool = False

    @property
    def kind(self) -> str:
        """What users call it: "local", "flink", "dataflow", or Beam's name of the runner."""
        if self.local or self.processes:
            return _LOCAL
        name = self.runner.rpartition(".")[2]
        return {"FlinkRunner": "flink", "DataflowRunner": "dataflow"}.get(name, name)

    @property
    def is_served(self) -> bool:
        """Whether a job server has the work done."""
        return self.runner.rpartition(".")[2] in _WITH_JOB_SERVER


def with_runner(named: str | None, beam_options: Sequence[str]) -> list[str]:
    """Beam's options with the runner that is named by `--runner`, as Beam calls it.

    Raises UsageError where Beam's options name another one, or are none.
    """
    options = parsed(beam_options)
    of_beam = options.get("runner")
    if named is not None and of_beam and called(named) != called(of_beam):
        raise UsageError(
            f"--runner {named} and the option --runner={of_beam} for Beam name two runners; give "
            "one of them."
        )
    chosen = named or of_beam
    if not chosen or (called(chosen) in LOCAL_RUNNERS and not beam_options):
        return list(beam_options)
    return [*beam_options, f"--runner={called(chosen)}"]


def called(runner: str) -> str:
    """What Beam calls a runner that a user has named; an unknown name is left as it is."""
    return _RUNNERS.get(runner.lower(), runner)


def engine_of(beam_options: Sequence[str]) -> Engine:
    """Where stages run by Beam's options. Raises UsageError if they are none."""
    options = parsed(beam_options)
    name = _name(options)
    if name.rpartition(".")[2] in LOCAL_RUNNERS:
        if options["direct_running_mode"] != _PROCESSES:
            return Engine(local=True, runner=name)
        # As Beam takes it: 0 is one a core.
        processes = options["direct_num_workers"] or os.cpu_count() or 1
        return Engine(local=False, runner=name, processes=processes)
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"There is no runner {name!r} for Beam here: {error}") from error
    engine = Engine(local=False, runner=name)
    in_here = options.get("environment_type") == "LOOPBACK"
    on_cluster = options.get("flink_master") not in NO_CLUSTER and not in_here
    goes_on = engine.kind == "dataflow" or (engine.kind == "flink" and on_cluster)
    return engine._replace(goes_on=goes_on)


def stays(engine: Engine, asked: bool | None, beam_options: Sequence[str] = ()) -> bool:
    """Whether the command stays until the job is done; `asked` is `--wait`, if it was typed.

    Raises UsageError where the job would end with the command, and where Beam is told otherwise.
    """
    leaves = bool(parsed(beam_options)["no_wait_until_finish"])
    if asked and leaves:
        raise UsageError(
            "--wait and the option --no_wait_until_finish for Beam exclude each other; give one."
        )
    if asked is None:
        asked = False if leaves else None
    if asked is False and not engine.goes_on:
        raise UsageError(
            "The job runs in processes that end with this command, so that it cannot be left; "
            "leave out --no-wait, or name a cluster with --runner."
        )
    return not engine.goes_on if asked is None else asked


def _name(options: dict[str, Any]) -> str:
    return called(str(options.get("runner") or _LOCAL))


def parsed(beam_options: Sequence[str]) -> dict[str, Any]:
    """The values of Beam's options by name.

    Raises UsageError for what Beam does not know: it would only log that, and go on without.
    """
    parsers: list[Any] = []
    # Beam's way to add options to its parser also shows us the parser, with all options in it.
    PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
    (parser,) = parsers

    def refuse(message: str) -> NoReturn:
        raise UsageError(f"Beam does not take its options: {message}.")

    parser.error = refuse
    known, unknown = parser.parse_known_args(list(beam_options))
    # What follows an unknown option may be its value, and a secret.
    options = [each.partition("=")[0] for each in unknown if each.startswith("-")]
    if _name(vars(known)).rpartition(".")[2] in _WITH_JOB_SERVER:
        # The job server knows others.
        options = [each for each in options if _is_a_slip(each)]
        unknown = list(takewhile(lambda each: not each.startswith("-"), unknown))
    named = options or [Redaction().redacted(each) for each in unknown]
    if named:
        raise UsageError(
            f"{', '.join(map(repr, named))} is no option of this command or of Beam; "
            "options for Beam are written as -- --runner=DataflowRunner, after all others."
        )
    with quiet_options():
        values: dict[str, Any] = PipelineOptions(list(beam_options)).get_all_options()
    return values


def _is_a_slip(option: str) -> bool:
    """Whether an option is almost one of ours, or none that a job server can have."""
    if not option.startswith("--"):
        return True
    name = option.lstrip("-").replace("-", "_")
    groups = (CurateOptions, RunOptions, JobOptions, AccessOptions)
    ours = {each for group in groups for each in _names(group)}
    return bool(difflib.get_close_matches(name, ours, n=1, cutoff=_ALIKE))


def _names(group: Any) -> tuple[str, ...]:
    return tuple(group.__struct_fields__)
