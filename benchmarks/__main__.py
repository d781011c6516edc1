"""``./do bench``: all benchmarks, one after the other. Each also runs alone, see ``python -m benchmarks.<name>
--help``.
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = ("ngsild", "sensorthings", "bulk", "render", "jsonld", "matching")


def main() -> int:
    """Run those that are named, or all; arguments with a dash go to the one that is named."""
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or list(BENCHMARKS)
    options = [option for option in sys.argv[1:] if option.startswith("-")]
    for name in names:
        print(f"\n# {name}\n", flush=True)
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
