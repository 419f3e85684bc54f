"""An update replaces the versions of exactly the functions whose code or configuration changes."""

from __future__ import annotations

import pytest

from tests.support.transformed_template import EVERYTHING, TEMPLATE
from tests.template import updates

TEXT = TEMPLATE.read_text(encoding="utf-8")
WITHOUT_MARK = updates.edited(TEXT, ("        SETTINGS_MARK: !Ref SettingsMark\n", ""))


@pytest.mark.parametrize(("name", "stack"), updates.parameters())
def test_a_changed_parameter_publishes_the_functions_that_it_changes(name: str, stack: str) -> None:
    found = updates.of_parameter(name, stack)
    assert found.replaced == found.changed


@pytest.mark.parametrize("name", updates.EDITS)
def test_an_ordinary_edit_publishes_the_functions_that_it_changes(name: str) -> None:
    found = updates.of_edit(name)
    assert found.replaced == found.changed


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("code of the functions", 13),
        ("setting of all functions", 13),
        ("tag of the functions, and the number", 13),
        ("packages of the layer", 3),
        ("setting of one function", 1),
        ("log retention", 0),
        ("limit of a route", 0),
    ],
)
def test_an_edit_changes_the_functions_that_it_concerns(name: str, functions: int) -> None:
    assert len(updates.of_edit(name).changed) == functions


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("CallsPerDay", 13),
        ("KeepRecordingsDays", 13),
        ("Agent", 13),
        ("AlarmEmail", 0),
        ("NotifyEmail", 0),
        ("FlowPolicyArn", 0),
        ("GradualDeployment", 0),
    ],
)
def test_a_parameter_of_any_function_publishes_all_of_them(name: str, functions: int) -> None:
    assert len(updates.of_parameter(name, "production").replaced) == functions


@pytest.mark.parametrize(("before", "after"), [("", "a@example.com"), ("a@example.com", "")])
def test_the_first_and_the_last_address_for_mails_go_live(before: str, after: str) -> None:
    """No parameter of the mark changes, so the description of the version has a word for it."""
    stacks = (EVERYTHING | {"NotifyEmail": address} for address in (before, after))
    found = updates.update(TEXT, TEXT, *stacks)
    assert found.replaced == found.changed == {"publish_events"}


# What the walk must find


@pytest.mark.parametrize("name", ["CallsPerDay", "VonageApi", "KeepRecordingsDays"])
def test_a_mark_in_the_versions_only_would_fail_for_most_functions(name: str) -> None:
    found = updates.of_parameter(name, "production", WITHOUT_MARK)
    assert len(found.refused) == 12


def test_a_mark_in_the_versions_only_would_fail_for_all_functions_where_a_url_hides_a_domain() -> (
    None
):
    stack = "production with PublicBaseUrl"
    assert len(updates.of_parameter("DomainName", stack, WITHOUT_MARK).refused) == 13


def test_a_parameter_outside_the_mark_would_not_go_live() -> None:
    text = updates.edited(TEXT, (" ${Language} ", " "))
    assert len(updates.of_parameter("Language", "production", text).stale) == 13


@pytest.mark.parametrize("property_", ["Tags: {team: voice}", "ReservedConcurrentExecutions: 20"])
def test_a_tag_or_reserved_concurrency_would_fail_without_a_raised_number(property_: str) -> None:
    runtime = "    Runtime: python3.13\n"
    found = updates.of_edited((runtime, f"{runtime}    {property_}\n"))
    assert len(found.refused) == 13


def test_a_text_that_the_template_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not contain"):
        updates.of_edited(("none such", ""))


def test_the_program_prints_a_row_for_each_update_and_one_for_a_base(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(updates, "EDITS", {"log level": updates.EDITS["log level"]})
    monkeypatch.setattr(updates, "STACKS", {"production": EVERYTHING})
    assert updates.main(["HEAD"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "parameter (stack) or edit"
    assert [row.split("  ")[0] for row in rows[-2:]] == ["log level", "template.yaml since HEAD"]
    assert rows[-2].split()[2:] == ["all", "all", "ok"]
    assert len(rows) == len(updates.parameters()) + 2
    assert updates.main(["no-such-revision"]) == 1


def test_the_program_fails_if_an_update_would(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = "    Runtime: python3.13\n"
    tag = ((runtime, f"{runtime}    Tags: {{team: voice}}\n"),)
    monkeypatch.setattr(updates, "EDITS", {"tag": tag})
    monkeypatch.setattr(updates, "STACKS", {})
    assert updates.main([]) == 1
    assert "FAILS: raise the number in SettingsMark" in capsys.readouterr().out
