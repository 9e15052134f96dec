"""videonet withdraw, where a place keeps what was replaced: that goes, or the user learns how."""

import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import jmespath
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.curated import Curated, Ended, curated_once, videonet
from tests.storage.servers import Server, Version, fake_gcs, moto
from tests.withdrawing import kept_beside_others
from videonet.schemas.verdict import Verdict
from videonet.shards.layout import shard_of_path
from videonet.shards.writer import FORMATS
from videonet.storage.handed_on import HANDED_ON
from videonet.storage.objects import Objects
from videonet.storage.packing import pack
from videonet.storage.places import open_place
from videonet.storage.scratch import scratch_at
from videonet.storage.store import Store, digest


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    with fake_gcs() as gs, moto() as s3:
        yield {"gs": gs, "s3": s3}


@dataclass(frozen=True)
class Kept:
    """A data set and its store in a bucket that keeps versions."""

    server: Server
    bucket: str
    gone: Verdict
    other: Verdict
    folder: Path

    @property
    def out(self) -> str:
        return f"{self.server.scheme}://{self.bucket}/data/out"

    @property
    def store(self) -> str:
        return f"{self.server.scheme}://{self.bucket}/data/store"

    def withdraw(self, verdict: Verdict | None = None) -> Ended:
        named = (verdict or self.gone).video_key
        ended = videonet("withdraw", self.out, named, "--store", self.store)
        assert ended.code == 0, ended.stderr
        return ended

    def showing(self, verdict: Verdict) -> list[str]:
        """Names of the objects of which some version shows a video."""
        found = self.server.versions(self.bucket)
        return sorted({each.name for each in found if shows(each, verdict, self.folder)})


