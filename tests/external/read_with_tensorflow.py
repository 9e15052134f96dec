"""Read TFRecord shards with TensorFlow itself, as a trainer would.

In an environment of its own, since TensorFlow and the project want different protobuf releases:

    python -m venv ../tensorflow
    ../tensorflow/bin/pip install tensorflow-cpu
    ../tensorflow/bin/python tests/external/read_with_tensorflow.py OUT/clips/tfrecord

Prints what is in each shard. Ends with an error if a clip cannot be parsed, a frame cannot be
decoded or is not of the size that is said, or timestamps do not increase.
"""

# ruff: noqa: T201

import sys
from pathlib import Path

import tensorflow as tf

CONTEXT = {
    "example/id": tf.io.FixedLenFeature([], tf.string),
    "example/dataset_name": tf.io.FixedLenFeature([], tf.string),
    "clip/data_path": tf.io.FixedLenFeature([], tf.string),
    "clip/media_id": tf.io.FixedLenFeature([], tf.string),
    "clip/start/timestamp": tf.io.FixedLenFeature([], tf.int64),
    "clip/end/timestamp": tf.io.FixedLenFeature([], tf.int64),
    "clip/label/index": tf.io.RaggedFeature(tf.int64),
    "clip/label/string": tf.io.RaggedFeature(tf.string),
    "clip/label/text": tf.io.RaggedFeature(tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
    "image/channels": tf.io.FixedLenFeature([], tf.int64),
    "image/colorspace": tf.io.FixedLenFeature([], tf.string),
    "image/frame_rate": tf.io.FixedLenFeature([], tf.float32),
}
FEATURE_LISTS = {
    "image/encoded": tf.io.FixedLenSequenceFeature([], tf.string),
    "image/timestamp": tf.io.FixedLenSequenceFeature([], tf.int64),
}


def describe(record: tf.Tensor) -> str:
    """One line on the clip in `record`, after decoding every frame of it."""
    context, lists = tf.io.parse_single_sequence_example(record, CONTEXT, FEATURE_LISTS)
    size = [int(context[f"image/{side}"]) for side in ("height", "width", "channels")]
    for picture in lists["image/encoded"]:
        frame = tf.io.decode_jpeg(picture)
        assert frame.shape == size, f"a frame is {frame.shape}, not {size}"
    timestamps = lists["image/timestamp"].numpy()
    assert len(timestamps) == len(lists["image/encoded"])
    assert (timestamps[1:] > timestamps[:-1]).all(), "timestamps do not increase"
    assert timestamps[0] == context["clip/start/timestamp"]
    assert timestamps[-1] < context["clip/end/timestamp"]
    labels = [text.decode() for text in context["clip/label/text"].numpy()]
    assert labels == [text.decode() for text in context["clip/label/string"].numpy()]
    return (
        f"  {context['example/id'].numpy().decode()}: {len(timestamps)} frames of {size}, "
        f"{timestamps[0]} to {timestamps[-1]} microseconds, strictly increasing, "
        f"{float(context['image/frame_rate'])} a second, "
        f"labels {context['clip/label/index'].numpy().tolist()} {labels}"
    )


def main(folder: Path) -> None:
    print(f"TensorFlow {tf.__version__}")
    print("context:", *CONTEXT)
    print("feature lists:", *FEATURE_LISTS)
    shards = sorted(folder.glob("*.tfrecord"))
    if not shards:
        sys.exit(f"no *.tfrecord in {folder}")
    for shard in shards:
        clips = [describe(record) for record in tf.data.TFRecordDataset(str(shard))]
        print(f"{shard.name}: {len(clips)} clips", *clips, sep="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python read_with_tensorflow.py FOLDER")
    main(Path(sys.argv[1]))
