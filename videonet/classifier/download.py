"""The default classifier: fetched once, checked, and kept in the user's cache folder."""

import os
from pathlib import Path

import filelock
import msgspec
import requests
import tenacity
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from videonet.errors import UsageError
from videonet.files import cache_folder, sha256_of


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file on Hugging Face, pinned to the byte."""

    name: str
    # below the server's address
    url_path: str
    bytes: int
    sha256: str


# What it is called.
DEFAULT = "resnet50"

# Apache-2.0, from the ONNX model zoo
RESNET50 = Asset(
    name="resnet50-v1-12.onnx",
    url_path="onnxmodelzoo/resnet50-v1-12/resolve/"
    "1f95315d8bd3b3ca2ceabe54d274e0cdf5a83bbe/resnet50-v1-12.onnx",
    bytes=102_576_593,
    sha256="3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526",
)

_CONNECT_AND_READ_SECONDS = (10, 30)
# what a broken connection loses at most
_CHUNK_BYTES = 1 << 16
_ATTEMPTS = 5


def check_model_file(path_or_name: str) -> None:
    """Raise UsageError where a classifier's file cannot be opened; what is in it is not looked at.

    The default one is fetched when it is needed.
    """
    if path_or_name == DEFAULT:
        return
    try:
        with Path(path_or_name).open("rb"):
            pass
    except OSError as error:
        raise unreadable(Path(path_or_name), error) from error


def unreadable(path: Path, error: OSError) -> UsageError:
    """What is said of a classifier's file that cannot be read."""
    return UsageError(
        f"{path}: cannot be read ({error.strerror}); give the path of an ONNX file, or {DEFAULT!r}"
    )


def fetch_default() -> Path:
    """The default classifier's ONNX file, fetched when it is not there. Raises as `fetch` does."""
    return fetch(RESNET50, cache_folder())


def fetch(asset: Asset, directory: Path) -> Path:
    """The path of `asset` in `directory`, fetched from HF_ENDPOINT when it is not there.

    An interrupted download leaves a `.part` file from which the next one goes on. Processes that
    ask at the same time wait for one download. Raises `UsageError` when the file cannot be had or
    is not the one that is expected.
    """
    path = directory / asset.name
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    url = f"{endpoint.rstrip('/')}/{asset.url_path}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(directory / f"{asset.name}.lock"):
            if not path.exists():
                part = directory / f"{asset.name}.part"
                _download(url, part, asset)
                if sha256_of(part) != asset.sha256:
                    part.unlink()
                    raise UsageError(
                        f"{url} is not the file that is expected (sha256 {asset.sha256}) and was "
                        "deleted: try again, or unset HF_ENDPOINT if that names a mirror"
                    )
                part.replace(path)
            elif sha256_of(path) != asset.sha256:
                raise UsageError(
                    f"{path} is not the file that is expected (sha256 {asset.sha256}): delete it, "
                    "and it will be fetched"
                )
    except OSError as error:  # those of requests included
        raise UsageError(
            f"cannot fetch {url} to {path} ({error}): try again to go on from where it stopped, "
            f"or put that file there by hand ({asset.bytes:,} bytes, sha256 {asset.sha256})"
        ) from error
    return path


def _transient(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(
        error,
        requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError,
    )


@tenacity.retry(
    retry=tenacity.retry_if_exception(_transient),
    stop=tenacity.stop_after_attempt(_ATTEMPTS),
    wait=tenacity.wait_random_exponential(multiplier=0.5, max=30),
    reraise=True,
)
def _download(url: str, part: Path, asset: Asset) -> None:
    """Fetch what `part` still lacks, or all of it where the server knows no ranges."""
    have = part.stat().st_size if part.exists() else 0
    if have >= asset.bytes:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(
        url, headers=headers, stream=True, timeout=_CONNECT_AND_READ_SECONDS
    ) as response:
        response.raise_for_status()
        continues = response.status_code == requests.codes.partial_content
        with part.open("ab" if continues else "wb") as file, _progress() as progress:
            task = progress.add_task(asset.name, total=asset.bytes, completed=file.tell())
            for chunk in response.iter_content(_CHUNK_BYTES):
                file.write(chunk)
                progress.update(task, completed=file.tell())
                if file.tell() > asset.bytes:  # not our file, and perhaps without an end
                    break


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