@pytest.fixture
def kept(
    request: pytest.FixtureRequest,
    servers: dict[str, Server],
    curated: Curated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Kept:
    scheme = getattr(request, "param", "gs")
    server = servers[scheme]
    server.proxy.clear()
    server.set_environment(monkeypatch)
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    server.make_bucket(bucket, versions=True)
    gone, other = kept_beside_others(curated.out)
    placed = Kept(server, bucket, gone, other, tmp_path)
    for place, folder in ((placed.out, curated.out), (placed.store, curated.store)):
        copy_to(open_place(place), folder)
    fill(Store(placed.store), (gone, other))
    report = open_place(placed.out)
    report.write_once("report/index.html", b"a page that shows them")
    return placed


def copy_to(objects: Objects, folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and file.name != ".lock":
            objects.write_once(file.relative_to(folder).as_posix(), file.read_bytes())


def fill(store: Store, videos: Iterable[Verdict]) -> None:
    """Let a store have all that it may have of videos, in shards of records that were replaced."""
    for verdict in videos:
        key = verdict.video_key
        handed_on = f"{HANDED_ON}/{'b' * 32}/{store.place(key)}"
        clips = store.clips(key, "cut", "a" * 32)
        for name in (store.video(key), store.part(key), clips, handed_on):
            store.write(name, b"what it shows")
        store.write_address(key, "https://example.org/?token=secret")
    pack(store)
    for verdict in videos:
        store.write_address(verdict.video_key, "https://example.org/?token=another")
        store.write_thumbnail(verdict.video_key, b"another picture")
    pack(store)


def shows(version: Version, verdict: Verdict, folder: Path) -> bool:
    """Whether one state of an object of STORE or OUT shows a video."""
    place, _, name = version.name.removeprefix("data/").partition("/")
    key = digest(verdict.video_key)
    kind = name.partition("/")[0]
    if place == "out":
        path = name.removeprefix("_state/withdrawing/")
        if shard_of_path(path) is None:
            # What a draft became, its name does not say.
            return kind in ("report", "tmp")
        file = folder / "shard"
        file.write_bytes(version.data)
        clips = FORMATS[path.rpartition(".")[2]].read(file)
        return any(clip.example_id.rpartition("#")[0] == verdict.video_key for clip in clips)
    if name.startswith(("side/thumbnails/", "addresses/")) and name.endswith(".parquet"):
        digests = pq.read_table(pa.BufferReader(version.data))["digest"].to_pylist()
        return bytes.fromhex(key) in digests
    # What was measured stays, and so does that it was withdrawn, and by whom it was in hand.
    return key in name and kind not in ("record", "withdrawn", "claim")


def said_of(ended: Ended, address: str) -> str:
    """What the command says at last of a place."""
    return [each for each in ended.stdout.splitlines() if each.startswith(address)][-1]


def test_no_version_of_anything_shows_a_withdrawn_video(kept: Kept):
    before = kept.showing(kept.gone)
    kinds = {re.sub(r"[0-9a-f]{64}.*|-b.*|\d+-of.*", "", name) for name in before}
    assert len(kinds) >= 9, kinds
    ended = kept.withdraw()
    assert re.search(r": \d+ earlier versions deleted for good\.", said_of(ended, kept.store))
    assert re.search(r": \d+ earlier versions deleted for good\.", said_of(ended, kept.out))
    assert "restored" not in ended.stdout
    assert kept.showing(kept.gone) == []
    assert list((scratch_at().root / "copies").iterdir()) == []
    # Of others, what the same objects do not hold is there as it was.
    versions = kept.server.versions(kept.bucket)
    assert any(not each.is_latest and shows(each, kept.other, kept.folder) for each in versions)
    assert videonet("verify", kept.out).code == 0
    # What is done again leaves a draft in OUT.
    assert f"{kept.store}: " not in kept.withdraw().stdout
    kept.withdraw(kept.other)
    assert kept.showing(kept.gone) == kept.showing(kept.other) == []


def test_what_a_retention_policy_keeps_is_said_with_its_end_and_deleted_later(kept: Kept):
    kept.server.proxy.retained = "2031-01-02T03:04:05Z"
    ended = kept.withdraw()
    for address in (kept.store, kept.out):
        assert re.search(
            r": \d+ earlier versions could not be deleted, and can be restored until "
            r"2031-01-02 03:05 UTC, when the bucket's retention ends; after that, the same command",
            said_of(ended, address),
        )
    assert kept.showing(kept.gone)
    kept.server.proxy.retained = None
    assert "deleted for good" in kept.withdraw().stdout
    assert kept.showing(kept.gone) == []


def test_of_versions_that_are_held_for_no_known_time_the_command_says_what_is_needed(kept: Kept):
    kept.server.proxy.retained = ""
    said = said_of(kept.withdraw(), kept.store)
    assert "can be restored until they are deleted: once nothing holds them, and with" in said
    assert said.endswith("(storage.objects.delete), the same command deletes them.")


def test_soft_delete_is_said_with_its_end(kept: Kept):
    days = 7
    kept.server.proxy.soft_delete = days * 24 * 3600
    begun = datetime.now(UTC)
    said = said_of(kept.withdraw(), f"gs://{kept.bucket} keeps what is deleted (soft delete)")
    ended = datetime.now(UTC)
    found = re.search(r"restored until ([0-9-]+ [0-9:]+) UTC, and nobody can end that sooner", said)
    assert found is not None, said
    end = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert begun <= end - timedelta(days=days) <= ended + timedelta(minutes=1)
    assert said.endswith(f"gcloud storage buckets update gs://{kept.bucket} --clear-soft-delete")


def test_where_the_bucket_may_not_be_asked_the_command_says_how_to(kept: Kept):
    kept.server.proxy.fail("bucket", "status", 2, status=403)
    said = said_of(kept.withdraw(), f"Whether gs://{kept.bucket} keeps what is deleted")
    assert "lack storage.buckets.get" in said
    assert f"gcloud storage buckets describe gs://{kept.bucket}" in said


@pytest.mark.parametrize("kept", ["s3"], indirect=True)
def test_on_s3_the_command_names_another_one_that_deletes_versions(kept: Kept):
    ended = kept.withdraw()
    assert kept.showing(kept.gone)
    client = boto3.client("s3")
    for address in (kept.store, kept.out):
        said = said_of(ended, address)
        assert "their bytes can be restored until somebody does" in said
        prefix = f"data/{address.rpartition('/')[2]}/"
        named = f"--bucket {kept.bucket} --prefix {prefix} --output json --query"
        command = re.search(rf"list-object-versions {named} '(.*)'\)\"$", said)
        assert command is not None, said
        # As `aws` does it.
        found = client.list_object_versions(Bucket=kept.bucket, Prefix=prefix)
        client.delete_objects(Bucket=kept.bucket, Delete=jmespath.search(command[1], found))
    assert kept.showing(kept.gone) == []
    assert videonet("verify", kept.out).code == 0


@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_a_bucket_that_keeps_nothing_is_not_spoken_of(
    servers: dict[str, Server],
    scheme: str,
    curated: Curated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    server = servers[scheme]
    server.proxy.clear()
    server.set_environment(monkeypatch)
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    address = server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}")
    for name in ("out", "store"):
        copy_to(open_place(f"{address}/data/{name}"), getattr(curated, name))
    gone, _ = kept_beside_others(curated.out)
    typed = (f"{address}/data/out", gone.video_key, "--store", f"{address}/data/store")
    ended = videonet("withdraw", *typed)
    assert ended.code == 0
    assert not {"restored", "versions", "keeps"} & set(re.findall(r"\w+", ended.stdout))


def test_no_file_of_a_folder_shows_it_not_even_shards_that_were_superseded(
    curated: Curated, tmp_path: Path
):
    for name in ("store", "out"):
        shutil.copytree(getattr(curated, name), tmp_path / "data" / name)
    store = Store(tmp_path / "data/store")
    gone, other = kept_beside_others(curated.out)
    fill(store, (gone, other))
    assert store.tables.thumbnails.pointer().superseded

    def showing(verdict: Verdict) -> list[str]:
        files = (each for each in (tmp_path / "data").rglob("*") if each.is_file())
        return [
            each.name
            for file in files
            if shows(
                each := Version(file.relative_to(tmp_path).as_posix(), file.read_bytes(), True),
                verdict,
                tmp_path,
            )
        ]

    assert len(showing(gone)) >= 9
    videonet("withdraw", tmp_path / "data/out", gone.video_key, "--store", store.root)
    assert showing(gone) == []
    assert showing(other)
    assert store.tables.thumbnails.pointer().superseded == {}
