"""What a source needs: sites that answer, and what reads their pages."""

import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from videonet.doctor.finding import Finding, State, reason

# Answers 204 to everybody, so anything else comes from somebody in between.
YOUTUBE_PAGE = "https://www.youtube.com/generate_204"

_SILENCE = 4.0  # seconds, until a site has to answer
_LONGEST = 8.0  # seconds, for all of its answer, when nobody waits any more
_NO_SERVICE = frozenset({407, 429})  # a proxy that wants a password; a host that wants peace

_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", re.IGNORECASE)


class Needs(NamedTuple):
    """What a source needs besides itself."""

    # page that must answer; None: none
    page: str | None = None
    # whether YouTube's pages are to be read
    javascript: bool = False
    why_no_page: str = "its videos are here"


def look_at_source(spec: str, store: Path | str) -> tuple[Finding, Needs]:
    """What the source needs. Raises UsageError for one that there is not or cannot be read."""
    import yarl

    from videonet.sources.open_source import check_source, open_source
    from videonet.sources.source_spec import YOUTUBE, searched_site
    from videonet.sources.video_key import video_key
    from videonet.storage.store import Store

    finding = Finding("source", State.OK, spec)
    check_source(spec, Store(store), None)
    site = searched_site(spec)
    if site is not None:
        if site.prefix == YOUTUBE:
            return finding, Needs(YOUTUBE_PAGE, javascript=True)
        return finding, Needs(why_no_page="not looked at: yt-dlp alone knows whom it asks")
    source = open_source(spec, Store(store), None)
    if source.kind != "catalogue":
        return finding, Needs()
    first = next(source.batches())
    web = ("http://", "https://")
    pages = [row for row in first if row.video.url.startswith(web) and row.video.video_id]
    if not pages:
        return finding, Needs()
    if any(video_key(row).startswith("youtube:") for row in pages):
        return finding, Needs(YOUTUBE_PAGE, javascript=True)
    return finding, Needs(f"{yarl.URL(pages[0].video.url).origin()}/")


def look_at_javascript(*, needed: bool) -> Finding:
    """Which runtime yt-dlp takes for YouTube's pages."""
    from yt_dlp.globals import supported_js_runtimes

    from videonet.fetch.javascript import runtimes

    known = {name: supported_js_runtimes.value[name] for name in runtimes()}
    here = [info for kind in known.values() if (info := kind().info)]
    shown = [
        f"{each.name} {each.version} at {shutil.which(each.path) or each.path}" for each in here
    ]
    for info, found in zip(here, shown, strict=True):
        if info.supported:
            return Finding("JavaScript", State.OK, found)
    oldest = " or ".join(
        f"{name} {kind.MIN_SUPPORTED_VERSION[0]}.{kind.MIN_SUPPORTED_VERSION[1]}"
        for name, kind in known.items()
    )
    return Finding(
        "JavaScript",
        State.MISSING if needed else State.OPTIONAL,
        f"{', '.join(shown)}: too old" if shown else f"no {' or '.join(known)}",
        f"for YouTube, install {oldest} or newer; the extra brings deno: "
        "pip install '.[youtube]' in the folder of the project",
    )


def look_at_network(page: str, proxy: str | None) -> Finding:
    """Whether `page` answers yt-dlp, through `proxy` or what the environment names.

    The host is the user's to name, so it may be anywhere a run can be allowed to ask.
    """
    import requests
    import yarl
    from yt_dlp.cookies import YoutubeDLCookieJar
    from yt_dlp.networking import Request
    from yt_dlp.networking.exceptions import HTTPError

    from videonet.fetch.allowed_hosts import allowed_hosts
    from videonet.fetch.clock import Clock
    from videonet.fetch.connections import Connections, Lookups
    from videonet.fetch.failure import RefusedAddressError
    from videonet.fetch.ytdlp import SharedParts, YtDlp
    from videonet.stop_signal import StopSignal

    host = yarl.URL(page).host_port_subcomponent
    via = proxy or requests.utils.select_proxy(page, requests.utils.get_environ_proxies(page))
    way = f"{host} through {without_password(via)}" if via else f"{host}"
    options: dict[str, Any] = {"socket_timeout": _SILENCE}
    if proxy:
        options["proxy"] = proxy
    connections = Connections(Clock(_LONGEST), StopSignal(), Lookups(), allowed_hosts(["all"]))
    connections.begin()
    try:
        with YtDlp(options, YoutubeDLCookieJar(), SharedParts(), connections) as session:
            status = session.urlopen(Request(page)).status
    except HTTPError as error:
        status = error.status
    except RefusedAddressError as error:
        return Finding("network", State.MISSING, f"{way}: {error}", "ask no such host")
    except Exception as error:  # noqa: BLE001  # urllib3's and yt-dlp's have no base class
        advice = "check the connection, and proxies (--proxy, HTTP_PROXY, HTTPS_PROXY)"
        return Finding("network", State.MISSING, f"{way}: {reason(error)}", advice)
    finally:
        connections.end()
    if status == 204 if page == YOUTUBE_PAGE else status < 500 and status not in _NO_SERVICE:
        return Finding("network", State.OK, f"{way} answers")
    advice = "see who answers there: a proxy, a login page of this network, or a host that refuses"
    return Finding("network", State.MISSING, f"{way} answers HTTP {status}", advice)


def without_password(proxy: str) -> str:
    """Scheme, host and port alone, however odd the password before them is."""
    scheme, found, rest = proxy.partition("://")
    if not found or not scheme.isalnum():
        scheme, rest = "http", proxy
    host = re.split("[/?#]", rest.rpartition("@")[2])[0]
    # In what is mistyped, a password may stand where the port should.
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else "a proxy that is no address"
