"""The settings of the admin API."""

from __future__ import annotations

import pytest

from calls.settings import from_environment
from tests.support.environment import stack
from voicekit.settings import SettingsError

OWN = {
    "APPLICATION_SECRET_ID": "application",
    "BUCKET_NAME": "recordings",
    "CALLS_PER_DAY": "0",
    "FOREIGN_ANSWER_URLS": "refuse",
}


def test_every_missing_setting_of_the_stack_and_its_own_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        from_environment({})
    assert all(f"{name} is missing" in str(raised.value) for name in {**stack(), **OWN})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("APPLICATION_SECRET_ID", ""),
        ("BUCKET_NAME", ""),
        ("CALLS_PER_DAY", ""),
        ("CALLS_PER_DAY", "-1"),
        ("CALLS_PER_DAY", "\u0661"),
        ("FOREIGN_ANSWER_URLS", "yes"),
    ],
)
def test_an_invalid_setting_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} "):
        from_environment(stack() | OWN | {name: text})


def test_a_daily_call_limit_of_zero_is_allowed() -> None:
    assert from_environment(stack() | OWN).calls_per_day == 0
