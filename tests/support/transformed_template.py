"""template.yaml after SAM's transform, with its conditions and intrinsic functions evaluated.

``Ref`` returns a resource's logical id, and ``Fn::GetAtt`` returns ``LogicalId.Attribute``.
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
    "AlarmEmail": "operator@example.com",
    "NotifyEmail": "owner@example.com",
    "DomainName": "voice.example.com",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/0f0f0f0f",
}
"""Parameters of a stack with every resource."""


class Attributes(dict[tuple[str, str], str]):
    """The values of ``Fn::GetAtt``: ``LogicalId.Attribute`` for every resource."""

    def __missing__(self, key: tuple[str, str]) -> str:
        return ".".join(key)


@functools.cache
def _transformed(**parameters: str) -> templates.Template:
    return templates.read(TEMPLATE, "eu-west-1", parameters, {})


def _resolver(**parameters: str) -> tuple[templates.Template, templates.Resolver]:
    # The transform itself only reads these two parameters, and takes a second.
    used = {k: v for k, v in parameters.items() if k in ("Stage", "GradualDeployment")}
    transformed = _transformed(**used)
    template = replace(transformed, parameters=transformed.parameters | parameters)
    names = {name: name for name in template.resources}
    return template, templates.Resolver(template, names, Attributes())


def resources(**parameters: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a stack with these parameters."""
    template, resolver = _resolver(**parameters)
    return {
        name: resolver.resolve(one)
        for name, one in template.resources.items()
        if "Condition" not in one or resolver.holds(one["Condition"])
    }


def outputs(**parameters: str) -> dict[str, str]:
    """Return the outputs of a stack with these parameters."""
    template, resolver = _resolver(**parameters)
    return {
        name: resolver.resolve(one["Value"])
        for name, one in template.outputs.items()
        if "Condition" not in one or resolver.holds(one["Condition"])
    }
