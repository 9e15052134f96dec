"""One training example: a stretch of a kept video as JPEG frames at a fixed rate.

The names are MediaSequence's, with "/" for the first underscore-separated words: the column
`clip_label_index` is the TFRecord key `clip/label/index`.
"""

from videonet.schemas.record import Record


class Clip(Record, frozen=True, kw_only=True):
    """One row of a Parquet shard, one SequenceExample of a TFRecord shard."""

    # "<video_key>#<index of the clip in its video>"
    example_id: str
    example_dataset_name: str
    # http(s) url without its secrets, or path below the folder that was given
    clip_data_path: str
    # the source's id of the video
    clip_media_id: str
    # times of the first and just after the last frame within the video, microseconds
    clip_start_timestamp: int
    clip_end_timestamp: int
    # positions in the run's target list, ascending, and the names at those positions
    clip_label_index: tuple[int, ...]
    clip_label_string: tuple[str, ...]
    clip_label_text: tuple[str, ...]
    # The columns of the labels' ids, in the order of clip_label_index. None: the data set was made
    # without them.
    # the classes' ids, which are the same in every data set that has these classes
    clip_label_target_id: tuple[str, ...] | None = None
    # WordNet 3.0 noun ids; "" of a class that is none
    clip_label_wnid: tuple[str, ...] | None = None
    # "jpeg"
    image_format: str
    # pixels
    image_height: int
    image_width: int
    image_channels: int
    # "RGB"
    image_colorspace: str
    # ticks per second; a frame that two ticks show is stored once
    image_frame_rate: float
    # one JPEG a frame
    image_encoded: tuple[bytes, ...]
    # the frames' own times, microseconds, strictly increasing
    image_timestamp: tuple[int, ...]
    # The columns of motion, see `videonet.video.motion`. None: the data set was made without them.
    # share of its ticks that show what the tick before them showed
    clip_motion_repeated: float | None = None
    # mean difference of luma from one tick to the next, levels of 0 to 255
    clip_motion_difference: float | None = None
    # times of those frames that begin another shot, microseconds, ascending; none for the first one
    clip_cut_timestamp: tuple[int, ...] | None = None


# Those that data sets of earlier versions lack: each clip of a data set has all or none of a kind.
LABEL_ID_COLUMNS = ("clip_label_target_id", "clip_label_wnid")
MOTION_COLUMNS = ("clip_motion_repeated", "clip_motion_difference", "clip_cut_timestamp")
