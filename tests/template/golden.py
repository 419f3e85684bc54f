"""The transformed template as a file that a reviewer reads: ``make golden``.

It writes the golden file anew; with ``--of-production`` it writes to standard output what
scanners read: the same with the parameters of a stack that has everything.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from local.aws import template as templates
from tests.support.transformed_template import EVERYTHING, TEMPLATE

GOLDEN = Path(__file__).parent / "golden" / "production.json"
# What the transform adds to the names of versions and layers: digests of what they hold.
_DIGEST = re.compile(r"\b(\w+FunctionVersion|\w+Layer\w*?)[0-9a-f]{10}\b")


def transformed() -> dict[str, Any]:
    """Give the CloudFormation template of production, with all of SAM's resources in it."""
    made = templates.read(TEMPLATE, "eu-west-1", EVERYTHING, {})
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": made.declared,
        "Conditions": made.conditions,
        "Resources": made.resources,
        "Outputs": made.outputs,
    }


def normal(template: dict[str, Any]) -> str:
    """Give a template as text in which only those lines change that the template changed."""
    text = json.dumps(_in_lines(template), indent=1, sort_keys=True, ensure_ascii=False)
    return _DIGEST.sub(r"\1", text) + "\n"


def _in_lines(value: Any) -> Any:
    """Break text of several lines, such as that of the dashboard, into its lines."""
    if isinstance(value, dict):
        return {name: _in_lines(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_in_lines(one) for one in value]
    return value.splitlines() if isinstance(value, str) and "\n" in value else value


def of_production(template: dict[str, Any]) -> str:
    """Give a template whose parameters have the values of a stack that has everything."""
    declared = {
        name: parameter | {"Default": EVERYTHING.get(name, parameter.get("Default"))}
        for name, parameter in template["Parameters"].items()
    }
    return json.dumps(template | {"Parameters": declared})


def main() -> None:
    """Write what was asked for."""
    if "--of-production" in sys.argv:
        sys.stdout.write(of_production(transformed()))
        return
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(normal(transformed()))


if __name__ == "__main__":
    main()
