"""videonet.curation.host_counts: how hosts answered in the last hour, and no more than that."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from videonet.curation.host_counts import MOST_HOSTS, SPAN, SPANS, HostCounts

_ASKED = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from(["a.org", "b.org", "c.org"]), st.booleans()),
    max_size=60,
)


@given(_ASKED)
def test_what_was_counted_in_the_last_hour_is_there_and_nothing_older(
    asked: list[tuple[int, str, bool]],
):
    time = 1_000_000.0
    counts = HostCounts(lambda: time)
    all_counted: Counter[tuple[int, str, bool]] = Counter()
    for wait, host, succeeded in asked:
        time += wait
        counts.count(host, succeeded=succeeded)
        all_counted[int(time) // SPAN * SPAN, host, succeeded] += 1
    oldest = int(time) // SPAN * SPAN - (SPANS - 1) * SPAN
    told: Counter[tuple[int, str, bool]] = Counter()
    for host, spans in counts.of_late().items():
        assert [span.begun for span in spans] == sorted(span.begun for span in spans)
        for span in spans:
            told[span.begun, host, True] += span.fetched
            told[span.begun, host, False] += span.failed
    assert +told == Counter({key: n for key, n in all_counted.items() if key[0] >= oldest})


def test_of_many_hosts_those_that_were_asked_most_are_told():
    counts = HostCounts(lambda: 0.0)
    for number in range(MOST_HOSTS + 10):
        for _ in range(1 if number < 10 else 2):
            counts.count(f"{number:03d}.org", succeeded=True)
    assert list(counts.of_late()) == [f"{number:03d}.org" for number in range(10, MOST_HOSTS + 10)]
