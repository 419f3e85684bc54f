"""`make golden` shows a reviewer what a change of template.yaml changes in production."""

from __future__ import annotations

import copy
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.transformed_template import TEMPLATE
from tests.template.golden import difference, main, transformed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def changed() -> dict[str, Any]:
    return copy.deepcopy(transformed())


def test_a_changed_statement_is_shown_under_its_resource(changed: dict[str, Any]) -> None:
    (policy,) = changed["Resources"]["AnswerRole"]["Properties"]["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Action"] = "logs:*"
    heading, *lines = difference(transformed(), changed)
    assert heading == "Resources.AnswerRole: changed"
    assert [line.strip(" +") for line in lines if line[:1] == "+"] == ['"Action": "logs:*",']


def test_new_and_removed_resources_are_shown_whole(changed: dict[str, Any]) -> None:
    changed["Resources"]["Own"] = changed["Resources"].pop("AlarmTopic")
    lines = list(difference(transformed(), changed))
    assert [line for line in lines if not line.startswith(("+", "-"))] == [
        "Resources.AlarmTopic: removed",
        "Resources.Own: new",
    ]
    assert '+ "Type": "AWS::SNS::Topic"' in lines
    assert '- "Type": "AWS::SNS::Topic"' in lines


def test_a_changed_line_of_the_dashboard_is_one_line(changed: dict[str, Any]) -> None:
    dashboard = changed["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    dashboard[0] = dashboard[0].replace('"-PT3H"', '"-PT6H"')
    lines = list(difference(transformed(), changed))
    assert [line.strip(" +,") for line in lines if line[:1] == "+"] == [
        r'"{\"start\": \"-PT6H\", \"widgets\": ["'
    ]


def test_a_digest_in_a_name_is_not_shown(changed: dict[str, Any]) -> None:
    (version,) = [it for it in changed["Resources"] if it.startswith("AnswerFunctionVersion")]
    changed["Resources"]["AnswerFunctionVersion0123456789"] = changed["Resources"].pop(version)
    assert list(difference(transformed(), changed)) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a branch of its own, where nothing has changed yet."""
    (tmp_path / "template.yaml").write_text(TEMPLATE.read_text())
    author = ("-c", "user.name=reviewer", "-c", "user.email=reviewer@example.com")
    for words in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "template.yaml"),
        (*author, "commit", "--quiet", "--message", "base"),
        ("switch", "--quiet", "--create", "branch"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["main"]])
def test_the_work_tree_is_compared_with_the_base(
    repository: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments, repository) == 0
    assert capsys.readouterr().out == "template.yaml changes nothing in production\n"
    template = repository / "template.yaml"
    template.write_text(template.read_text().replace("rate(1 minute)", "rate(2 minutes)"))
    assert main(arguments, repository) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading == "Resources.HeartbeatFunctionEachMinute: changed"
    assert any("rate(2 minutes)" in line for line in lines)


def test_a_base_that_does_not_exist_is_an_error(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["none"], repository) == 1
    assert "name a revision in BASE" in capsys.readouterr().err
