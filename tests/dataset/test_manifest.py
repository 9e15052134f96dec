"""videonet.dataset.manifest: what is counted."""

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curated import curated_once
from tests.curating import verdicts_of
from videonet.curation.verdict import decision_for
from videonet.dataset.manifest import COUNTED, tally, tally_table
from videonet.schemas.reason import Outcome, Reason
from videonet.schemas.table import arrow_schema
from videonet.schemas.verdict import Verdict


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    return verdicts_of(curated_once(tmp_path_factory.getbasetemp()).out)[0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["cat", "dog"]),
            st.sampled_from([None, Reason.TOO_SHORT, Reason.WITHDRAWN, Reason.PRIVATE]),
            st.integers(0, 3),
        ),
        unique_by=lambda row: row[:2],
    )
)
def test_verdicts_are_counted_in_a_table_as_one_by_one(
    template: Verdict, drawn: list[tuple[str, str, Reason | None, int]]
):
    clips = {key: number for key, _, _, number in drawn}
    verdicts = [
        msgspec.structs.replace(
            template,
            video_key=key,
            target_id=target,
            outcome=decision_for(reason).outcome if reason else Outcome.KEPT,
            reason=reason,
            clips=0 if reason else clips[key],
        )
        for key, target, reason, _ in drawn
    ]
    rows = [verdict.to_row() for verdict in verdicts]
    table = pa.Table.from_pylist(rows, arrow_schema(Verdict)).select(COUNTED)
    assert tally_table(table) == tally(verdicts)
