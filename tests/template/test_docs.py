"""What docs/operate.md says of a stack is so: log groups, patterns, parameters, outputs, costs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloudwatch import matches, metrics_of
from tests.support.transformed_template import TEMPLATE
from tests.template.golden import transformed

if TYPE_CHECKING:
    Resources = dict[str, dict[str, Any]]

TEXT = (TEMPLATE.parent / "docs" / "operate.md").read_text()
FUNCTIONS = "".join(path.read_text() for path in (TEMPLATE.parent / "functions").rglob("*.py"))


def test_every_log_group_that_is_read_exists(production: Resources) -> None:
    named = set(re.findall(r"/aws/lambda/STACK-([a-z-]+)", TEXT))
    there = {
        one["Properties"]["LogGroupName"].removeprefix("/aws/lambda/voice-local-")
        for one in production.values()
        if one["Type"] == "AWS::Logs::LogGroup"
    }
    assert named
    assert named <= there


@pytest.mark.parametrize("pattern", sorted(set(re.findall(r"'(\{ \$.* \})'", TEXT))))
def test_every_pattern_is_understood_and_asks_for_what_a_function_says(pattern: str) -> None:
    assert not matches(pattern, {})
    fields = re.findall(r"\$\.(\w+)", pattern)
    words = re.findall(r'"(\w+)"', pattern)
    assert [word for word in (*fields, *words) if f'"{word}"' not in FUNCTIONS] == []


def test_every_parameter_and_output_that_is_named_exists() -> None:
    template = transformed()
    given = set(re.findall(r"\b([A-Z]\w+)=", TEXT)) | set(re.findall(r"`([A-Z]\w+)` \|", TEXT))
    assert given <= set(template["Parameters"])
    outputs = set(re.findall(r"output `(\w+)`", TEXT))
    assert {"AlarmTopicArn", "DashboardUrl", "DomainTarget"} <= outputs <= set(template["Outputs"])


def test_the_alarms_cost_what_is_said(production: Resources) -> None:
    alarms = [one for one in production.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    looked_at = sum(len(metrics_of(one["Properties"])) for one in alarms)
    assert f"of which there are {looked_at} | {looked_at / 10:.2f} |" in TEXT


def test_every_link_within_the_page_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    places = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= places
