"""template.yaml as a stack has it: transformed, its conditions applied, its functions evaluated.

In it a resource is called by its logical id, and an attribute ``LogicalId.Attribute``.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.aws import template as templates

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
EVERYTHING = {
    "Stage": "production",
    "AlarmEmail": "owner@example.com",
    "DomainName": "voice.example.com",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0f0f0f0f",
}
"""Parameters of a stack that has all there is."""


class _Attributes(dict[tuple[str, str], str]):
    def __missing__(self, key: tuple[str, str]) -> str:
        return ".".join(key)


@functools.cache
def _transformed(**parameters: str) -> templates.Template:
    return templates.read(TEMPLATE, "eu-west-1", parameters, {})


def resources(**parameters: str) -> dict[str, dict[str, Any]]:
    """Give the resources of a stack with these parameters."""
    # The transform itself reads no parameter but these two; it takes a second.
    read = {k: v for k, v in parameters.items() if k in ("Stage", "GradualDeployment")}
    transformed = _transformed(**read)
    made = replace(transformed, parameters=transformed.parameters | parameters)
    resolver = templates.Resolver(made, {name: name for name in made.resources}, _Attributes())
    return {
        name: resolver.resolve(one)
        for name, one in made.resources.items()
        if "Condition" not in one or resolver.holds(one["Condition"])
    }
