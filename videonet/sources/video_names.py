"""Which files of a folder are videos, by the endings of their names.

Names are asked, not contents: FFmpeg shows pictures and even plain text as videos of one frame, so
contents would not tell videos from what lies beside them, and each file would have to be opened.
What is a video by its name and none by its content is a failure of its own when it is fetched.
"""

from yt_dlp.utils import MEDIA_EXTENSIONS

# What FFmpeg plays, and yt-dlp's list of what it writes does not have.
_PLAYED_BY_FFMPEG = """
    264 265 266 26l amv apng apv asf av1 avc avif avs2 avs3 bik bk2 bmv c93 cavs cdxl cine cpk dav
    dif drc dv dvr-ms dxa evc evo f4p flc fli flic flm gdv gif gxf h261 h263 h264 h265 h266 h26l
    hevc ifv imx ipu ismv
    isom ivf ivr k3g kux lvf m1v m2p m2t m2ts m2v mj2 mjp mjpeg mjpg mlv mod mods moflex mov mp2v
    mp4v mpe mpeg mpv mqv mts mtv mv mve mvi mxf mxg nsv nut nuv obu ogg ogm ogx paf pmp psp pva qt
    rcv rm rmvb roq rpl sdr2 sga smk smv svi swf thp tod tp trp ts ty ty+ usm vb vc1 vc2 viv vivo
    vob vro vvc wm wtv xesc xl xmv y4m yop
"""
SUFFIXES = frozenset({*MEDIA_EXTENSIONS.video, *_PLAYED_BY_FFMPEG.split()})


def is_named_like_a_video(path: str) -> bool:
    """Whether the ending of a file's name is one of a video's."""
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(dot) and suffix.lower() in SUFFIXES
