"""What the tests of the doctor look at."""

import os
import socket
from pathlib import Path

from videonet.doctor.finding import Finding, State
from videonet.doctor.sites import Needs, look_at_source

SHARED = Path(os.environ.get("VIDEONET_SHARED", Path(__file__).parents[3] / "shared"))
NLTK_DATA = SHARED / "data" / "lists" / "nltk_data"

HAS_GPU = Path("/dev/nvidiactl").exists()

PASSWORD = "s3cret"


def program(file: Path, says: str, *, seconds: int = 0) -> Path:
    wait = f"exec /bin/sleep {seconds}" if seconds else ""
    file.write_text(f"#!/bin/sh\necho '{says}'\n{wait}\n")
    file.chmod(0o755)
    return file


def dead_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def catalogue(folder: Path, *urls: str) -> str:
    rows = [f"{number},{url},A balloon" for number, url in enumerate(urls)]
    (folder / "t.csv").write_text("\n".join(["id,url,title", *rows, ""]))
    return f"catalogue:{folder / 't.csv'}"


def needs(spec: str) -> Needs:
    finding, needed = look_at_source(spec, Path("nowhere"))
    assert finding == Finding("source", State.OK, spec)
    return needed
