"""Text is text: whatever strangers call things, no character of theirs acts on what we write."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.drawing import draw_video
from demo.train_classifier import MODEL
from tests.curated import Ended, videonet
from tests.once import made_once
from videonet.errors import UsageError
from videonet.schemas.shown import printable, shown_json
from videonet.storage.dataset_dir import DatasetDir
from videonet.text import shortened

# Of each kind of what acts: C0 and C1, a bell, an end of text, directions, joiners, tags.
ACTING = (
    "\x00\x01\x07\x08\x0b\x0c\x0e\x1b\x1c\x1f\x7f\x80\x85\x9b\x9d\xad\u061c\u200b\u200c\u200d"
    "\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
    "\U000e0001\U000e0041"
)
RAW = re.compile(f"[{ACTING}\r]")

# Sequences that clear a screen, set its title, and write over a line; and a line of its own.
NASTY = f"\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\rover{ACTING}\nPLANTED"

IDS = [
    "../../x",
    "/etc/passwd",
    "..\\..\\y",
    "x" * 300,
    "CON",
    "nul",
    "Same",
    "sAME",
    ".",
    "..",
    "-rf",
    "~",
    "a/b",
    NASTY,
    "'; DROP TABLE videos; --",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "[bold red]markup[/]",
]


class Run(NamedTuple):
    """A finished run and all that commands said of it."""

    folder: Path
    said: dict[str, Ended]

    @property
    def out(self) -> Path:
        return self.folder / "out"


@contextmanager
def hostile_server(video: bytes) -> Iterator[str]:
    """Gives a video below /v; else refuses with words that act, in its status and its page."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reason = b"Gone \x1b[31m\x07\x9b2J"
            body = f"<html><title>{NASTY}</title>{NASTY}</html>".encode("utf-8", "replace")
            if self.path.startswith("/v"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n")
                body = video
            elif self.path.startswith("/page"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")
            else:
                self.wfile.write(b"HTTP/1.1 403 " + reason + b"\r\nX-Note: \x1b[31m\r\n")
            length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            self.wfile.write(length.encode() + body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def rows(address: str) -> Iterator[dict[str, str]]:
    for number, name in enumerate(IDS):
        place = ("v", "gone", "page")[number % 3]
        yield {
            "id": name,
            "url": f"{address}/{place}/{number}.mp4",
            "title": f"a balloon {NASTY} {name[:40]}",
            "channel": f"channel {NASTY}",
            "license": f"licence {NASTY}",
        }


def make(folder: Path) -> None:
    draw_video(folder / "v.mp4", "balloon", 11, size=(96, 64))
    # The file is read by lines.
    inline = re.sub(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", "", NASTY)
    (folder / "classes.txt").write_text(f"balloon {inline}: balloon\nsailboat\n")
    with hostile_server((folder / "v.mp4").read_bytes()) as address:
        catalogue = "".join(json.dumps(row) + "\n" for row in rows(address))
        (folder / "videos.jsonl").write_text(catalogue)
        store, out = str(folder / "store"), str(folder / "out")
        curate = [
            *("curate", "--targets", str(folder / "classes.txt"), "--store", store, "--out", out),
            *("--source", f"catalogue:{folder / 'videos.jsonl'}", "--classifier", str(MODEL)),
            *("--frames", "5", "--shards", "2", "--requests-per-second", "10000"),
            *("--allow-private-hosts", "all"),
        ]
        said = {
            "curate": videonet(*curate),
            "again": videonet(*curate),
            "status": videonet("status", out),
            "status --json": videonet("status", out, "--json"),
            "report": videonet("report", out),
            "verify": videonet("verify", out),
            "targets": videonet("targets", str(folder / "classes.txt"), "--classifier", str(MODEL)),
        }
        for number, name in enumerate(IDS):
            # The system hands over no NUL.
            if "\0" not in name:
                said[f"show {number}"] = videonet("show", out, "--", name)
        said["show unknown"] = videonet("show", out, f"not there {NASTY}")
        rebuilt = str(folder / "rebuilt")
        lock = f"{out}/videos.lock.parquet"
        said["rebuild"] = videonet(
            *("rebuild", lock, "--store", f"{store}2", "--out", rebuilt),
            *("--allow-private-hosts", "all"),
        )
        # Another folder and store, as what is withdrawn is gone.
        fewer, from_store = str(folder / "withdrawn"), str(folder / "store3")
        shutil.copytree(out, fewer)
        shutil.copytree(store, from_store)
        gone = ["withdraw", fewer, "--store", from_store, "--"]
        said["withdraw"] = videonet(*gone, *(name for name in IDS[::3] if "\0" not in name))
        said["withdraw again"] = videonet(*gone, IDS[0], IDS[3])
        said["withdraw refused"] = videonet(*gone, *IDS[1:12:3])
        typed = NASTY.replace("\n", "")
        said["withdraw unknown"] = videonet(*gone, f"not there {typed}".replace("\0", ""))
        said["bad option"] = videonet(*curate, "--source", f"catalogue:{typed}")
        (folder / "bad.txt").write_text("balloon: b\nno such class \x1b[31m\u202e\n")
        bad = [*curate[:2], str(folder / "bad.txt"), *curate[3:6], f"{out}2", *curate[7:]]
        said["bad class"] = videonet(*bad)
    ended = {name: list(each) for name, each in said.items()}
    (folder / "said.json").write_text(json.dumps(ended))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = made_once(tmp_path_factory.getbasetemp(), "hostile", make)
    ended = json.loads((folder / "said.json").read_text())
    return Run(folder, {name: Ended(*each) for name, each in ended.items()})


def test_every_command_did_its_work(hostile):
    codes = {name: each.code for name, each in hostile.said.items()}
    bad = {"show unknown", "bad option", "bad class", "withdraw unknown"}
    assert {name for name, code in codes.items() if code not in (0, 3)} == bad, hostile.said
    manifest = DatasetDir(hostile.out).manifest()
    assert manifest.totals.kept_videos >= 5
    assert sum(manifest.totals.verdicts.failed.values()) >= 10


def test_no_character_of_a_stranger_acts_on_a_terminal(hostile):
    for name, ended in hostile.said.items():
        for text in (ended.stdout, ended.stderr):
            assert RAW.findall(text) == [], name
            assert not re.search(r"^\s*PLANTED", text, re.MULTILINE), name


def test_no_character_of_a_stranger_acts_on_a_page_or_in_a_record(hostile):
    kinds = {".md", ".html", ".csv", ".json", ".txt", ".toml"}
    looked_at = set()
    for root in ("out", "rebuilt", "store", "withdrawn", "store3"):
        for file in (hostile.folder / root).rglob("*"):
            if file.is_file() and file.suffix in kinds:
                looked_at.add(file.suffix)
                assert RAW.findall(file.read_bytes().decode()) == [], file
    assert {".md", ".html", ".json"} <= looked_at


def test_what_was_withdrawn_is_named_and_gone(hostile):
    kept = DatasetDir(hostile.out).manifest().totals.kept_videos
    assert DatasetDir(hostile.folder / "withdrawn").manifest().totals.kept_videos == 0 < kept
    assert hostile.said["withdraw"].stdout.count("is withdrawn.") == len(IDS[::3])
    assert "not there" in hostile.said["withdraw unknown"].stderr


@pytest.mark.parametrize("to", ["timm", "onnx"])
def test_what_a_checkpoint_is_called_and_calls_things_does_not_act_when_it_is_exported(
    tmp_path, to
):
    torch = pytest.importorskip("torch")
    from videonet.training import checkpoint

    # A folder may be called anything but this.
    run = tmp_path / NASTY.replace("\0", "").replace("/", "")
    held = {
        "config": {"backbone": {"name": NASTY, "scales": 2}, "augmentation": {"size": 32}},
        "step": 3,
        "online": {NASTY: torch.zeros(1)},
        "versions": {NASTY: NASTY},
        "manifest_sha256": NASTY,
    }
    (run / "checkpoints").mkdir(parents=True)
    checkpoint.save(run, held, keep_last=1, keep_every=0)
    hostile_name = videonet("export", str(run), "--to", to)
    held["config"]["backbone"]["name"] = "test_resnet"
    checkpoint.save(run, held, keep_last=1, keep_every=0)
    hostile_weights = videonet("export", str(run), "--to", to)
    (run / "checkpoints" / "step-00000003.pt").write_bytes(NASTY.encode())
    for ended in (hostile_name, hostile_weights, videonet("export", str(run), "--to", to)):
        assert ended.code == 2
        assert ended.stderr.startswith("videonet: ")
        assert RAW.findall(ended.stdout + ended.stderr) == []
        assert "Traceback" not in ended.stderr


def test_an_export_names_a_folder_without_its_characters_that_act(tmp_path):
    pytest.importorskip("torch")
    from tests.training.test_export import save, trained

    run = tmp_path / NASTY.replace("\0", "").replace("/", "")
    save(run, trained("test_resnet", 1))
    ended = videonet("export", str(run), "--to", "timm")
    assert ended.code == 0, ended.stderr
    assert RAW.findall(ended.stdout + ended.stderr) == []
    assert not re.search(r"^\s*PLANTED", ended.stdout, re.MULTILINE)


def test_in_tables_they_are_data(hostile):
    output = DatasetDir(hostile.out)
    verdicts = [each for index in range(2) for each in output.verdicts(index, 2)]
    assert {each.video.video_id for each in verdicts} == set(IDS)
    assert all("\x1b[2J" in each.video.title for each in verdicts)
    errors = [each.error for each in verdicts if each.error]
    assert errors
    assert not any(RAW.search(error) for error in errors)


def test_ids_never_meet_a_file_system(hostile):
    names = [
        file.relative_to(hostile.folder).as_posix()
        for file in hostile.folder.rglob("*")
        if file.relative_to(hostile.folder).parts[0]
        in (*("out", "rebuilt", "withdrawn", "store", "store2", "store3"),)
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) for name in names)
    assert all(len(Path(name).name) < 100 for name in names)
    # On a disk to which upper and lower case are the same, they are other files still.
    assert len({name.lower() for name in names}) == len(names)
    shown = [name for name in names if name.startswith("out/") and "/report/show/" in name]
    assert len(shown) == sum("\0" not in name for name in IDS)
    assert not any((hostile.folder / name).exists() for name in ("x", "../x", "out/x"))


@given(st.text() | st.text(st.sampled_from(ACTING + "ab\n\t ")))
def test_a_printable_text_has_no_character_that_acts(text):
    assert not RAW.search(printable(text))
    assert printable(printable(text)) == printable(text)
    assert not RAW.search(shortened(text))
    assert not RAW.search(str(UsageError(text)))
    printable(text).encode()


@given(st.text(st.characters(codec="utf-8")) | st.text(st.sampled_from(ACTING + 'ab"\\ ')))
def test_json_says_the_same_with_escapes(text):
    data = json.dumps([text, {text: 1}], ensure_ascii=False).encode()
    assert json.loads(shown_json(data)) == json.loads(data)
    assert not RAW.search(shown_json(data).decode())


def test_what_people_write_stays():
    for text in (
        "héllo wörld",
        "日本語のタイトル",
        "עברית",
        "العربية",
        "👩\ufe0f🍳",
        "ก็",
        "a\u00a0b",
    ):
        assert printable(text) == text
