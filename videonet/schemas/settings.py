"""Every option of a run, declared once.

The command line, `--config`, the manifest, the plan and docs/options.md are made from this. Which
record an option stands in says whether it changes the data set:

- `DataOptions` and `CurateOptions` change it. The manifest and the lock file have them.
- `RunOptions` change no byte of it. OUT/run.json has them.
- `PartOptions` say which part of the job a command does, and change no byte either.
- `JobOptions` say who does the work. OUT/_state/job.json has what came of them.
- `AccessOptions` may hold secrets. Nothing that is written has them.
"""

import os
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from videonet.schemas import decode_limits
from videonet.schemas.option import Form, Option
from videonet.schemas.record import Compiled, Record
from videonet.schemas.selection import NEIGHBOURS, ClipOptions

# Where the classifier runs; "auto": on a GPU if there is one that it can use.
Device = Literal["auto", "cpu", "cuda"]

# Most bytes of downloaded videos in the store at once, where nothing else is asked for.
DISK_BUDGET = 50_000_000_000

# Bytes of copies on this machine of files that lie in a bucket: room for the shards that are being
# written, of 500 MB in two formats, and for the tables of a data set of millions of videos.
SCRATCH_BUDGET = 20_000_000_000

# Headings of the help.
_SEARCHING = "Searching (youtube, search:PREFIX)"
_ASKING = "Asking sites"
_ELSEWHERE = "Other machines (--runner)"


class Keep(StrEnum):
    """Which downloaded files stay in the store once they are no longer needed."""

    ALL = "all"
    KEPT = "kept"
    NONE = "none"


class Licence(StrEnum):
    """Which videos a data set may hold, by the licence that their source states."""

    ANY = "any"
    CC = "cc"  # Creative Commons, or the public domain


class DataOptions(ClipOptions, frozen=True, kw_only=True):
    """What changes the data set, and is kept in the manifest as it was given.

    An older data set, which has nothing to say of a newer option, was made with its default.
    """

    per_class: Annotated[
        int, Option(help="Most candidates of a class, videos.", unit="videos", minimum=1)
    ] = 5000
    min_seconds: Annotated[
        float,
        Option(
            help="Shorter videos are rejected, seconds; a clip takes 2.56.",
            unit="seconds",
            minimum=0,
        ),
    ] = 10.0
    frames: Annotated[
        int, Option(help="First frames that are classified, frames.", unit="frames", minimum=1)
    ] = 100
    max_clips: Annotated[
        int,
        Option(help="Most clips of one video, clips of up to 10.24 s.", unit="clips", minimum=1),
    ] = 4
    # those that the shards are written in
    formats: Annotated[
        tuple[str, ...],
        Option(
            help="Formats of the shards, by commas.",
            typed="format",
            metavar="NAMES",
            form=Form.NAMES,
        ),
    ] = ("parquet", "tfrecord")
    # None: from the number of candidates
    shards: Annotated[
        int | None,
        Option(help="Number of shards; default: shards of about 250 MB.", unit="shards", minimum=1),
    ] = None
    max_bytes: Annotated[
        int, Option(help="Largest video, bytes.", unit="bytes", metavar="SIZE", form=Form.SIZE)
    ] = 2_000_000_000
    max_page_bytes: Annotated[
        int,
        Option(
            help="Largest page, playlist or manifest that leads to a video, unpacked, bytes.",
            unit="bytes",
            metavar="SIZE",
            form=Form.SIZE,
        ),
    ] = 16_000_000
    max_pages_bytes: Annotated[
        int,
        Option(
            help="Most bytes of all pages, playlists and manifests of one video, unpacked.",
            unit="bytes",
            metavar="SIZE",
            form=Form.SIZE,
        ),
    ] = 64_000_000
    max_hole: Annotated[
        float,
        Option(
            help="Longest stretch of damaged frames in a clip, seconds; other clips are left out.",
            unit="seconds",
            minimum=0,
        ),
    ] = 2.56
    max_lost: Annotated[
        float,
        Option(
            help="Most frames of a video's clips that may be damaged, as a share of them.",
            unit="share",
            minimum=0,
        ),
    ] = 0.25
    decode_memory: Annotated[
        int,
        Option(
            help="Most memory to decode a video in, bytes; one that needs more is undecodable.",
            unit="bytes",
            metavar="SIZE",
            form=Form.SIZE,
            minimum=64_000_000,
        ),
    ] = decode_limits.MEMORY
    decode_seconds: Annotated[
        int,
        Option(
            help="Most processor time for each step of decoding a video, seconds; likewise.",
            unit="seconds",
            minimum=1,
        ),
    ] = decode_limits.SECONDS
    licence: Annotated[
        Licence, Option(help="Videos to take: any, or only those stated to be Creative Commons.")
    ] = Licence.ANY
    # none where nothing is searched for
    modifiers: Annotated[
        tuple[str, ...],
        Option(
            help="Words to vary the queries of classes that are not full, by commas: "
            '"slow motion,close up".',
            metavar="WORDS",
            form=Form.WORDS,
            panel=_SEARCHING,
        ),
    ] = ()
    # 0 where nothing is searched for
    search_patience: Annotated[
        int,
        Option(
            help="Queries in a row without a new video after which a class is given up, queries.",
            unit="queries",
            minimum=1,
            panel=_SEARCHING,
        ),
    ] = 10


