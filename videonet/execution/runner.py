"""Which of Beam's runners a curation is given to, and whether Beam takes its options."""

import difflib
import os
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple, NoReturn

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners import create_runner

from videonet.errors import UsageError
from videonet.fetch.redaction import Redaction
from videonet.schemas.settings import AccessOptions, CurateOptions, RunOptions

# Runners that work in this process. Beam's default would try to download another one first.
LOCAL_RUNNERS = frozenset({"DirectRunner", "FnApiRunner", "BundleBasedDirectRunner"})

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

    @property
    def is_served(self) -> bool:
        """Whether a job server has the work done."""
        return self.runner.rpartition(".")[2] in _WITH_JOB_SERVER


def engine_of(beam_options: Sequence[str]) -> Engine:
    """Where stages run by Beam's options. Raises UsageError if they are none."""
    _check(beam_options)
    options = PipelineOptions(list(beam_options)).get_all_options()
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
    return Engine(local=False, runner=name)


def _name(options: dict[str, Any]) -> str:
    return str(options.get("runner") or "FnApiRunner")


def _check(beam_options: Sequence[str]) -> None:
    """Raise UsageError for what Beam does not know: it would only log that, and go on without."""
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


def _is_a_slip(option: str) -> bool:
    """Whether an option is almost one of ours, or none that a job server can have."""
    if not option.startswith("--"):
        return True
    name = option.lstrip("-").replace("-", "_")
    ours = {each for group in (CurateOptions, RunOptions, AccessOptions) for each in _names(group)}
    return bool(difflib.get_close_matches(name, ours, n=1, cutoff=_ALIKE))


def _names(group: Any) -> tuple[str, ...]:
    return tuple(group.__struct_fields__)
