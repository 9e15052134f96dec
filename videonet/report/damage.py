"""How much of a video damage took, by the records of its scan and of its clips in the store."""

from videonet.schemas.fetch import Cut
from videonet.schemas.scan import Scan
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.text import number


class DamageRecords:
    """What the store of a run knows of damage."""

    def __init__(self, output: DatasetDir, store: Store) -> None:
        lookup = output.lookup()
        self._output, self._store = output, store
        self._shards = lookup.shards if lookup else 0
        self._scan_key = scan_key_of(output)
        # names under which the clips of a shard are in the store, by number of the shard
        self._cut_keys: dict[int, str | None] = {}

    def of(self, verdict: Verdict) -> str:
        """A sentence on what damage took of a video; "" where nothing is known to be lost."""
        return damage(self._scan(verdict), self._cut(verdict))

    def _scan(self, verdict: Verdict) -> Scan | None:
        if self._scan_key is None:
            return None
        scan = self._store.scan(verdict.video_key, self._scan_key)
        return scan if scan and is_of(verdict, scan, self._store) else None

    def _cut(self, verdict: Verdict) -> Cut | None:
        if not self._shards:
            return None
        index = shard_of(verdict.video_key, self._shards)
        if index not in self._cut_keys:
            state = self._output.shard_state(index)
            self._cut_keys[index] = state.cut_key if state else None
        key = self._cut_keys[index]
        cut = self._store.cut(verdict.video_key, key) if key else None
        return cut if cut and cut.sha256 == verdict.sha256 else None


def damage(scan: Scan | None, cut: Cut | None) -> str:
    """A sentence on what damage took, by these records; "" where that is nothing."""
    lost = []
    if scan and scan.lost:
        lost.append(f"{scan.lost:,} of the first {number(len(scan.top1) + scan.lost, 'frame')}")
    if cut and cut.lost:
        lost.append(f"{cut.lost:,} of the {number(cut.frames, 'frame')} of its clips")
    if cut and cut.left_out:
        lost.append(f"{number(cut.left_out, 'clip')} as a whole")
    return f"Damage took {', and '.join(lost)}." if lost else ""


def is_of(verdict: Verdict, scan: Scan, store: Store) -> bool:
    """Whether a scan saw the content that a verdict is on, be it only a part of the file."""
    if verdict.sha256 is None or verdict.sha256 == scan.sha256:
        return True
    fetched = store.fetch(scan.video_key)
    if fetched is None or fetched.part is None:
        return False
    return fetched.part.sha256 == scan.sha256 and fetched.sha256 == verdict.sha256


def scan_key_of(output: DatasetDir) -> str | None:
    """The name under which the store has the scans of this data set."""
    manifest, plan = output.manifest(), output.plan()
    if manifest is not None:
        return manifest.settings.scan_key
    return plan.settings.scan_key if plan else None
