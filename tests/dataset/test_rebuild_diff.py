"""videonet.dataset.rebuild_diff: how much of what a lock file names is in a finished OUT."""

from pathlib import Path

import msgspec

from tests.locking import TARGETS, data_set, key_of, verdict
from videonet.dataset.lock_file import read_lock, write_lock
from videonet.dataset.rebuild_diff import SHOWN, compared
from videonet.schemas.reason import Outcome, Reason
from videonet.storage.dataset_dir import LOCK_FILE, DatasetDir


def test_of_many_the_first_are_shown_and_all_are_counted(tmp_path: Path):
    names = sorted((f"{number:03}" for number in range(3 * SHOWN)), key=key_of)
    manifest = data_set(tmp_path, {name: {0, 1} for name in names}, 1)
    output = DatasetDir(tmp_path)
    write_lock(output, manifest)
    lock = read_lock(tmp_path / LOCK_FILE)
    rows = []
    for number, name in enumerate(names):
        reason = Reason.CHANGED if number % 2 else Reason.PRIVATE
        failed = msgspec.structs.replace(verdict(name, TARGETS[0], Outcome.FAILED), reason=reason)
        rows += [failed, msgspec.structs.replace(failed, target_id=TARGETS[1].target_id)]
    output.write_verdicts(0, 1, rows)
    rebuilt = compared(lock, output, manifest)
    assert (rebuilt.videos, rebuilt.here) == (len(names), 0)
    assert (rebuilt.gone, rebuilt.changed) == ({Reason.PRIVATE: 45}, 45)
    assert [each.video_id for each in rebuilt.first_gone] == names[: 2 * SHOWN : 2]
    assert [each.video_id for each in rebuilt.first_changed] == names[1 : 2 * SHOWN : 2]
