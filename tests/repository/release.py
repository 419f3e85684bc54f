"""The notes of a release: ``python -m tests.repository.release TAG``.

Print the section of CHANGELOG.md for a tag, if tag, version, changelog and upgrade guide agree.
CONTRIBUTING.md has the procedure.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - \d{4}-\d\d-\d\d)?\n", re.MULTILINE)


class ReleaseFiles(NamedTuple):
    """The texts of pyproject.toml, CHANGELOG.md and docs/upgrade.md."""

    pyproject: str
    changelog: str
    upgrade: str

    @property
    def version(self) -> str:
        """The version in pyproject.toml, the only place that has it."""
        return str(tomllib.loads(self.pyproject)["project"]["version"])


def read(root: Path = ROOT) -> ReleaseFiles:
    """Read the files of a checkout."""
    names = ("pyproject.toml", "CHANGELOG.md", "docs/upgrade.md")
    return ReleaseFiles(*((root / name).read_text(encoding="utf-8") for name in names))


def sections(changelog: str) -> dict[str, str]:
    """Return the text of each version in a changelog, newest first, with ``Unreleased``."""
    found = list(_SECTION.finditer(changelog))
    ends = [one.start() for one in found[1:]] + [len(changelog)]
    return {
        one["name"]: changelog[one.end() : end].strip()
        for one, end in zip(found, ends, strict=True)
    }


def mismatches(files: ReleaseFiles, tag: str = "") -> list[str]:
    """Return what does not agree with the version: changelog, upgrade guide, and a tag if given."""
    version, notes = files.version, sections(files.changelog)
    newest = [name for name in notes if name != "Unreleased"][:1]
    found = []
    if newest != [version] or f"## [{version}] - " not in files.changelog:
        found.append(f"CHANGELOG.md: the newest version is not {version} with a date")
    if not re.search(rf"^### From .+ to {re.escape(version)}$", files.upgrade, re.MULTILINE):
        found.append(f"docs/upgrade.md: no heading `### From … to {version}`")
    if tag and tag != f"v{version}":
        found.append(f"the tag is {tag}, and pyproject.toml has {version}; expected v{version}")
    if tag and notes.get("Unreleased"):
        found.append("CHANGELOG.md: [Unreleased] has lines; move them to the version")
    return found


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the notes of a tag, or what does not agree; return the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    files = read(root)
    problems = mismatches(files, arguments[0])
    if problems:
        print("\n".join(f"error: {one}" for one in problems), file=sys.stderr)
        return 1
    print(sections(files.changelog)[files.version])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
