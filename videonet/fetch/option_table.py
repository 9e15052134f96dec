"""yt-dlp's parameters, each sorted: what `--yt-dlp-option` sets, where, and what it never sets.

A parameter that stands in no table here is refused, also one of a yt-dlp to come.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

# What HTTP can carry as a header's value; a line break would begin another header.
HEADER_VALUE = r"\A[!-~\xa1-\xff][ -~\xa0-\xff]*\Z"

# Those that log in. Their values are secret however short they are.
LOGIN = (
    *("username", "password", "twofactor", "videopassword", "ap_username", "ap_password"),
    "client_certificate_password",
)

# A type as msgspec takes it, and what a person is told of it.
Taken = tuple[Any, str]


def _one_of(*names: str) -> Meta:
    return Meta(pattern=rf"\A({'|'.join(names)})\Z")


_TEXT: Taken = (str, "a text")
_TEXTS: Taken = (list[str], 'a JSON list of texts, ["a", "b"]')
_SWITCH: Taken = (bool, "true or false")
_COUNT: Taken = (Annotated[int, Meta(gt=0)], "a whole number above 0")
_SECONDS: Taken = (Annotated[float, Meta(ge=0)], "a number of seconds")

_HeaderName = Annotated[str, Meta(pattern=r"\A(?!(?i:cookie)\Z)[\w-]+\Z")]
_HeaderValue = Annotated[str, Meta(pattern=HEADER_VALUE)]

JS_RUNTIMES = ("deno", "node", "bun", "quickjs")
REMOTE_COMPONENTS = ("ejs:github", "ejs:npm")

# What may be set, and the values that each parameter takes.
ALLOWED: Mapping[str, Taken] = {
    **dict.fromkeys(
        [
            *("ap_mso", "client_certificate", "client_certificate_key", "ffmpeg_location"),
            *("format", "geo_bypass_country", "geo_bypass_ip_block", "geo_verification_proxy"),
            *("netrc_cmd", "netrc_location", *LOGIN),
        ],
        _TEXT,
    ),
    **dict.fromkeys(
        [
            *("dynamic_mpd", "force_generic_extractor", "format_sort_force", "geo_bypass"),
            *("hls_split_discontinuity", "hls_use_mpegts", "legacyserverconnect", "mark_watched"),
            *("nocheckcertificate", "noresizebuffer", "prefer_free_formats", "prefer_insecure"),
            "usenetrc",
        ],
        _SWITCH,
    ),
    **dict.fromkeys(
        ["buffersize", "concurrent_fragment_downloads", "http_chunk_size", "throttledratelimit"],
        _COUNT,
    ),
    **dict.fromkeys(["max_sleep_interval", "sleep_interval", "sleep_interval_requests"], _SECONDS),
    **dict.fromkeys(["allowed_extractors", "compat_opts"], _TEXTS),
    # Not a text like others, for which "false" would be a folder of that name.
    "cachedir": (Annotated[str, Meta(min_length=1)], "a folder"),
    "check_formats": (bool | Literal["selected"], 'true, false or "selected"'),
    "extractor_args": (
        dict[str, dict[str, list[str]]],
        'lists of texts by extractor and name, {"youtube": {"player_client": ["web"]}}',
    ),
    "format_sort": (list[str], 'a JSON list of fields, ["res:480", "fps"]'),
    "http_headers": (
        dict[_HeaderName, _HeaderValue],
        'texts of one line by name, {"Referer": "https://example.org/"}; for cookies use --cookies',
    ),
    "js_runtimes": (
        dict[Annotated[str, _one_of(*JS_RUNTIMES)], dict[str, Any]],
        f'objects by runtime, {{"node": {{}}}}, of {", ".join(JS_RUNTIMES)}',
    ),
    "remote_components": (
        list[Annotated[str, _one_of(*REMOTE_COMPONENTS)]],
        f"a JSON list of {', '.join(REMOTE_COMPONENTS)}",
    ),
    "source_address": (
        Annotated[str, Meta(pattern=r"\A[0-9a-fA-F.:]+\Z")],
        "an IP address of this machine",
    ),
}

# Files pass from person to person. So what runs a program, loads code or acts in the user's name
# is taken from the command line alone: the parameters, and what each does.
COMMAND_LINE_ONLY: Mapping[str, str] = {
    "cachedir": "yt-dlp runs code from this folder",
    "ffmpeg_location": "it names a program to run",
    "mark_watched": "it changes the user's account",
    "netrc_cmd": "it names a program to run",
    "remote_components": "it loads code from the web",
}

# The values that a file may give to the rest of these parameters, and what other values do.
FROM_A_FILE: Mapping[str, Taken] = {
    # The name of an extractor has no hyphen.
    "extractor_args": (
        dict[Annotated[str, Meta(pattern=r"\A\w+\Z")], dict[str, list[str]]],
        "names such as youtube-ejs and youtubepot-NAME set what loads and runs scripts",
    ),
    # Left to itself, yt-dlp finds deno and gives it no access to this machine.
    "js_runtimes": (
        dict[Annotated[str, _one_of("deno")], Annotated[dict[str, Any], Meta(max_length=0)]],
        "a runtime other than deno, or a path, names a program to run",
    ),
}

# Those whose values are no secrets, and say in run.json how a data set was made.
HARMLESS = frozenset(
    {
        *("allowed_extractors", "cachedir", "check_formats", "compat_opts"),
        *("concurrent_fragment_downloads", "ffmpeg_location", "format", "format_sort"),
        *("format_sort_force", "geo_bypass", "geo_bypass_country", "http_chunk_size"),
        *("js_runtimes", "legacyserverconnect", "max_sleep_interval", "nocheckcertificate"),
        *("prefer_free_formats", "remote_components", "sleep_interval"),
        *("sleep_interval_requests", "throttledratelimit", "usenetrc"),
    }
)


# What is never set, by what the user is told instead.
_REFUSED: Mapping[str, tuple[str, ...]] = {
    "use --cookies": ("cookiefile",),
    "use --cookies-from-browser": ("cookiesfrombrowser",),
    "use --proxy": ("proxy",),
    "use --rate-limit": ("ratelimit",),
    "use --max-bytes": ("max_filesize",),
    "attempts and their time are limited by --deadline": (
        *("extractor_retries", "file_access_retries", "fragment_retries", "retries"),
        *("retry_sleep_functions", "socket_timeout"),
    ),
    "the store names its files and decides what stays": (
        *("autonumber_size", "autonumber_start", "continuedl", "final_ext", "keep_fragments"),
        *("keepvideo", "merge_output_format", "no_overwrites", "nooverwrites", "nopart"),
        *("outtmpl", "outtmpl_na_placeholder", "overwrites", "paths", "restrictfilenames"),
        *("trim_file_name", "updatetime", "useid", "windowsfilenames"),
    ),
    "a video is taken whole and as it is": (
        *("allow_multiple_audio_streams", "allow_multiple_video_streams"),
        *("allow_unplayable_formats", "download_ranges", "external_downloader"),
        *("external_downloader_args", "fixup", "force_keyframes_at_cuts"),
        *("hls_prefer_native", "ignore_no_formats_error", "ignoreerrors", "post_hooks"),
        *("postprocessor_args", "postprocessor_hooks", "postprocessors", "simulate"),
        *("skip_download", "skip_unavailable_fragments", "test"),
    ),
    "videos come from --source, one at a time": (
        *("allow_playlist_files", "break_on_existing", "break_on_reject", "break_per_url"),
        *("default_search", "download_archive", "extract_flat"),
        *("force_write_download_archive", "lazy_playlist", "max_downloads", "noplaylist"),
        *("playlist_items", "playlistend", "playlistrandom", "playlistreverse"),
        *("playliststart", "skip_playlist_after_errors"),
    ),
    "the video file alone is taken": (
        *("allsubtitles", "clean_infojson", "getcomments", "listsubtitles"),
        *("sleep_interval_subtitles", "subtitlesformat", "subtitleslangs"),
        *("write_all_thumbnails", "write_pages", "writeautomaticsub", "writedescription"),
        *("writedesktoplink", "writeinfojson", "writelink", "writesubtitles"),
        *("writethumbnail", "writeurllink", "writewebloclink"),
    ),
    "candidates are chosen by title, --min-seconds, --max-bytes and --licence": (
        *("age_limit", "daterange", "live_from_start", "match_filter", "matchtitle"),
        *("max_views", "min_filesize", "min_views", "rejecttitle", "wait_for_video"),
    ),
    "a page could have files of this machine read; use --source folder:DIR": ("enable_file_urls",),
    "requests would go through curl, which no --deadline ends": ("impersonate",),
    "no program is run on a video": ("exec", "exec_before_dl_cmd", "exec_cmd"),
    "plugins are those that are installed": ("plugin_dirs",),
    "yt-dlp is silent here, for what it prints may hold secrets": (
        *("_deprecation_warnings", "_warnings", "bidi_workaround", "color", "consoletitle"),
        *("debug_printtraffic", "dump_intermediate_pages", "dump_single_json", "encoding"),
        *("forcedescription", "forceduration", "forcefilename", "forceformat", "forceid"),
        *("forcejson", "forceprint", "forcethumbnail", "forcetitle", "forceurl"),
        *("list_thumbnails", "listformats", "listformats_table", "load_pages", "logger"),
        *("logtostderr", "no_color", "no_warnings", "noprogress", "print_to_file"),
        *("progress_delta", "progress_hooks", "progress_template", "progress_with_newline"),
        *("quiet", "verbose", "warn_when_outdated"),
    ),
}

REFUSED: Mapping[str, str] = {name: why for why, names in _REFUSED.items() for name in names}
