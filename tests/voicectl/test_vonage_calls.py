"""voicectl.vonage_calls: hang up live calls, at Vonage's rate limit and after errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from voicectl.admin_api import AdminApiError
from voicectl.errors import VoicectlError
from voicectl.vonage_calls import hang_up_all

CALLS = [{"uuid": "first"}, {"uuid": "second"}]


class ScriptedApi:
    """An admin API whose requests have these results, and then succeed."""

    def __init__(self, *results: Exception | None) -> None:
        self.results = list(results)
        self.hung_up: list[str] = []

    def change(self, method: str, path: str, body: Any) -> None:
        assert (method, body) == ("PUT", {"action": "hangup"})
        error = self.results.pop(0) if self.results else None
        if error is not None:
            raise error
        self.hung_up.append(path)


def hang_up(api: Any) -> tuple[list[str], bool, list[float], list[str]]:
    """Hang up the calls, and return the pauses and warnings as well."""
    pauses: list[float] = []
    warnings: list[str] = []
    output = SimpleNamespace(line=lambda _text: None, warn=warnings.append)
    context: Any = SimpleNamespace(output=output, sleep=pauses.append)
    return *hang_up_all(api, CALLS, context), pauses, warnings


def refused(status: int) -> AdminApiError:
    return AdminApiError("refused", status, {})


def test_all_calls_are_hung_up() -> None:
    api = ScriptedApi()
    assert hang_up(api) == (["first", "second"], False, [], [])
    assert api.hung_up == ["/calls/first", "/calls/second"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_hangup_is_retried_at_the_rate_limit_and_while_aws_is_unavailable(status: int) -> None:
    ended, failed, pauses, _ = hang_up(ScriptedApi(refused(status), refused(status)))
    assert (ended, failed) == (["first", "second"], False)
    assert pauses == [1.0, 2.0]


def test_a_call_that_may_still_be_live_is_not_reported_as_hung_up() -> None:
    assert hang_up(ScriptedApi(refused(404)))[:2] == (["second"], True)


@pytest.mark.parametrize("error", [refused(400), refused(500), VoicectlError("lost")])
def test_after_a_failed_hangup_the_next_call_is_hung_up(error: Exception) -> None:
    ended, failed, _, warnings = hang_up(ScriptedApi(error))
    assert (ended, failed) == (["second"], True)
    assert warnings == [f"first: {error}"]


def test_a_hangup_is_tried_five_times() -> None:
    ended, failed, pauses, _ = hang_up(ScriptedApi(*[refused(429)] * 5))
    assert (ended, failed, len(pauses)) == (["second"], True, 4)
