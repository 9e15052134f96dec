"""What an earlier version listed with the secrets in its addresses is listed again without them."""

from collections.abc import Iterator

import msgspec

from videonet.curation.addresses import has_secrets
from videonet.schemas.candidate import Candidate
from videonet.schemas.run import Settings
from videonet.storage.dataset_dir import DatasetDir


def drop_list_with_secrets(output: DatasetDir, settings: Settings) -> None:
    """Have an interrupted run list its candidates again where their addresses hold secrets.

    The number of shards stays, and with it what the run has made.
    """
    state, lookup = output.run_state(), output.lookup()
    if state is None or lookup is None or output.manifest() is not None:
        return
    if state.settings != settings or not any(map(has_secrets, _listed(output, lookup.shards))):
        return
    output.write_run_state(msgspec.structs.replace(state, shards=lookup.shards))
    output.delete_report()
    output.delete_lookup()


def _listed(output: DatasetDir, shards: int) -> Iterator[Candidate]:
    for index in range(shards):
        yield from output.candidates(index, shards)
