"""What the frames of a video's clips look like, in 256 bits each: videos are compared by it."""

from videonet.schemas.record import Record


class ClipHashes(Record, frozen=True, kw_only=True):
    """Perceptual hashes of about two frames a second of a video's clips.

    They hold for one content, one way of cutting it and one way of hashing.
    """

    video_key: str
    # content that was cut
    sha256: str
    # name under which the store keeps clips that are cut in this way
    cut_key: str
    # of the way in which frames are hashed
    version: int
    # of each frame the index of its clip, ascending
    clips: tuple[int, ...]
    # and its time within the video, microseconds; within a clip strictly increasing
    times: tuple[int, ...]
    # 32 bytes a frame
    hashes: bytes
    # a byte a frame: how much is to be seen there, from 0 (nothing) to 100
    qualities: bytes
