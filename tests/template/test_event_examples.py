"""The examples of stacks beside this one: which events they select, and what they send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from local.aws.event_pattern import matches
from tests.support.transformed_template import TEMPLATE

EXAMPLES = TEMPLATE.parent / "docs" / "examples"
SUMMARY = "Missed call from 447700900123 to 447700900000"


def rule(example: str) -> dict[str, Any]:
    resources = cfn_yaml.load(str(EXAMPLES / example))["Resources"]
    # Without the classes of cfn-lint, which compare as other types.
    properties: dict[str, Any] = json.loads(json.dumps(resources["Rule"]["Properties"]))
    return properties


def selects(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Return whether a pattern matches, which may have one ``$or``."""
    rest = {name: value for name, value in pattern.items() if name != "$or"}
    return any(matches(rest | one, event) for one in pattern.get("$or", [{}]))


@pytest.mark.parametrize(
    ("source", "type_", "missed", "expected"),
    [
        ("voice", "voice.voicemail.left", None, True),
        ("voice", "voice.call.completed", True, True),
        ("voice", "voice.call.completed", False, False),
        ("voice", "voice.call.started", None, False),
        ("voice", "voice.recording.stored", None, False),
        ("voice.flow", "voice.voicemail.left", None, False),
    ],
)
def test_slack_gets_voicemails_and_missed_calls_only(
    source: str, type_: str, missed: bool | None, expected: bool
) -> None:
    detail = {"summary": SUMMARY} | ({} if missed is None else {"missed": missed})
    event = {"source": source, "detail-type": type_, "detail": detail}
    assert selects(rule("slack.yaml")["EventPattern"], event) == expected


def test_slack_gets_the_summary_as_text() -> None:
    (target,) = rule("slack.yaml")["Targets"]
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"summary": "$.detail.summary"}
    # EventBridge puts the quotes around a text itself.
    text = transformer["InputTemplate"].replace("<summary>", json.dumps(SUMMARY))
    assert json.loads(text) == {"text": SUMMARY}
