"""Which of Beam's runners a curation is given to, and whether Beam takes its options."""

from collections.abc import Sequence
from typing import Any, NoReturn

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners import create_runner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner

from videonet.errors import UsageError
from videonet.fetch.redaction import Redaction

# Runners that work in this process. Beam's default would try to download another one first.
LOCAL_RUNNERS = frozenset({"DirectRunner", "FnApiRunner", "BundleBasedDirectRunner"})

# A way of Beam's local runner that is not local to this process.
_PROCESSES = "multi_processing"


def is_local(beam_options: Sequence[str]) -> bool:
    """Whether Beam's options name a runner of this process. Raises UsageError if they are none."""
    _check(beam_options)
    name = _name(beam_options)
    if PipelineOptions(list(beam_options)).get_all_options()["direct_running_mode"] == _PROCESSES:
        raise UsageError(
            f"--direct_running_mode={_PROCESSES} starts processes that share neither --downloads "
            "nor --disk-budget; leave it out: --workers says how many videos are worked on at once."
        )
    if name.rpartition(".")[2] in LOCAL_RUNNERS:
        return True
    try:
        create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        raise UsageError(f"There is no runner {name!r} for Beam here: {error}") from error
    return False


def runner_of(beam_options: Sequence[str], *, local: bool) -> PipelineRunner | str:
    """The runner that Beam's options name, as Beam takes it; `local` is what `is_local` said."""
    return FnApiRunner() if local else _name(beam_options)


def _name(beam_options: Sequence[str]) -> str:
    options = PipelineOptions(list(beam_options)).get_all_options()
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
    _, unknown = parser.parse_known_args(list(beam_options))
    # What follows an unknown option may be its value, and a secret.
    options = [each.partition("=")[0] for each in unknown if each.startswith("-")]
    named = options or [Redaction().redacted(each) for each in unknown]
    if named:
        raise UsageError(
            f"{', '.join(map(repr, named))} is no option of this command or of Beam; "
            "options for Beam are written as -- --runner=DataflowRunner, after all others."
        )
