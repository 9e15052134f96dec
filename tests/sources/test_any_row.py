"""A row may say what it likes: it becomes a candidate like any other, and ends nothing."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from videonet.curation.candidate_list import MatchedRow, candidates, match_rows, title_hits
from videonet.errors import UsageError
from videonet.schemas.candidate import Candidate, Sighting
from videonet.schemas.table import from_batch, to_batch
from videonet.sources.catalogue import Catalogue
from videonet.sources.folder import Folder
from videonet.sources.known_videos import KnownVideos, remember
from videonet.sources.source import Row, Source
from videonet.sources.video_key import video_key, with_identity
from videonet.storage.store import Store
from videonet.targets.title_matcher import TitleMatcher

SWANS = TitleMatcher({"swan": ["swan"]})

_PIECES = st.sampled_from(
    [
        *("https://", "http://", "HTTP://", "ftp://", "file:///", "://", "//", "javascript:"),
        *("example.org", "[::1", "[v1.x]", "[fe80::1%25en0]", "user:pass@", "@", "xn--a", "ⓔx.org"),
        *(
            ":99999999",
            ":-1",
            ":port",
            "a" * 300 + ".org",
            "..",
            "../..",
            "/etc/passwd",
            "%00",
            "%",
        ),
        *("youtu.be/", "www.youtube.com/watch?v=", "dQw4w9WgXcQ", "?", "#", "&", "=", ";", "\\"),
        *("\0", "\ud83d", "\udce9", "\n", "\r\n", "\t", "\x1b[31m", "\u202e", "\ufeff", "🐶", "é"),
        *("x" * 5_000, "a/" * 2_500, "9" * 5_000, "&amp;" * 500, "&#x110000;", "swan", " "),
        *("clip.mp4", ".", "~", "CON", "nan", "None", "-", "1e999", "-0", "12:", "1:2:3", "PT1H"),
    ]
)
_TEXTS = st.one_of(st.text(max_size=8), st.lists(_PIECES, max_size=5).map("".join))
_CELLS = st.one_of(
    *(_TEXTS, st.none(), st.booleans(), st.integers(), st.floats()),
    *(st.integers(-(10**400), 10**400), st.lists(st.text(max_size=2), max_size=2)),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
_COLUMNS = ("id", "url", "title", "duration", "channel", "licence")
_ROWS = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(_COLUMNS, _CELLS)), min_size=1, max_size=4
)
GOOD = {
    "id": "good",
    "url": "https://example.org/good.mp4",
    "title": "A swan",
    "duration": 12,
    "channel": "Swans",
    "licence": "CC0",
}


def taken_up(source: Source, store: Store | None = None) -> list[Row]:
    """All rows of a source, after they have gone the way of those whose titles name a class."""
    source.check()
    rows = []
    sightings: list[Sighting] = []
    for batch in source.batches():
        match_rows(batch, SWANS)
        for row in batch:
            rows.append(row)
            named = with_identity(row)
            matched = MatchedRow(named, {"swan": ("swan",)})
            hits = title_hits(matched, video_key(named), source.kind)
            found = candidates(hits, lambda _: 0)
            assert [Candidate.from_json(each.to_json()) for each in found] == found
            assert from_batch(Candidate, to_batch(Candidate, found)) == found
            sightings += [hit.sighting for hit in hits]
    assert all(each.video.video_id for each in sightings)
    if store is not None:
        store.prepare()
        remember(store, sightings)
        known = [row for batch in KnownVideos(store).batches() for row in batch]
        assert {row.video_key for row in known} == {each.video_key for each in sightings}
    return rows


def good(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.video.video_id == "good"]


@given(_ROWS, st.booleans())
@example([{"id": "a", "url": "x" * 5_000, "title": "swan"}], True)
@example([{"id": "a", "url": "x" * 5_000, "title": "swan"}], False)
@example([{"id": "a", "url": "\0", "title": "swan \ud83d"}], True)
@example([{"title": "swan"}, {"id": 7, "title": "swan"}, {"url": "https://x"}], False)
def test_any_row_of_json_lines_is_taken_up(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], local: bool
):
    folder = tmp_path_factory.mktemp("rows")
    file = folder / "t.jsonl"
    file.write_text("\n".join(map(json.dumps, [GOOD, *rows, GOOD])))
    # The database takes longer than all the rest.
    store = Store(folder / "store") if local else None
    found = taken_up(Catalogue(file, folder if local else None), store)
    assert len(found) == len(rows) + 2
    assert len(good(found)) >= 2


_STRINGS = st.one_of(st.none(), _TEXTS.map(lambda text: text.encode("utf-8", "replace").decode()))
_TABLES = st.lists(st.tuples(*[_STRINGS] * len(_COLUMNS)), min_size=1, max_size=4)


@given(_TABLES, st.booleans(), st.booleans())
def test_any_row_of_parquet_is_taken_up(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str | None, ...]],
    local: bool,
    as_bytes: bool,
):
    folder = tmp_path_factory.mktemp("rows")
    file = folder / "t.parquet"
    kind = pa.binary() if as_bytes else pa.string()
    whole = [tuple(map(str, GOOD.values())), *rows]
    columns = [pa.array(cells, kind) for cells in zip(*whole, strict=True)]
    pq.write_table(pa.table(columns, names=_COLUMNS), file)
    found = taken_up(Catalogue(file, folder if local else None))
    assert len(found) == len(whole)
    assert len(good(found)) >= 1


@given(st.lists(st.tuples(*[_TEXTS] * len(_COLUMNS)), min_size=1, max_size=4), st.booleans())
def test_any_row_of_csv_is_taken_up(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], local: bool
):
    folder = tmp_path_factory.mktemp("rows")
    file = folder / "t.csv"
    whole = [_COLUMNS, tuple(map(str, GOOD.values())), *rows]
    quoted = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in whole)
    file.write_bytes("\n".join(quoted).encode("utf-8", "replace"))
    found = taken_up(Catalogue(file, folder if local else None))
    assert len(found) == len(whole) - 1
    assert len(good(found)) >= 1


_KEYS = ("id", "title", "duration", "channel", "uploader", "license")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_KEYS, _CELLS)))
@example({"duration": 10**400})
def test_any_info_file_is_taken_up(
    tmp_path_factory: pytest.TempPathFactory, info: dict[str, object]
):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "videos").mkdir()
    (folder / "videos" / "a.mp4").write_bytes(b"film")
    (folder / "videos" / "a.info.json").write_text(json.dumps(info))
    (row,) = taken_up(Folder(folder / "videos"))
    assert row.video.url == "a.mp4"


_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=60)


@given(st.sets(_NAMES.map(lambda name: f"x{name}.mp4"), min_size=1, max_size=4))
@example({"x" * 251 + ".mp4"})
def test_a_file_of_any_name_is_taken_up(tmp_path_factory: pytest.TempPathFactory, names: set[str]):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "videos").mkdir()
    for name in names:
        (folder / "videos" / name).write_bytes(b"film")
    found = taken_up(Folder(folder / "videos"))
    assert [row.video.url for row in found] == sorted(names)


@given(_TEXTS, _TEXTS, st.booleans())
def test_any_address_has_a_key(video_id: str, url: str, local: bool):
    # As sources hand them out: with both, and without halves of characters.
    row = Catalogue(Path("t.csv"), Path("/videos") if local else None).row(
        0, {"id": video_id, "url": url, "title": "swan"}, of_the_web=True
    )
    kind, _, rest = video_key(with_identity(row)).partition(":")
    assert (kind, len(rest)) in {("url", 64), ("youtube", 11), ("sha256", 64)}


_LINES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [
                *(b"id", b"url", b"title", b"videoid", b"contentUrl", b"caption", b"license", b"7"),
                *(b",", b";", b"\t", b"\n", b"\r\n", b"\r", b'"', b'""', b" ", b"\0", b"sep=;\n"),
                *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"(\xb5/\xfd", b"BZh"),
                *(b'{"id": 1, "url": "https://x", "title": "A"}\n', b"{", b"}", b"[" * 3_000),
                *(b"id,url,title\n", b"a,https://x,A\n", b"id;url;title\n", b"\xe9", b"PAR1"),
            ]
        ),
    ),
    max_size=8,
).map(b"".join)


@given(
    st.one_of(_LINES, _LINES.map(gzip.compress), _LINES.map(lambda each: each.decode("latin-1"))),
    st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".jsonl.zst", ".csv.bz2"]),
    st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32"]),
)
@example(b"[" * 100_000, ".jsonl", "utf-8")
@example(b'{"id": ' + b"[" * 100_000, ".jsonl", "utf-8")
@example(b"id,url,title\n" + b"a," * 100_000, ".csv", "utf-8")
def test_any_file_is_a_catalogue_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str, ending: str, encoding: str
):
    file = tmp_path_factory.mktemp("files") / f"t{ending}"
    file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    try:
        taken_up(Catalogue(file, file.parent))
    except UsageError as error:
        sentence = str(error)
    else:
        sentence = str(file)
    assert str(file) in sentence
    assert len(sentence) < 1_000
