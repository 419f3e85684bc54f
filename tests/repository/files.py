"""The files of the project, in a clone or in a copy without Git."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def project_files(*suffixes: str) -> list[Path]:
    """Return the files whose names end so, without what is in a folder such as `.venv`."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(suffixes)]
    return sorted(found)
