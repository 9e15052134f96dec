"""The JavaScript runtimes that yt-dlp may use to read YouTube's pages."""


def runtimes() -> dict[str, dict[str, str]]:
    """YoutubeDL's `js_runtimes`: yt-dlp takes the first that is installed and new enough.

    yt-dlp looks for each beside this Python first, where the extra `youtube` puts deno, also in an
    environment that is not activated, and then on the path. Its own default is deno alone. Not bun
    and quickjs: they would run a site's code with all rights of this user; deno and node are
    started without access to files.
    """
    return {"deno": {}, "node": {}}
