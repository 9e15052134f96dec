"""schemas: a record is the same as a struct, as JSON and as a row of a table."""

import subprocess
import sys
from typing import Annotated, ClassVar

import msgspec
import pyarrow as pa
import pytest

from videonet.schemas.candidate import Candidate, Match
from videonet.schemas.clip import Clip
from videonet.schemas.record import Flat, Record
from videonet.schemas.table import arrow_schema, from_batch, to_batch
from videonet.schemas.verdict import Verdict
from videonet.schemas.video_info import VideoInfo

CANDIDATE = Candidate(
    video_key="youtube:x",
    video=VideoInfo(
        video_id="x",
        url="https://example.org/x",
        title="cats",
        duration=12.5,
        licence="CC-BY",
        live_status="was_live",
    ),
    source="catalogue",
    sha256=None,
    matches=(Match(target_id="n1", names=("cat", "cats"), title="cats", query=None, rank=3),),
)


class Place(Record, frozen=True, kw_only=True):
    name: str
    country: str | None
    # metres
    height: float | None = None


class Stay(Record, frozen=True, kw_only=True):
    """A record with two of one kind in it, and columns in an order of their own."""

    first_columns: ClassVar = ("nights", "country", "whither")

    guest: str
    home: Annotated[Place, Flat(height=None)]
    away: Annotated[Place, Flat(name="whither", country=None)]
    nights: int
    photos: tuple[bytes, ...] = ()


STAY = Stay(
    guest="Ann",
    home=Place(name="Delft", country="NL"),
    away=Place(name="Davos", country=None, height=1560.0),
    nights=3,
    photos=(b"\xff\xd8",),
)
STAY_ROW = {
    "nights": 3,
    "country": "NL",
    "whither": "Davos",
    "guest": "Ann",
    "name": "Delft",
    "height": 1560.0,
    "photos": [b"\xff\xd8"],
}


def test_a_record_survives_json_and_a_table():
    assert Candidate.from_json(CANDIDATE.to_json()) == CANDIDATE
    table = pa.Table.from_pylist([CANDIDATE.to_row()], schema=arrow_schema(Candidate))
    assert [Candidate.from_row(row) for row in table.to_pylist()] == [CANDIDATE]


def test_a_table_without_a_nested_record_has_the_fields_of_its_record_in_order():
    assert arrow_schema(Clip).names == list(Clip.__struct_fields__)


def test_only_optional_fields_of_a_table_may_be_null():
    schema = arrow_schema(Verdict)
    assert not schema.field("outcome").nullable
    assert schema.field("reason").nullable


def test_a_record_with_a_field_of_another_type_is_refused():
    with pytest.raises(msgspec.ValidationError, match="rank"):
        Candidate.from_json(CANDIDATE.to_json().replace(b'"rank":3', b'"rank":"3"'))


# Records within records.


def test_the_fields_of_a_flat_record_are_columns_of_the_outer_one():
    assert arrow_schema(Stay).names == list(STAY_ROW)
    assert STAY.to_row() == STAY_ROW | {"photos": STAY.photos}
    assert list(STAY.to_row()) == list(STAY_ROW)
    assert Stay.from_row(STAY_ROW) == STAY


def test_a_flat_record_is_flat_in_json_in_the_order_of_the_columns():
    assert STAY.to_json() == (
        b'{"nights":3,"country":"NL","whither":"Davos","guest":"Ann","name":"Delft",'
        b'"height":1560.0,"photos":["/9g="]}'
    )
    assert Stay.from_json(STAY.to_json()) == STAY


def test_many_records_are_the_rows_of_a_batch():
    others = [msgspec.structs.replace(STAY, nights=nights) for nights in range(3)]
    batch = to_batch(Stay, others)
    assert batch.schema.equals(arrow_schema(Stay))
    assert batch.to_pylist() == [STAY_ROW | {"nights": nights} for nights in range(3)]
    assert from_batch(Stay, batch) == others
    assert from_batch(Stay, pa.Table.from_batches([batch])) == others
    assert from_batch(Stay, to_batch(Stay, [])) == []


def test_a_batch_of_another_schema_is_refused():
    batch = to_batch(Stay, [STAY])
    with pytest.raises(msgspec.ValidationError, match="`guest`"):
        from_batch(Stay, batch.drop_columns(["guest"]))
    with pytest.raises(msgspec.ValidationError, match="`country`"):
        from_batch(Stay, batch.drop_columns(["country"]))
    with pytest.raises(msgspec.ValidationError, match="`colour`"):
        from_batch(Stay, batch.append_column("colour", pa.array(["red"])))


def test_a_value_for_which_there_is_no_column_is_not_dropped_in_silence():
    high = msgspec.structs.replace(STAY, home=Place(name="Davos", country="CH", height=1560.0))
    for write in (Stay.to_row, Stay.to_json, lambda stay: to_batch(Stay, [stay])):
        with pytest.raises(AssertionError, match=r"home\.height"):
            write(high)


def test_two_columns_of_one_name_are_refused():
    class Twice(Record, frozen=True, kw_only=True):
        name: str
        place: Annotated[Place, Flat()]

    with pytest.raises(AssertionError, match="Twice"):
        arrow_schema(Twice)


READ_BY_MANY_THREADS = """
import enum, sys, threading
from videonet.schemas.record import Record

# So that a crash comes as surely as with a tenth of it, and waiting threads take no core.
sys.setswitchinterval(1e-5)
for number in range(200):
    Colour = enum.Enum("Colour", {"RED": "red"})

    class Ball(Record, frozen=True, kw_only=True):
        colour: Colour | None
        sizes: tuple[int, ...]

    together = threading.Barrier(8)

    def read():
        together.wait()
        assert Ball.from_json(b'{"colour":"red","sizes":[1,2]}').sizes == (1, 2)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_many_threads_may_read_the_first_records_of_a_kind_at_once():
    # A crash would end the tests too, so another process does it.
    ended = subprocess.run(
        [sys.executable, "-c", READ_BY_MANY_THREADS], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
