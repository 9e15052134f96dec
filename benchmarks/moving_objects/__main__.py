"""Writes generated videos as a data set folder.

python -m benchmarks.moving_objects OUT [--videos 500] [--seed 0]
"""

import argparse
from pathlib import Path

from benchmarks.moving_objects.dataset import write_dataset


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder of the data set; must not be there yet")
    parser.add_argument("--videos", type=int, default=500, help="how many; a tenth of each kind")
    parser.add_argument("--seed", type=int, default=0, help="other seeds draw other objects")
    arguments = parser.parse_args()
    if arguments.out.exists():
        parser.error(f"{arguments.out} is there already; give another folder.")
    write_dataset(arguments.out, arguments.videos, arguments.seed)


if __name__ == "__main__":
    main()
