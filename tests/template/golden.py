"""What a change of template.yaml changes in production, as a diff: ``make golden``.

It transforms the template of a base revision and that of the work tree, and prints the difference,
resource by resource. The base is the argument, or the commit at which this branch left main. With
``--of-production`` it prints the input of the scanners: the transformed template, with the
parameters of a stack with every resource as defaults.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.aws import template as templates
from tests.support.transformed_template import EVERYTHING, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTIONS = ("Parameters", "Conditions", "Resources", "Outputs")
# The transform adds digests of the content to the names of versions and layers.
_DIGEST = re.compile(r"\b(\w+FunctionVersion|\w+Layer\w*?)[0-9a-f]{10}\b")


class UnknownBase(Exception):
    """The base revision does not exist here, or has no template."""


def transformed(path: Path = TEMPLATE) -> dict[str, Any]:
    """Return the CloudFormation template of production, with all resources that SAM adds."""
    return _transformed(path.read_text(encoding="utf-8"))


@functools.cache
def _transformed(text: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "template.yaml")
        path.write_text(text, encoding="utf-8")
        declared = templates.read(path, "eu-west-1", {}, {}).declared
        parameters = {name: value for name, value in EVERYTHING.items() if name in declared}
        template = templates.read(path, "eu-west-1", parameters, {})
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": template.declared,
        "Conditions": template.conditions,
        "Resources": template.resources,
        "Outputs": template.outputs,
    }


def difference(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a diff of two transformed templates, with a heading per resource."""
    for section in _SECTIONS:
        old, new = _texts(before[section]), _texts(after[section])
        for name in sorted(old.keys() | new.keys()):
            lines = difflib.unified_diff(old.get(name, []), new.get(name, []), lineterm="")
            changed = [line for line in lines if not line.startswith(("--- ", "+++ ", "@@ "))]
            if changed:
                verb = (
                    "changed"
                    if name in old and name in new
                    else "new"
                    if name in new
                    else "removed"
                )
                yield f"{section}.{name}: {verb}"
                yield from changed


def _texts(section: dict[str, Any]) -> dict[str, list[str]]:
    """Return each entry as lines, without digests, so that changed code changes nothing here."""
    return {
        _DIGEST.sub(r"\1", name): _DIGEST.sub(
            r"\1", json.dumps(_split_lines(entry), indent=1, sort_keys=True, ensure_ascii=False)
        ).splitlines()
        for name, entry in section.items()
    }


def _split_lines(value: Any) -> Any:
    """Split multi-line text, such as that of the dashboard, into its lines."""
    if isinstance(value, dict):
        return {name: _split_lines(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_split_lines(one) for one in value]
    return value.splitlines() if isinstance(value, str) and "\n" in value else value


def base_template(root: Path, revision: str = "") -> str:
    """Return the text of template.yaml at a revision.

    Parameters
    ----------
    root
        The work tree.
    revision
        A Git revision; by default the merge base with main.

    Raises
    ------
    UnknownBase
        If there is no such revision, or it has no template.
    """
    try:
        revision = revision or _git(root, "merge-base", "HEAD", "main").strip()
        return _git(root, "show", f"{revision}:template.yaml")
    except subprocess.CalledProcessError as error:
        raise UnknownBase(error.stderr.strip()) from None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def of_production(template: dict[str, Any]) -> str:
    """Return a transformed template whose defaults are those of a stack with every resource."""
    declared = {
        name: parameter | {"Default": EVERYTHING.get(name, parameter.get("Default"))}
        for name, parameter in template["Parameters"].items()
    }
    return json.dumps(template | {"Parameters": declared})


def main(arguments: list[str], root: Path = TEMPLATE.parent) -> int:
    """Print the diff, or the template for the scanners; return the exit status."""
    if "--of-production" in arguments:
        sys.stdout.write(of_production(transformed(root / "template.yaml")))
        return 0
    try:
        before = _transformed(base_template(root, *arguments[:1]))
    except UnknownBase as error:
        sys.stderr.write(f"error: no base to compare with; name a revision in BASE\n{error}\n")
        return 1
    lines = list(difference(before, transformed(root / "template.yaml")))
    print("\n".join(lines) if lines else "template.yaml changes nothing in production")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
