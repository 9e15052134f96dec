"""Lists of excluded videos: as Kinetics and AVA publish them, and as people write them."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videonet.errors import UsageError
from videonet.schemas.exclusion import Exclusion
from videonet.selection.exclusion_files import channel_forms, read_exclusion
from videonet.sources.video_key import keys_of

KINETICS = """label,youtube_id,time_start,time_end,split
testifying,---QUuC4vJs,84,94,validate
washing feet,--33Lscn6sk,3,13,validate
"""
AVA = """-5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1
-5KQ66BBWC4,0903,0.077,0.151,0.283,0.811,80,1
-FaXLcSFjUI,0904,,,,,
"""
IDS = ("---QUuC4vJs", "--33Lscn6sk")


def read(folder: Path, name: str, text: str | bytes):
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_exclusion(file)


def test_kinetics_tables_are_read_as_they_are(tmp_path: Path):
    assert read(tmp_path, "val.csv", KINETICS).excluded == Exclusion(ids=IDS)
    assert read(tmp_path, "val.csv", "\ufeff" + KINETICS).excluded == Exclusion(ids=IDS)
    assert read(tmp_path, "val.csv", KINETICS.replace("\n", "\r\n")).excluded.ids == IDS


def test_ava_tables_have_no_header(tmp_path: Path):
    found = read(tmp_path, "ava_val_v2.2.csv", AVA)
    assert found.excluded == Exclusion(ids=("-5KQ66BBWC4", "-FaXLcSFjUI"))
    assert found.unread == 0


def test_names_of_files_are_ids(tmp_path: Path):
    names = "053oq2xB3oU.mkv\n-5KQ66BBWC4.mp4\ntrain/---QUuC4vJs_000084_000094.mp4\n"
    found = read(tmp_path, "ava_file_names_trainval_v2.1.txt", names)
    assert found.excluded.ids == ("---QUuC4vJs", "-5KQ66BBWC4", "053oq2xB3oU")


def test_an_id_an_address_or_a_channel_a_line(tmp_path: Path):
    address = "https://media.example.org/a.mp4"
    text = f"""# of our own
my-video-7

{address}
https://youtu.be/dQw4w9WgXcQ
channel: Birds TV
https://www.youtube.com/@WildLife/videos
youtube:abcdefghijk
"""
    found = read(tmp_path, "list.txt", text)
    assert found.excluded == Exclusion(
        keys=tuple(sorted([keys_of(address)[0], "youtube:abcdefghijk", "youtube:dQw4w9WgXcQ"])),
        ids=("my-video-7",),
        channels=tuple(
            sorted(["birds tv", *channel_forms("https://www.youtube.com/@WildLife/videos")])
        ),
    )
    assert found.unread == 0


def test_all_forms_of_a_table_say_the_same(tmp_path: Path):
    rows = [{"video_id": each, "note": "x"} for each in IDS]
    wanted = Exclusion(ids=IDS)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert read(tmp_path, "a.jsonl", lines).excluded == wanted
    assert read(tmp_path, "b.tsv", f"note\tvideo_id\nx\t{IDS[0]}\ny\t{IDS[1]}\n").excluded == wanted
    assert read(tmp_path, "c.csv", f"note;video_id\nx;{IDS[0]}\ny;{IDS[1]}\n").excluded == wanted
    assert read(tmp_path, "d.csv.gz", gzip.compress(KINETICS.encode())).excluded == wanted
    assert read(tmp_path, "e.csv", "\n".join(("id", *IDS))).excluded == wanted
    assert read(tmp_path, "f.jsonl", "".join(f'"{each}"\n' for each in IDS)).excluded == wanted
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "g.parquet")
    assert read_exclusion(tmp_path / "g.parquet").excluded == wanted


def test_the_channel_of_a_row_with_an_id_only_describes_it(tmp_path: Path):
    table = "id,channel\nabc,Birds TV\n,Cats TV\n"
    assert read(tmp_path, "a.csv", table).excluded == Exclusion(ids=("abc",), channels=("cats tv",))
    assert read(tmp_path, "b.csv", "channel\nBirds  TV\n").excluded.channels == ("birds tv",)


def test_lines_that_are_not_understood_are_counted(tmp_path: Path):
    found = read(
        tmp_path, "list.txt", f"{IDS[0]}\na black swan\n\x1b[31m\n{'x' * 3_000}\n{IDS[1]}\n"
    )
    assert (found.excluded.ids, found.unread, found.first_unread) == (IDS, 3, 2)
    found = read(tmp_path, "list.jsonl", '{"id": "a"}\n{broken\n[]\n{"title": "b"}\n')
    assert (found.excluded.ids, found.unread, found.first_unread) == (("a",), 3, 2)


def test_a_line_of_any_length_is_passed_over(tmp_path: Path):
    found = read(tmp_path, "list.txt", "x" * 2_500_000 + "\n" + IDS[0])
    assert (found.excluded.ids, found.unread) == (IDS[:1], 1)


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "# nothing\n", "a black swan\nanother one\n", "label,count\nswan,3\ndog,4\n"],
    ids=["empty", "blank", "a comment", "titles", "a table of something else"],
)
def test_a_file_of_which_nothing_is_understood_is_an_error(tmp_path: Path, text: str):
    with pytest.raises(UsageError, match=r"list\.csv.* names no video and no channel"):
        read(tmp_path, "list.csv", text)


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path):
    with pytest.raises(UsageError, match="There is no file"):
        read_exclusion(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="There is no file"):
        read_exclusion(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, "list.parquet", b"PAR1 no")
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, "list.txt", b"abc\n\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, "list.csv.gz", gzip.compress(KINETICS.encode())[:40])


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters=",;\t"))))
def test_whatever_lines_hold_each_counts_or_is_counted(tmp_path_factory, lines: list[str]):
    file = tmp_path_factory.mktemp("any") / "list.txt"
    file.write_bytes("\n".join([IDS[0], *lines]).encode())
    found = read_exclusion(file)
    assert IDS[0] in found.excluded.ids
    named = len(found.excluded.ids + found.excluded.keys + found.excluded.channels)
    of_text = [each for line in lines for each in (line.splitlines() or [""])]
    # A channel's address is one line, and two forms of its name.
    assert named <= 1 + 2 * len(of_text) - found.unread
    assert found.unread <= len(of_text)
