"""What samconfig.toml gives the template's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.aws.samconfig import overrides
from local.aws.template import TemplateError

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, text: str) -> dict[str, str]:
    (folder / "samconfig.toml").write_text(text)
    return overrides(folder)


@pytest.mark.parametrize(
    "given",
    [
        '"AllowedPrefixes=44,1212 DefaultFlow=greet"',
        # As `sam deploy --guided` writes it.
        r'"AllowedPrefixes=\"44,1212\" DefaultFlow=\"greet\""',
        '"ParameterKey=AllowedPrefixes,ParameterValue=44,1212 ParameterKey=DefaultFlow,'
        'ParameterValue=greet"',
        '["AllowedPrefixes=44,1212", "DefaultFlow=greet"]',
        '{AllowedPrefixes = "44,1212", DefaultFlow = "greet"}',
    ],
)
def test_each_way_in_which_sam_writes_values_is_read(tmp_path: Path, given: str) -> None:
    text = f"version = 0.1\n[default.deploy.parameters]\nparameter_overrides = {given}\n"
    assert read(tmp_path, text) == {"AllowedPrefixes": "44,1212", "DefaultFlow": "greet"}


def test_a_value_may_have_blanks_and_equals_signs_or_be_empty(tmp_path: Path) -> None:
    text = """
        [default.deploy.parameters]
        parameter_overrides = 'NumberFlows="447700900000=greet" ConferenceName="a b" VonageApi='
        """
    expected = {"NumberFlows": "447700900000=greet", "ConferenceName": "a b", "VonageApi": ""}
    assert read(tmp_path, text) == expected


def test_what_deploy_says_goes_before_what_all_commands_share(tmp_path: Path) -> None:
    shared = '[default.global.parameters]\nparameter_overrides = "A=1"\n'
    assert read(tmp_path, shared) == {"A": "1"}
    deploy = '[default.deploy.parameters]\nparameter_overrides = "B=2"\n'
    assert read(tmp_path, shared + deploy) == {"B": "2"}


@pytest.mark.parametrize("text", ["", "version = 0.1", "[staging.deploy.parameters]\nx = 1"])
def test_where_it_says_nothing_nothing_is_given(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {}


def test_without_the_file_nothing_is_given(tmp_path: Path) -> None:
    assert overrides(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[default", "cannot be read"),
        ("default = 1", "cannot be read"),
        ('[default.deploy.parameters]\nparameter_overrides = "greet"', "'greet' is not of the"),
        ('[default.deploy.parameters]\nparameter_overrides = "A=\'1"', "No closing quotation"),
        ("[default.deploy.parameters]\nparameter_overrides = 1", "cannot be read"),
        ("[default.deploy.parameters]\nparameter_overrides = [1]", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_file(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=r"samconfig\.toml") as raised:
        read(tmp_path, text)
    assert reason in str(raised.value)
