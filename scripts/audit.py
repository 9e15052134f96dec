"""Says what is known of faults in the versions that `requirements/*.lock` name.

    python -m scripts.audit [FILE.lock ...]

pip-audit asks a database on the web, and is fetched for that. Where either cannot be reached, one
line says so, and nothing fails. A known fault is a failure: exit code 1.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

LOCKS = Path(__file__).parent.parent / "requirements"

# Seconds until a database counts as one that cannot be reached.
_PATIENCE = 600


class _Fault(msgspec.Struct):
    id: str
    fix_versions: list[str]


class _Package(msgspec.Struct):
    name: str
    version: str = ""
    vulns: list[_Fault] = []


class _Report(msgspec.Struct):
    """What pip-audit prints with `--format json`."""

    dependencies: list[_Package]


def main(files: Sequence[Path]) -> int:
    """Print what is known of these lock files; the exit code."""
    faults = 0
    for file in files:
        command = [
            *("uv", "tool", "run", "pip-audit", "--format", "json", "--progress-spinner", "off"),
            # Versions and hashes are all there: nothing is resolved, and nothing installed.
            *("--require-hashes", "--disable-pip", "--requirement", str(file)),
        ]
        try:
            ended = subprocess.run(
                [sys.executable, "-m", *command], capture_output=True, text=True, timeout=_PATIENCE
            )
            report = msgspec.json.decode(ended.stdout, type=_Report)
        except subprocess.TimeoutExpired:
            print(f"{file.name}: no database of faults answered within {_PATIENCE} s.")
            continue
        except msgspec.DecodeError:
            said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
            why = said[-1][:200] if said else f"exit code {ended.returncode}"
            print(f"{file.name}: no database of faults could be reached ({why}).")
            continue
        found = [(each, fault) for each in report.dependencies for fault in each.vulns]
        for package, fault in found:
            fixed = f"fixed in {', '.join(fault.fix_versions)}" if fault.fix_versions else "no fix"
            print(f"{file.name}: {package.name} {package.version}: {fault.id} ({fixed})")
        print(f"{file.name}: {len(report.dependencies)} packages, {len(found)} known faults.")
        faults += len(found)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main([Path(each) for each in sys.argv[1:]] or sorted(LOCKS.glob("*.lock"))))
