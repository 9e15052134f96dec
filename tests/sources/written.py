"""The same table in each form that a catalogue may have."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("id", "url", "title", "duration", "channel", "licence")

WriteTable = Callable[[Path, list[tuple[str | None, ...]]], None]


def write_csv(file: Path, records: list[tuple[str | None, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([COLUMNS, *records])


def write_tsv(file: Path, records: list[tuple[str | None, ...]]) -> None:
    lines = ["\t".join(cell or "" for cell in record) for record in [COLUMNS, *records]]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def write_jsonl(file: Path, records: list[tuple[str | None, ...]]) -> None:
    lines = [json.dumps(dict(zip(COLUMNS, record, strict=True))) for record in records]
    file.write_text("\n".join(lines), encoding="utf-8")


def write_parquet(file: Path, records: list[tuple[str | None, ...]]) -> None:
    rows = [dict(zip(COLUMNS, record, strict=True)) for record in records]
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(rows, schema), file)


FORMS: dict[str, WriteTable] = {
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".jsonl": write_jsonl,
    ".ndjson": write_jsonl,
    ".parquet": write_parquet,
}
