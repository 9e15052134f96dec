"""What is written when all shards of a data set are there: by a run, and when videos are withdrawn.

The manifest comes last: where it is, everything else is.
"""

from videonet.dataset.card.write import write_card
from videonet.dataset.lock_file import write_lock
from videonet.schemas.manifest import Manifest
from videonet.storage.dataset_dir import DatasetDir


def finish(output: DatasetDir, manifest: Manifest) -> None:
    """Write what describes the data set as a whole, then its manifest."""
    write_lock(output, manifest)
    write_card(output, manifest)
    output.write_manifest(manifest)
