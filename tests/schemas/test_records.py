"""schemas: a record is the same as a struct, as JSON and as a row of a table."""

import importlib
import pkgutil

import msgspec
import pyarrow as pa
import pytest

import videonet.schemas
from videonet.schemas.candidate import Candidate, Match, Sighting
from videonet.schemas.clip import Clip
from videonet.schemas.record import Record, arrow_schema
from videonet.schemas.search import Answer
from videonet.schemas.verdict import Verdict

CANDIDATE = Candidate(
    video_key="youtube:x",
    video_id="x",
    url="https://example.org/x",
    root=None,
    title="cats",
    duration=12.5,
    channel=None,
    licence="CC-BY",
    live_status="was_live",
    source="catalogue",
    sha256=None,
    matches=(Match(target_id="n1", names=("cat", "cats"), title="cats", query=None, rank=3),),
)

RECORDS = [
    record
    for module in pkgutil.iter_modules(videonet.schemas.__path__, "videonet.schemas.")
    for record in vars(importlib.import_module(module.name)).values()
    if isinstance(record, type) and issubclass(record, Record) and record.__module__ == module.name
]
TABLES = [Sighting, Candidate, Verdict, Clip, Answer]


def test_a_record_survives_json_and_a_table():
    assert Candidate.from_json(CANDIDATE.to_json()) == CANDIDATE
    table = pa.Table.from_pylist([CANDIDATE.to_row()], schema=arrow_schema(Candidate))
    assert [Candidate.from_row(row) for row in table.to_pylist()] == [CANDIDATE]


@pytest.mark.parametrize("record", TABLES)
def test_a_table_has_the_fields_of_its_record_in_order(record):
    assert arrow_schema(record).names == list(record.__struct_fields__)


def test_only_optional_fields_of_a_table_may_be_null():
    schema = arrow_schema(Verdict)
    assert not schema.field("outcome").nullable
    assert schema.field("reason").nullable


def test_a_record_with_a_field_of_another_type_is_refused():
    with pytest.raises(msgspec.ValidationError, match="rank"):
        Candidate.from_json(CANDIDATE.to_json().replace(b'"rank":3', b'"rank":"3"'))