class CurateOptions(DataOptions, frozen=True, kw_only=True):
    """All that changes a data set that is curated, as it was asked for.

    What is declared here names things of this machine. The manifest has what they turn out to be.
    """

    targets: Annotated[
        str | None,
        Option(
            help="imagenet1k, imagenet12k, imagenet21k, imagenet22k, or a file with one class "
            "a line; may be left out with --select neighbours:DIR, which then takes all videos of "
            "the source for candidates.",
            metavar="LIST",
        ),
    ] = None
    source: Annotated[
        str,
        Option(
            help="Where candidates come from: youtube, search:PREFIX (any other search of "
            "yt-dlp), catalogue:FILE (csv, tsv, jsonl, parquet, or a folder of parquet), "
            "folder:DIR, or store.",
            metavar="SOURCE",
        ),
    ]
    classifier: Annotated[str, Option(help="resnet50, or an ONNX file.", metavar="MODEL")] = (
        "resnet50"
    )
    exclude: Annotated[
        tuple[str, ...],
        Option(
            help="List of ids, addresses and channels that the data set may not have, such as an "
            "evaluation's; csv, tsv, jsonl, parquet or one a line. Several: again, or by commas.",
            metavar="FILE",
        ),
    ] = ()
    select: Annotated[
        str | None,
        Option(
            help="neighbours:DIR takes the videos that are nearest to images, in place of those "
            "that show a class; each folder in DIR, or image beside them, is a target.",
            metavar="HOW",
            panel=NEIGHBOURS,
        ),
    ] = None
    embedding: Annotated[
        str | None,
        Option(
            help="What videos and images are compared by: an ONNX file with features [N, D] as "
            "its output, timm:NAME, or timm:NAME@FILE.",
            metavar="MODEL",
            panel=NEIGHBOURS,
        ),
    ] = None
    exclude_like: Annotated[
        tuple[str, ...],
        Option(
            help="Folder of the images or videos of an evaluation set: videos whose clips show the "
            "same are rejected. Several: again, or by commas.",
            metavar="DIR",
        ),
    ] = ()
    files_root: Annotated[
        str | None,
        Option(
            help="Folder of a catalogue's local files; without it: none.",
            metavar="DIR",
            form=Form.PATH,
        ),
    ] = None


class RebuildOptions(Record, frozen=True, kw_only=True):
    """What a data set that is made from a lock file is made of, besides the lock file."""

    source: Annotated[
        str | None,
        Option(
            help="Catalogue with the whole addresses of videos that the lock file has without "
            "their secrets: catalogue:FILE.",
            metavar="SOURCE",
            after="out",
        ),
    ] = None
    files_root: Annotated[
        str | None,
        Option(
            help="Folder of the videos that were local files.",
            metavar="DIR",
            form=Form.PATH,
        ),
    ] = None


