"""The JavaScript runtimes that yt-dlp may use to read YouTube's pages."""


def runtimes() -> dict[str, dict[str, str]]:
    """YoutubeDL's `js_runtimes`; of those that are here, it takes the first that is new enough.

    It looks for each beside this Python first, where the extra `youtube` puts deno, also in an
    environment that is not activated, and then on the path. Left alone it would take only deno.
    Not bun and quickjs: they would run the site's code with all that this user may do; deno and
    node are started without access to files.
    """
    return {"deno": {}, "node": {}}
