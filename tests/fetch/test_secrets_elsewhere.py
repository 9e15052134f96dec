"""videonet.fetch.credentials_file: credentials in a bucket, and in Google's Secret Manager."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import google_crc32c
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.storage.servers import fake_gcs
from videonet.errors import UsageError
from videonet.fetch import secret_manager
from videonet.fetch.credentials import Credentials
from videonet.fetch.credentials_file import FILE_VARIABLE, credentials_here
from videonet.storage.places import open_place

SECRET = "s3cret-of-the-jar"
TOML = f"""
proxy = "socks5h://me:pa55word@host:1080"
cookies = '''
# Netscape HTTP Cookie File
a.org\tFALSE\t/\tFALSE\t0\tsid\t{SECRET}
'''
"""

NAME = "projects/some-project/secrets/access/versions/3"


def require_all(credentials: Credentials) -> None:
    """Check that these are the credentials of TOML, and that nothing shows them."""
    assert credentials.proxies == ("socks5h://me:pa55word@host:1080",)
    jar = credentials.cookie_jar()
    assert jar is not None
    assert [(each.name, each.value) for each in jar] == [("sid", SECRET)]
    assert {SECRET, "pa55word"} <= credentials.secrets()
    assert SECRET not in repr(credentials)
    assert "pa55word" not in repr(credentials)
    # The same ones for each run of this process, with the cookies that sites add.
    assert credentials_here() is credentials


def refusal() -> str:
    with pytest.raises(UsageError) as caught:
        credentials_here()
    said = str(caught.value)
    assert said.startswith("gs://" if "gs://" in said else NAME)
    assert ", named in VIDEONET_ACCESS: " in said
    assert SECRET not in said
    return said


# in a bucket


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with fake_gcs() as server, pytest.MonkeyPatch.context() as patched:
        server.set_environment(patched)
        yield server.make_bucket("some-secrets")


def test_credentials_may_lie_in_a_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch):
    open_place(f"{bucket}/of").write_once("access.toml", TOML.encode())
    monkeypatch.setenv(FILE_VARIABLE, f"{bucket}/of/access.toml")
    require_all(credentials_here())


@pytest.mark.parametrize("name", ["none.toml", ""])
def test_what_is_not_in_the_bucket_is_told(name: str, bucket: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(FILE_VARIABLE, f"{bucket}/of/{name}")
    assert "There is no such object." in refusal()


# in Google's Secret Manager


class SecretServer:
    """Answers as the service does when a version of a secret is asked for."""

    def __init__(self) -> None:
        # status and answer, by path
        self.answers: dict[str, tuple[int, object]] = {}
        self.tokens: list[str] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address while it serves."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.tokens.append(self.headers.get("Authorization", ""))
                missing = 404, {"error": {"code": 404, "message": "Secret not found"}}
                status, answer = site.answers.get(self.path.partition("?")[0], missing)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()

    def hold(self, name: str, data: bytes, checksum: int | None = None) -> None:
        """Keep a secret under the name of its version."""
        crc = google_crc32c.value(data) if checksum is None else checksum
        payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(crc)}
        self.answers[f"/v1/{name}:access"] = 200, {"name": name, "payload": payload}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretServer]:
    """The service, as this machine is told to find it, with an account of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "some-project",
        "private_key_id": "0",
        "private_key": key.decode(),
        "client_email": "worker@some-project.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:1/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv(FILE_VARIABLE, NAME)
    server = SecretServer()
    with server.serving() as address:
        monkeypatch.setattr(secret_manager, "_SERVICE", address)
        yield server


def test_credentials_may_be_a_secret_of_google(service: SecretServer):
    service.hold(NAME, TOML.encode())
    require_all(credentials_here())
    assert all(token.startswith("Bearer ey") for token in service.tokens)


def test_of_a_secret_the_latest_version_is_taken_unless_one_is_named(
    service: SecretServer, monkeypatch: pytest.MonkeyPatch
):
    name = NAME.rpartition("/versions/")[0]
    service.hold(f"{name}/versions/latest", TOML.encode())
    monkeypatch.setenv(FILE_VARIABLE, name)
    require_all(credentials_here())


def test_a_secret_that_may_not_be_read_is_told(service: SecretServer):
    assert "It cannot be read (" in (said := refusal())
    assert "Secret not found" in said
    denied = {"error": {"code": 403, "message": "Permission denied on secret", "status": "x"}}
    service.answers[f"/v1/{NAME}:access"] = 403, denied
    assert "Permission denied on secret" in refusal()


def test_a_secret_that_comes_damaged_is_not_used(service: SecretServer):
    service.hold(NAME, TOML.encode(), checksum=7)
    assert "It came damaged" in refusal()


def test_without_credentials_of_its_own_a_machine_says_so(
    service: SecretServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    assert "default credentials were not found" in refusal()
    assert service.tokens == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"cookies = '''\n# Netscape HTTP Cookie File\n{SECRET}'''", "line 2, is no cookie"),
        (f"proxy = 'ftp://me:{SECRET}@host'", "--proxy number 1 does not begin with"),
        (f"password = {SECRET}", "It is no TOML"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_without_it(
    service: SecretServer, content: str, said: str
):
    service.hold(NAME, content.encode())
    assert said in refusal()