class RunOptions(Record, frozen=True, kw_only=True):
    """Where a run works, and how: what may differ from machine to machine without any effect."""

    store: Annotated[
        str,
        Option(
            help="Where videos and results are, shared by runs: a folder, gs://BUCKET/PREFIX or "
            "s3://BUCKET/PREFIX.",
            metavar="PLACE",
            form=Form.PLACE,
            after="source",
        ),
    ]
    out: Annotated[
        str,
        Option(help="Where the data set is: likewise.", metavar="PLACE", form=Form.PLACE),
    ]
    keep: Annotated[
        Keep,
        Option(help="Downloaded files that stay in the store afterwards.", after="shards"),
    ] = Keep.KEPT
    # None: DISK_BUDGET, or what the disk has
    disk_budget: Annotated[
        int | None,
        Option(
            help="Most bytes of downloaded videos in the store at once, of all runs that use it; "
            "default: 50GB, or what the disk has.",
            unit="bytes",
            metavar="SIZE",
            form=Form.SIZE,
            after="max_bytes",
        ),
    ] = None
    scratch: Annotated[
        str | None,
        Option(
            help="Folder of this machine for copies of files in buckets; default: in the user's "
            "cache.",
            metavar="DIR",
            form=Form.PATH,
            after="disk_budget",
        ),
    ] = None
    scratch_budget: Annotated[
        int,
        Option(
            help="Most bytes of such copies at once.",
            unit="bytes",
            metavar="SIZE",
            form=Form.SIZE,
            after="scratch",
        ),
    ] = SCRATCH_BUDGET
    workers: Annotated[
        int,
        Option(
            help="Videos scanned or cut at once; default: one a core.",
            help_in_rebuild="Videos cut at once; default: one a core.",
            unit="videos",
            minimum=1,
        ),
    ] = msgspec.field(default_factory=lambda: os.cpu_count() or 1)
    downloads: Annotated[
        int, Option(help="Videos downloaded at once.", unit="videos", minimum=1)
    ] = 8
    # for one candidate
    deadline: Annotated[
        float,
        Option(
            help="Longest time for one download, all attempts, seconds.",
            unit="seconds",
            minimum=0.1,
        ),
    ] = 600.0
    device: Annotated[
        Device,
        Option(help="Where the classifier runs; auto: on a GPU if it can.", in_rebuild=False),
    ] = "auto"
    refresh_search: Annotated[
        bool,
        Option(
            help="Ask again what earlier runs over this store have asked.",
            panel=_SEARCHING,
            after="search_patience",
            in_rebuild=False,
        ),
    ] = False
    requests_per_second: Annotated[
        float,
        Option(
            help="Most requests to one host, requests a second.",
            unit="requests a second",
            minimum=0.01,
            panel=_ASKING,
        ),
    ] = 5.0
    per_host: Annotated[
        int,
        Option(
            help="Downloads at once from one host, downloads.",
            unit="downloads",
            minimum=1,
            panel=_ASKING,
        ),
    ] = 4

    # Of the machines that scan where the stages are apart; None: what Dataflow gives to all.
    accelerator: Annotated[
        str | None,
        Option(
            help="GPU of Dataflow's machines that scan: its type, such as nvidia-l4, or all of "
            "Beam's hint (type:...;count:...); default with --device cuda: nvidia-tesla-t4.",
            metavar="TYPE",
            panel=_ELSEWHERE,
            in_rebuild=False,
        ),
    ] = None
    scan_memory: Annotated[
        int | None,
        Option(
            help="Least memory of those machines, bytes; default with a GPU: 16GB.",
            unit="bytes",
            metavar="SIZE",
            form=Form.SIZE,
            minimum=1_000_000_000,
            panel=_ELSEWHERE,
            in_rebuild=False,
        ),
    ] = None

    # what else may be asked than the public web
    allow_private_hosts: Annotated[
        tuple[str, ...],
        Option(
            help="Hosts outside the public web that may be asked, by commas: names, networks "
            "(media.lab,10.2.0.0/16), or all; without it: none.",
            metavar="HOSTS",
            form=Form.WORDS,
            panel=_ASKING,
        ),
    ] = ()


class PartOptions(Record, frozen=True, kw_only=True):
    """What a command does of a job that several commands do. See `videonet.execution.parts`."""

    part: Annotated[
        str | None,
        Option(
            help="Do but a part of the job: list the candidates, or look at part I of N of them; "
            "without it, all that is left. docs/slurm.md has more.",
            metavar="list|I/N",
            after="out",
            in_rebuild=False,
        ),
    ] = None


class JobOptions(msgspec.Struct, metaclass=Compiled, frozen=True, kw_only=True):
    """Who does the work of a run, and whether the command stays until it is done."""

    runner: Annotated[
        str | None,
        Option(
            help="Where the job runs: local (in this process), flink, dataflow, or any of Beam's "
            "runners by its name; default: local.",
            metavar="NAME",
            panel=_ELSEWHERE,
        ),
    ] = None
    # None: as long as the work is done by processes that end with this one
    wait: Annotated[
        bool | None,
        Option(
            help="Stay until the job is done; default: only where it runs on this machine.",
            panel=_ELSEWHERE,
        ),
    ] = None


class AccessOptions(msgspec.Struct, metaclass=Compiled, frozen=True, kw_only=True):
    """What a user gives so that sites answer, as it was typed. See `videonet.fetch.credentials`."""

    cookies: Annotated[
        str | None,
        Option(help="Netscape cookies.txt.", metavar="FILE", form=Form.PATH, panel=_ASKING),
    ] = None
    cookies_from_browser: Annotated[
        str | None,
        Option(help="Browser to read cookies from: firefox.", metavar="BROWSER", panel=_ASKING),
    ] = None
    proxy: Annotated[
        tuple[str, ...],
        Option(
            help="Proxy, http, https or socks; several take turns, and bad ones rest.",
            metavar="URL",
            panel=_ASKING,
        ),
    ] = ()
    user_agent: Annotated[
        str | None,
        Option(help="Name under which sites are asked.", metavar="TEXT", panel=_ASKING),
    ] = None
    # a size, such as 500KB
    rate_limit: Annotated[
        str | None,
        Option(
            help="Most bytes a second of one download, bytes.",
            unit="bytes a second",
            metavar="SIZE",
            panel=_ASKING,
        ),
    ] = None
    yt_dlp_option: Annotated[
        tuple[str, ...],
        Option(
            help="Anything else that yt-dlp's Python API takes; VALUE is JSON or text.",
            metavar="KEY=VALUE",
            panel=_ASKING,
        ),
    ] = ()

    def __repr__(self) -> str:
        """Nothing of the values: they may be secrets."""
        return "AccessOptions(...)"
