"""`videonet recheck`: which kept videos are gone, private or under another licence by now."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from videonet.cli.options import Out, of_this_machine, with_options
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.schemas.option import options_from
from videonet.schemas.settings import AccessOptions
from videonet.text import as_shown, number

# Videos are proposed; none is, but of some nothing could be told.
PROPOSED, UNTOLD = 1, 3


@with_options(AccessOptions)
def recheck(
    out: Out,
    to: Annotated[
        Any,
        typer.Option(
            parser=of_this_machine,
            metavar="FILE",
            help="Where the list of proposed withdrawals is written.",
        ),
    ] = "proposed.json",
    older_than: Annotated[
        float,
        typer.Option(
            metavar="DAYS", min=0, help="Ask again what was answered so long ago or longer, days."
        ),
    ] = 30.0,
    requests_per_second: Annotated[
        float,
        typer.Option(min=0.01, help="Most requests to one host, requests a second."),
    ] = 1.0,
    per_host: Annotated[
        int, typer.Option(min=1, help="Videos asked about at once at one host, videos.")
    ] = 4,
    allow_private_hosts: Annotated[
        str | None,
        typer.Option(
            metavar="HOSTS",
            help="Hosts outside the public web that may be asked, by commas.",
            show_default=False,
        ),
    ] = None,
    **values: Any,
) -> None:
    """Ask which kept videos are gone, private or under another licence, and propose withdrawals.

    Nothing is withdrawn: look at the list, and give it to videonet withdraw --from. Pages are asked
    for and a few bytes of files, at the pace of downloads. A site that is down or refuses says
    nothing of its videos. Interrupted, the same command goes on: it asks again only about what was
    not answered since it began, or could not be told. Exit codes: 0 all are as they
    were, 1 some are proposed, 2 wrong input, 3 none is proposed, and some could not be told.

    Example: videonet recheck out --to proposed.json
    """
    from videonet.execution.recheck import recheck as ask
    from videonet.execution.recheck import write_proposed
    from videonet.fetch.allowed_hosts import allowed_hosts
    from videonet.fetch.credentials import credentials_from
    from videonet.fetch.host_state import Pace
    from videonet.fetch.options import options_of
    from videonet.fetch.web import Web
    from videonet.schemas.recheck import Now

    given = options_from(AccessOptions, values)
    credentials = credentials_from(given, options_of(given.yt_dlp_option, from_command_line=True))
    hosts = [each.strip() for each in (allow_private_hosts or "").split(",")]
    web = Web(
        Pace(requests_per_second, per_host, pause=25 / requests_per_second),
        credentials,
        allowed_hosts=allowed_hosts(list(filter(None, hosts))),
    )
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    console = Console(soft_wrap=True, highlight=False)
    done = ask(
        out, web, timedelta(days=older_than), say=lambda said: errors.print(said, markup=False)
    )
    try:
        write_proposed(to, done.proposed)
    except OSError as error:
        raise UsageError(
            f"{to} cannot be written ({error.strerror or error}); give another --to. What was "
            "answered is kept."
        ) from error
    console.print(
        f"{number(done.found.total(), 'kept video')}, {done.asked:,} asked about now: "
        + ", ".join(f"{done.found[each]:,} {each}" for each in Now)
        + ".",
        markup=False,
    )
    for reason, count in done.untold.most_common():
        console.print(f"  untold: {count:,} {reason}, {reason.explanation}", markup=False)
    for host in web.rate_limiter.closed_hosts():
        console.print(
            f"{host.host} kept refusing and was no longer asked; run the same command again after "
            f"{host.until:%Y-%m-%d %H:%M} UTC.",
            markup=False,
        )
    for place in done.deserted:
        console.print(
            f"  {as_shown(place.place)}: {place.warning}; look at it before its videos are "
            "withdrawn.",
            markup=False,
        )
    videos = number(len(done.proposed), "video")
    console.print(f"  {to}: {videos} proposed to be withdrawn", markup=False)
    raise typer.Exit(PROPOSED if done.proposed else UNTOLD if done.untold else 0)
