"""schemas: a record is the same as a struct, as JSON and as a row of a table."""

import msgspec
import pyarrow as pa
import pytest

import schemas
from schemas import Candidate, Match, Verdict, arrow_schema

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
    getattr(schemas, name)
    for name in schemas.__all__
    if isinstance(getattr(schemas, name), type)
    and issubclass(getattr(schemas, name), schemas.Record)
]
TABLES = [schemas.Sighting, schemas.Candidate, schemas.Verdict, schemas.Clip, schemas.Answer]


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
