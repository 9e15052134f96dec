"""Run the TensorFlow code of a data card, as it stands in OUT/README.md.

In an environment of its own, since TensorFlow and the project want different protobuf releases:

    python -m venv ../tensorflow
    ../tensorflow/bin/pip install tensorflow-cpu
    ../tensorflow/bin/python tests/external/run_tensorflow_snippet.py OUT

Prints what the code prints, and how many clips its data set has. Ends with an error if the card has
no such code, if the code fails, or if the clips are not as many as the manifest says.
"""

# ruff: noqa: T201

import json
import os
import re
import runpy
import sys
import tempfile
from pathlib import Path

SNIPPET = re.compile(r"^### TensorFlow\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def main(out: Path) -> None:
    found = SNIPPET.search((out / "README.md").read_text(encoding="utf-8"))
    if found is None:
        sys.exit(f"{out / 'README.md'} has no code for TensorFlow")
    totals = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["totals"]
    with tempfile.TemporaryDirectory() as folder:
        # From a file, since TensorFlow reads the source of what it traces.
        script = Path(folder) / "snippet.py"
        script.write_text(found[1], encoding="utf-8")
        # The card's paths are relative to its folder.
        os.chdir(out)
        names = runpy.run_path(str(script))
    print(f"TensorFlow {names['tf'].__version__}")
    clips = sum(1 for _ in names["clips"])
    print(f"{clips} clips, {totals['clips']} in the manifest")
    if clips != totals["clips"]:
        sys.exit("these should be equal")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python run_tensorflow_snippet.py OUT")
    main(Path(sys.argv[1]))
