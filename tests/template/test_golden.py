"""The golden file is what template.yaml becomes, so that a reviewer sees what a change changes."""

from __future__ import annotations

import copy
import difflib
from typing import Any

import pytest

from tests.template.golden import GOLDEN, normal, transformed

RENEW = "if that is what you want: make golden"


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    return transformed()


def test_the_golden_file_is_what_the_template_becomes(now: dict[str, Any]) -> None:
    before, after = GOLDEN.read_text().splitlines(), normal(now).splitlines()
    changes = list(difflib.unified_diff(before, after, "golden", "template.yaml", n=8, lineterm=""))
    if changes:
        pytest.fail("\n".join(["template.yaml becomes something else", *changes, RENEW]), False)


def test_a_changed_statement_would_be_seen(now: dict[str, Any]) -> None:
    changed = copy.deepcopy(now)
    (policy,) = changed["Resources"]["AnswerRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Action"] = "logs:*"
    assert normal(changed) != GOLDEN.read_text()


def test_a_name_that_tells_of_changed_code_alone_is_not_seen(now: dict[str, Any]) -> None:
    changed = normal(now).replace("AnswerFunctionVersion", "AnswerFunctionVersion0123456789")
    before = normal(now).replace("AnswerFunctionVersion", "AnswerFunctionVersionabcdef0123")
    assert normal({"all": changed}) == normal({"all": before})
