"""The files of the project, in a clone or in a copy without Git."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def project_files(*patterns: str) -> list[Path]:
    """Return the files that match a pattern, without what is in a folder such as `.venv`."""
    return [
        path
        for pattern in patterns
        for path in sorted(ROOT.rglob(pattern))
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts[:-1])
    ]
