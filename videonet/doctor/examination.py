"""Everything that a run needs, looked at in one go.

Every look imports by itself what it is about: a library that is missing or broken is a finding,
too.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from pathlib import Path

from videonet.doctor.decoding import look_at_decoding
from videonet.doctor.finding import Finding, State, begun, outcome
from videonet.doctor.gpu import look_at_gpu
from videonet.doctor.machine import (
    look_at_classifier,
    look_at_codecs,
    look_at_packages,
    look_at_python,
    look_at_store,
    look_at_wordnet,
)
from videonet.doctor.sites import Needs, look_at_javascript, look_at_network, look_at_source
from videonet.schemas.settings import Device

NETWORK_SECONDS = 5.0
SECONDS = 60.0  # for anything else; a large classifier takes a while to load


def examine(
    source: str, classifier: str, store: Path | str, device: Device, proxies: Sequence[str]
) -> list[Finding]:
    """What a run with these options would find here. Fetches and changes nothing."""

    def look(name: str, at: Callable[[], Finding]) -> Finding:
        return outcome(name, begun(at), SECONDS)

    reading = begun(partial(look_at_source, source, store))
    at_source = look("source", lambda: reading.result()[0])
    needs = Needs(why_no_page="not looked at: the source comes first")
    if at_source.state is State.OK:
        needs = reading.result()[1]
    findings = [
        look("Python", look_at_python),
        look("packages", look_at_packages),
        at_source,
        look("classifier", partial(look_at_classifier, classifier)),
        look("GPU", partial(look_at_gpu, needed=device == "cuda")),
        look("store", partial(look_at_store, store)),
        look("WordNet", look_at_wordnet),
        look("JavaScript", partial(look_at_javascript, needed=needs.javascript)),
        look("ffmpeg", look_at_codecs),
        look("decoding", look_at_decoding),
    ]
    if needs.page is None:
        return [*findings, Finding("network", State.NOT_NEEDED, needs.why_no_page)]
    # All at once: a dozen dead proxies take no longer than one.
    ways = proxies or (None,)
    asked = [begun(partial(look_at_network, needs.page, proxy)) for proxy in ways]
    wait(asked, NETWORK_SECONDS)
    return findings + [outcome("network", each, 0) for each in asked]
