"""The template parameters of samconfig.toml."""

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
    "value",
    [
        '"AllowedPrefixes=44,1212 DefaultFlow=greet"',
        # The form of `sam deploy --guided`.
        r'"AllowedPrefixes=\"44,1212\" DefaultFlow=\"greet\""',
        '"ParameterKey=AllowedPrefixes,ParameterValue=44,1212 ParameterKey=DefaultFlow,'
        'ParameterValue=greet"',
        '["AllowedPrefixes=44,1212", "DefaultFlow=greet"]',
        '{AllowedPrefixes = "44,1212", DefaultFlow = "greet"}',
    ],
)
def test_every_form_of_parameter_overrides_is_parsed(tmp_path: Path, value: str) -> None:
    text = f"version = 0.1\n[default.deploy.parameters]\nparameter_overrides = {value}\n"
    assert read(tmp_path, text) == {"AllowedPrefixes": "44,1212", "DefaultFlow": "greet"}


def test_a_value_may_contain_spaces_and_equals_signs_or_be_empty(tmp_path: Path) -> None:
    text = """
        [default.deploy.parameters]
        parameter_overrides = 'NumberFlows="447700900000=greet" ConferenceName="a b" VonageApi='
        """
    expected = {"NumberFlows": "447700900000=greet", "ConferenceName": "a b", "VonageApi": ""}
    assert read(tmp_path, text) == expected


def test_deploy_takes_precedence_over_global(tmp_path: Path) -> None:
    shared = '[default.global.parameters]\nparameter_overrides = "A=1"\n'
    assert read(tmp_path, shared) == {"A": "1"}
    deploy = '[default.deploy.parameters]\nparameter_overrides = "B=2"\n'
    assert read(tmp_path, shared + deploy) == {"B": "2"}


@pytest.mark.parametrize("text", ["", "version = 0.1", "[staging.deploy.parameters]\nx = 1"])
def test_without_overrides_the_result_is_empty(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {}


def test_without_the_file_the_result_is_empty(tmp_path: Path) -> None:
    assert overrides(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[default", "cannot be read"),
        ("default = 1", "cannot be read"),
        (
            '[default.deploy.parameters]\nparameter_overrides = "greet"',
            "'greet' does not have the form",
        ),
        ('[default.deploy.parameters]\nparameter_overrides = "A=\'1"', "No closing quotation"),
        ("[default.deploy.parameters]\nparameter_overrides = 1", "cannot be read"),
        ("[default.deploy.parameters]\nparameter_overrides = [1]", "cannot be read"),
    ],
)
def test_an_error_names_the_file_and_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=r"samconfig\.toml") as raised:
        read(tmp_path, text)
    assert reason in str(raised.value)
