"""Generated videos on which learning means something: objects that move, turn and are hidden.

    python -m benchmarks.moving_objects OUT [--videos 500] [--seed 0]

writes a data set folder that `videonet train` takes.
"""
