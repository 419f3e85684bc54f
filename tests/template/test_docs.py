"""The docs and the stack agree: log groups, patterns, parameters, settings, outputs, costs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloudwatch import matches, metrics_of
from tests.support.transformed_template import TEMPLATE
from tests.template.golden import transformed

if TYPE_CHECKING:
    Resources = dict[str, dict[str, Any]]

DEPLOY = (TEMPLATE.parent / "docs" / "deploy.md").read_text()
PREREQUISITES = (TEMPLATE.parent / "docs" / "prerequisites.md").read_text()
TEXT = (TEMPLATE.parent / "docs" / "operate.md").read_text()
FUNCTIONS = "".join(path.read_text() for path in (TEMPLATE.parent / "functions").rglob("*.py"))


def test_every_log_group_in_a_command_exists(production: Resources) -> None:
    mentioned = set(re.findall(r"/aws/lambda/STACK-([a-z-]+)", TEXT))
    existing = {
        one["Properties"]["LogGroupName"].removeprefix("/aws/lambda/voice-local-")
        for one in production.values()
        if one["Type"] == "AWS::Logs::LogGroup"
    }
    assert mentioned
    assert mentioned <= existing


@pytest.mark.parametrize("pattern", sorted(set(re.findall(r"'(\{ \$.* \})'", TEXT))))
def test_every_filter_pattern_is_valid_and_its_words_are_in_the_code(pattern: str) -> None:
    assert not matches(pattern, {})
    fields = re.findall(r"\$\.(\w+)", pattern)
    words = re.findall(r'"(\w+)"', pattern)
    assert [word for word in (*fields, *words) if f'"{word}"' not in FUNCTIONS] == []


def test_every_parameter_and_output_exists() -> None:
    template = transformed()
    parameters = re.findall(r"\b([A-Z][a-z]\w+)=", TEXT) + re.findall(r"`([A-Z]\w+)` \|", TEXT)
    assert set(parameters) <= set(template["Parameters"])
    outputs = set(re.findall(r"output `(\w+)`", TEXT))
    assert {"AlarmTopicArn", "DashboardUrl", "DomainTarget"} <= outputs <= set(template["Outputs"])


def test_the_variables_of_the_functions_are_named_after_their_parameters() -> None:
    template = transformed()
    pairs = {
        (value["Ref"], variable)
        for one in template["Resources"].values()
        if one["Type"] == "AWS::Lambda::Function"
        for variable, value in one["Properties"]["Environment"]["Variables"].items()
        if isinstance(value, dict) and value.get("Ref") in template["Parameters"]
    }
    other_names = {("VonageApi", "VONAGE_API_URL")}
    assert other_names < pairs
    for name, variable in pairs - other_names:
        assert variable == re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
    rows = re.findall(r"^\| (`[A-Z][a-z].*?) \| (`[A-Z_].*?) \|", PREREQUISITES, re.MULTILINE)
    documented = [
        pair for row in rows for pair in zip(*(one.split(", ") for one in row), strict=True)
    ]
    assert len(documented) == 10
    assert {(name.strip("`"), variable.strip("`")) for name, variable in documented} <= pairs


def test_the_alarms_cost_what_the_table_says(production: Resources) -> None:
    alarms = [one for one in production.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(len(metrics_of(one["Properties"])) for one in alarms)
    assert f"of which there are {metrics} | {metrics / 10:.2f} |" in TEXT


def test_the_costs_of_the_example_add_up() -> None:
    section = DEPLOY.partition("\n## What it costs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .* \| \**(\d+\.\d\d)\** \|$", section, re.MULTILINE)
    *costs, total = [round(float(one) * 100) for one in rows]
    assert len(costs) == 8
    assert sum(costs) == total
    # What it costs without calls: each secret, and each queue that Lambda polls every four seconds.
    types = [one["Type"] for one in transformed()["Resources"].values()]
    mappings = [
        one["Properties"]
        for one in transformed()["Resources"].values()
        if one["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    polled = [one for one in mappings if "Queue" in str(one["EventSourceArn"])]
    polling = len(polled) * 30 * 24 * 3600 / 4 * 0.40 / 1_000_000
    idle = types.count("AWS::SecretsManager::Secret") * 0.40 + polling
    assert f"Without calls, the stack costs {idle:.2f} dollars" in section


def test_the_deployment_page_ends_with_ten_checks_that_have_commands_and_a_result() -> None:
    section = DEPLOY[DEPLOY.rindex("\n## ") :]
    assert section.startswith("\n## Try it on your first account\n")
    checks = re.split(r"^\d+\. ", section, flags=re.MULTILINE)[1:]
    assert len(checks) == 10
    for check in checks:
        assert "```console\n" in check
        assert re.search(r"\b[Yy]ou (see|hear|get) ", check)


def test_every_link_within_the_page_has_a_target() -> None:
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


def test_the_settings_without_a_parameter_have_the_values_of_the_table(
    production: Resources,
) -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| `(\w+)` \|$", DEPLOY, re.MULTILINE)
    settings: dict[str, str] = {}
    for one in production.values():
        if one["Type"] == "AWS::Lambda::Function":
            settings |= one["Properties"]["Environment"]["Variables"]
            settings |= one["Properties"]["LoggingConfig"]
    assert len(rows) == 8
    assert {name: settings.get(name) for name, _ in rows} == dict(rows)
