"""What a user types for a place, and the sentences where that is none."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.storage.servers import Server, gcp_emulator
from videonet.errors import UsageError
from videonet.storage.folder_objects import FolderObjects
from videonet.storage.objects import Objects
from videonet.storage.places import is_remote, open_place, open_shared, parsed
from videonet.storage.probe import require_conditional_writes


def test_a_path_is_a_folder(tmp_path: Path) -> None:
    place = open_place(str(tmp_path / "a"))
    assert isinstance(place, FolderObjects)
    assert place.address == str(tmp_path / "a")
    assert not is_remote("a:b/c")
    assert is_remote("gs://bucket/x")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("gs://bucket", ("gs", "bucket", "")),
        ("gs://bucket/", ("gs", "bucket", "")),
        ("GS://my.bucket_1/a/b/", ("gs", "my.bucket_1", "a/b")),
        ("s3://my-bucket/a b", ("s3", "my-bucket", "a b")),
    ],
)
def test_an_address_has_a_bucket_and_a_prefix(address: str, expected: tuple[str, str, str]) -> None:
    assert parsed(address) == expected


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://host/x", "http://host/x is no place for data: give a folder, gs://"),
        ("hdfs://host/x", "is no place for data"),
        ("gs://", "'' in gs:// is no name of a bucket"),
        ("gs://ab/x", "'ab' in gs://ab/x is no name of a bucket: one has 3 to 63"),
        ("s3://Bucket/x", "'Bucket' in s3://Bucket/x is no name of a bucket"),
        ("s3://buck_et/x", "no name of a bucket"),
        ("s3://127.0.0.1/x", "no name of a bucket"),
        ("gs://bucket/a//b", "has an empty part"),
        ("gs://bucket/../b", "has an empty part, or one of dots alone"),
    ],
)
def test_what_is_no_address_is_said(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        open_place(address)


def test_a_bucket_that_is_not_there_is_said(server: Server) -> None:
    address = f"{server.scheme}://no-such-{uuid.uuid4().hex[:8]}"
    with pytest.raises(UsageError, match=f"There is no bucket {address}: name one"):
        open_place(f"{address}/x")


def test_a_lack_of_rights_is_said(server: Server, bucket: str) -> None:
    server.proxy.fail("list", "status", 100, status=403)
    with pytest.raises(UsageError, match=f"{bucket} may not be used .*403.*give these credentials"):
        open_place(bucket)


def _without_network(environment: dict[str, str], address: str) -> str:
    """What a process of its own says when it opens a place."""
    code = (
        "import sys\nfrom videonet.storage import places\nplaces._FIRST_ANSWER = 2.0\n"
        "try: places.open_place(sys.argv[1])\n"
        "except places.UsageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, address],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", **environment},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_missing_credentials_are_said() -> None:
    said = _without_network({"NO_GCE_CHECK": "true"}, "gs://bucket/x")
    assert said.startswith("No credentials for gs://bucket/x were found: log in with `gcloud auth")
    said = _without_network({"AWS_EC2_METADATA_DISABLED": "true"}, "s3://bucket/x")
    assert said.startswith("No credentials for s3://bucket/x were found: give AWS_ACCESS_KEY_ID")


def test_a_place_without_a_network_is_said() -> None:
    # Nothing listens at this port.
    said = _without_network({"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}, "gs://bucket/x")
    assert said.startswith("gs://bucket/x cannot be reached (")
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
    said = _without_network({**keys, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "s3://bucket/x")
    assert said.startswith("s3://bucket/x cannot be reached (")


def test_keys_come_from_the_users_profile(tmp_path: Path, s3: Server) -> None:
    s3.proxy.clear()
    address = s3.make_bucket(f"bucket-{uuid.uuid4().hex[:8]}")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"
        "[other]\naws_access_key_id = c\naws_secret_access_key = d\n"
    )
    endpoint = {"AWS_ENDPOINT_URL": s3.url, "AWS_EC2_METADATA_DISABLED": "true"}
    assert _without_network({**endpoint, "HOME": str(tmp_path)}, address) == ""
    profile = {"AWS_PROFILE": "other", "HOME": str(tmp_path)}
    assert _without_network({**endpoint, **profile}, address) == ""
    profile["AWS_PROFILE"] = "none"
    assert "No credentials for" in _without_network({**endpoint, **profile}, address)


def test_no_client_is_loaded_for_a_folder(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom videonet.storage.places import open_shared\n"
        "open_shared(sys.argv[1]).write_once('a', b'')\n"
        "print(sorted({'google.cloud.storage', 'obstore', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_place_is_probed_once(server: Server, bucket: str) -> None:
    place = open_shared(bucket)
    assert [each.name for each in place.list("")] == ["probe.json"]
    server.proxy.clear()
    open_shared(bucket)
    # Whether it may be listed, and whether drafts were left there.
    assert dict(server.proxy.counts) == {"list": 2, "get": 1}


def test_drafts_go_after_a_day(
    server: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = open_shared(bucket)
    place.write_once("tmp/left", b"half")
    place.write_once("a", b"one")
    open_shared(bucket)
    assert place.read("tmp/left") == b"half"
    assert [each.name for each in place.list("")] == ["a", "probe.json"]
    monkeypatch.setattr("videonet.storage.objects._ABANDONED", -60.0)
    open_shared(bucket)
    assert place.read("tmp/left") is None
    assert place.read("a") == b"one"


def test_a_service_that_overwrites_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with gcp_emulator() as server:
        server.set_environment(monkeypatch)
        address = server.make_bucket("bucket-that-overwrites")
        with pytest.raises(UsageError, match=r"cannot be shared: its service replaces an object"):
            open_shared(address)
        with pytest.raises(UsageError, match=r"cannot be shared"):
            open_shared(address)


def test_a_service_that_deletes_any_state_is_refused(
    gcs: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the server does where the proxy does not look at conditions.
    monkeypatch.setattr(gcs.proxy, "dialect", "plain")
    gcs.set_environment(monkeypatch)
    address = gcs.make_bucket(f"bucket-{uuid.uuid4().hex[:8]}")
    with pytest.raises(UsageError, match=r"its service deletes an object whose state is no longer"):
        open_shared(address)


def test_every_form_honours_conditions(objects: Objects) -> None:
    require_conditional_writes(objects)
    assert objects.read("probe.json") is not None
