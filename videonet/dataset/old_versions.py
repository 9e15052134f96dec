"""Buckets may keep earlier versions of objects: those that may show a withdrawn video are deleted.

Which these are follows from their names alone. So it makes no difference when an object was
replaced, or whether the command that did so was killed.
"""

from collections.abc import Collection

from videonet.dataset.recheck_answers import ANSWERS
from videonet.dataset.shard_rewrite import STAGED
from videonet.shards.layout import shard_of, shard_of_path
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.dataset_tables import CAPTIONS, shard_of_table
from videonet.storage.handed_on import HANDED_ON
from videonet.storage.objects import DRAFTS, Bucket, Restorable
from videonet.storage.shard_file import shard_of_name, span
from videonet.storage.store import Store, digest


def delete_from_store(store: Store, video_keys: Collection[str]) -> Restorable | None:
    """Delete what a store's bucket still has of these videos; None: it is no bucket.

    Of packed records, whole shards go: they hold others' too, which later shards have.
    """
    if not isinstance(store.objects, Bucket):
        return None
    keys = {key for each in video_keys for key in (each, *store.former_keys(each))}
    digests = {name for key in keys for name in (store.digest(key), digest(key))}
    own = [
        f"{kind}/{each[:2]}/{each}"
        for each in sorted(digests)
        for kind in ("record", "video", "part")
    ]
    own += [table.name(each) for table in store.tables.that_show for each in sorted(digests)]
    packed = [f"{table.packed}/" for table in store.tables.that_show]

    def may_show(name: str) -> bool:
        if name.startswith(DRAFTS):
            return True
        if name.startswith(tuple(packed)):
            shard = shard_of_name(name)
            low, high = span(shard.bits) if shard else ("", "")
            return any(low <= each <= high for each in digests)
        return name.rpartition("/")[2].removesuffix(".json") in digests

    # Clips that waited, and what machines handed on, lie behind the name of their run.
    of_runs = ["clips/", f"{HANDED_ON}/"]
    return store.objects.delete_old_versions([*own, *of_runs, *packed, DRAFTS], may_show)


def delete_from_out(output: DatasetDir, video_keys: Collection[str]) -> Restorable | None:
    """Delete what OUT's bucket still has of these videos; None: it is no bucket.

    These are shards that they belong to, however many shards there were, reports, answers of
    `videonet recheck`, and all drafts, whose names do not say what they became.
    """

    def may_show(path: str) -> bool:
        if path.startswith(DRAFTS):
            return True
        place = shard_of_path(path.removeprefix(f"{STAGED}/")) or shard_of_table(CAPTIONS, path)
        if place is None:
            # Answers of a shard go with the others': they can be asked for again.
            return path.startswith(("report/", f"{ANSWERS}/"))
        index, shards = place
        return any(shard_of(key, shards) == index for key in video_keys)

    folders = ["clips", CAPTIONS, STAGED, "report", ANSWERS, DRAFTS.rstrip("/")]
    return output.files.delete_old_versions(folders, may_show)
