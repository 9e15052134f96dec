"""videonet.sources.catalogue: memory does not grow with the number of rows."""

import gc
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.written import FORMS
from videonet.sources.catalogue import Catalogue
from videonet.sources.columns import REQUIRED


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMS)
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path: Path, suffix: str):
    def peak(rows: int) -> int:
        file = tmp_path / f"{rows}{suffix}"
        record = ("a", "https://example.org/a.mp4", "A title of the usual length" * 2, "5", "", "")
        FORMS[suffix](file, [record] * rows)
        tracemalloc.start()
        try:
            count = sum(len(batch) for batch in Catalogue(file, None).batches())
            assert count == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(2_000), peak(50_000)
    assert many < 1.5 * few + 200_000


@pytest.mark.parametrize("group", [1_000, 10_000, 300_000])
def test_memory_of_columns_does_not_grow_with_the_number_of_rows(tmp_path: Path, group: int):
    def peak(rows: int) -> int:
        file = tmp_path / f"{rows}.parquet"
        text = pa.array([f"A title of the usual length, {i}" for i in range(rows)])
        columns = dict.fromkeys(REQUIRED, text)
        pq.write_table(pa.table(columns), file, row_group_size=group, use_dictionary=False)
        del text, columns
        gc.collect()
        before = pa.total_allocated_bytes()
        return max(pa.total_allocated_bytes() - before for _ in Catalogue(file, None).batches())

    few, many = peak(30_000), peak(300_000)
    assert many < 1.5 * few + 1_000_000
