"""The settings: .env and the environment, missing values, and secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from voicectl.errors import VoicectlError
from voicectl.settings import WHERE, UserSettings, of_local, parse_env, read

if TYPE_CHECKING:
    from pathlib import Path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VONAGE_API_KEY=of-the-file\nTO_NUMBER=447700900001\n")
    found = read({"VONAGE_API_KEY": "of-the-environment", "TO_NUMBER": ""}, tmp_path)
    assert (found.api_key, found.to_number) == ("of-the-environment", "447700900001")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("  A = 1  ", "1"),
        ("export A=1", "1"),
        ("A=1 # a comment", "1"),
        ("A=1#2", "1#2"),
        ("A=", ""),
        ("A='1 # 2'", "1 # 2"),
        ('A="1\\n2"', "1\n2"),
        ("A='1\\n2'", "1\\n2"),
        ('A="1\n2" # a comment', "1\n2"),
        ("# a comment\n\nA=1", "1"),
    ],
)
def test_a_line_of_the_file_is_parsed(line: str, value: str) -> None:
    assert parse_env(line) == {"A": value}


@pytest.mark.parametrize("text", ["secret", "A='secret", "1A=secret", "A B=secret"])
def test_an_invalid_line_is_named_only_by_its_number(text: str) -> None:
    with pytest.raises(VoicectlError, match="line 2") as raised:
        parse_env(f"# first\n{text}")
    assert "secret" not in str(raised.value)


def test_a_missing_setting_is_named_with_where_to_find_it() -> None:
    for name in ("api_key", "api_secret", "application_id", "signature_secret", "uuid"):
        with pytest.raises(VoicectlError) as raised:
            UserSettings().need(name)
        variable = str(raised.value).partition(" ")[0]
        assert WHERE[variable] in str(raised.value)
        assert "pass --local" in str(raised.value)


@pytest.mark.parametrize("value", ["…", "…-of-the-dashboard", "geheim-ł"])
def test_a_value_with_a_character_that_is_not_ascii_is_not_filled_in(
    tmp_path: Path, value: str
) -> None:
    variables = dict.fromkeys(WHERE, value) | {"VONAGE_APPLICATION_PRIVATE_KEY": "…"}
    (tmp_path / ".env").write_text("".join(f"{name}={one}\n" for name, one in variables.items()))
    for found in (read({}, tmp_path), read(variables, tmp_path / "empty")):
        for name in (
            *("api_key", "api_secret", "application_id", "private_key", "number", "to_number"),
            *("second_number", "uuid", "signature_secret"),
        ):
            assert getattr(found, name) is None
            with pytest.raises(VoicectlError, match=r"is not filled in.* in \.env") as raised:
                found.need(name)
            assert value not in str(raised.value)
            assert str(raised.value).partition(" ")[0] in WHERE


def test_the_path_of_the_private_key_may_have_any_letter(tmp_path: Path) -> None:
    (tmp_path / "schlüssel.key").write_text("a key")
    for name in ("VONAGE_APPLICATION_PRIVATE_KEY", "VONAGE_APPLICATION_PRIVATE_KEY_PATH"):
        assert read({name: "schlüssel.key"}, tmp_path).private_key == "a key"
    placeholder = {"VONAGE_APPLICATION_PRIVATE_KEY_PATH": "…"}
    assert read(placeholder, tmp_path).private_key is None


def test_with_the_local_platform_a_missing_setting_does_not_name_it() -> None:
    with pytest.raises(VoicectlError) as raised:
        of_local({}, UserSettings()).need("uuid")
    assert "--local" not in str(raised.value)


def test_the_private_key_is_text_or_a_file_in_either_variable(tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
    (tmp_path / "private.key").write_text(key)
    name = "VONAGE_APPLICATION_PRIVATE_KEY"
    for variables in (
        {name: key},
        {name: key.replace("\n", "\\n")},
        {name: "private.key"},
        {f"{name}_PATH": "private.key"},
        {f"{name}_PATH": str(tmp_path / "private.key")},
    ):
        assert (read(variables, tmp_path).private_key or "").strip() == key.strip()


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoicectlError, match=r"missing\.key"):
        read({"VONAGE_APPLICATION_PRIVATE_KEY_PATH": "missing.key"}, tmp_path)


@pytest.mark.parametrize("number", ["0770", "abc", "+44 7700 900000", "1" * 16])
def test_an_invalid_number_is_rejected(tmp_path: Path, number: str) -> None:
    with pytest.raises(VoicectlError, match="VONAGE_NUMBER"):
        read({"VONAGE_NUMBER": number}, tmp_path)


def test_a_number_may_have_a_plus(tmp_path: Path) -> None:
    assert read({"VONAGE_NUMBER": "+447700900000"}, tmp_path).number == "447700900000"


def test_secrets_are_not_in_the_repr() -> None:
    shown = repr(UserSettings(api_secret="hide-a", private_key="hide-b", signature_secret="hide-c"))
    assert "hide" not in shown
