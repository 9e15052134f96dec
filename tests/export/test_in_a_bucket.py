"""An export in a bucket: the same files as in a folder, checked and changed there."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.export.test_export import tree
from tests.storage.servers import Server, fake_gcs
from videonet.errors import UsageError
from videonet.export.folder import is_export
from videonet.export.verify import verify_export
from videonet.export.withdraw import withdraw_from_export
from videonet.export.write import export
from videonet.schemas.export import ExportForm
from videonet.storage.places import open_place


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with fake_gcs() as gs:
        yield gs


@pytest.fixture
def bucket(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The address of a new bucket."""
    server.set_environment(monkeypatch)
    monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
    return server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}")


def in_bucket(address: str) -> dict[str, bytes]:
    place = open_place(address)
    return {
        each.name: place.read(each.name) or b""
        for each in place.list("")
        if not each.name.startswith(("lease/", "tmp/")) and each.name != "_state/probe.json"
    }


def test_it_is_as_in_a_folder_and_sound(out: Path, webdataset: Path, bucket: str):
    address = f"{bucket}/some/export"
    assert not is_export(address)
    export(out, address, ExportForm.WEBDATASET)
    assert in_bucket(address) == tree(webdataset)
    assert is_export(address)
    assert verify_export(address).problems == []
    withdraw_from_export(address, ["free"])
    assert verify_export(address).problems == []
    assert {"withdrawn.json"} == in_bucket(address).keys() - tree(webdataset).keys()


def test_what_is_there_is_not_overwritten(out: Path, bucket: str):
    address = f"{bucket}/notes"
    open_place(address).write_once("notes.txt", b"mine")
    with pytest.raises(UsageError, match=r"such as notes\.txt, which is not overwritten"):
        export(out, address, ExportForm.LIST)
    assert in_bucket(address) == {"notes.txt": b"mine"}
