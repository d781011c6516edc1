"""Files that an administrator's command makes for a server that runs as somebody else."""

from __future__ import annotations

import os
from pathlib import Path


def give_to_owner(path: Path, folder: Path) -> None:
    """Where root is at work, let a file belong to whom the folder belongs to. Raises: OSError."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
