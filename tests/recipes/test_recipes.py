"""Each recipe works, has at most 25 lines, and is not deployed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from local.explore.flow_files import read
from local.explore.report import explore
from tests.recipes.conftest import RECIPES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from local.testing import Phone
    from local.testing.platform_thread import PlatformThread

GROUP = ("447700900001", "447700900002", "447700900003")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_short_and_not_deployed(recipe: Path) -> None:
    assert len(recipe.read_text(encoding="utf-8").splitlines()) <= 25
    assert not (ROOT / "functions" / "flows" / recipe.name).exists()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_explorer_finds_no_problem(voice_platform: PlatformThread, recipe: Path) -> None:
    async def findings() -> list[str]:
        client = await asyncio.to_thread(voice_platform.platform.app_client)
        return (await explore(client, read(recipe))).findings

    assert voice_platform.run(findings()) == []


def test_a_hunt_group_rings_until_a_number_answers(phone: Phone) -> None:
    phone.callee(GROUP[0]).is_busy()
    phone.callee(GROUP[1]).does_not_answer()
    phone.callee(GROUP[2]).answers(says="The third one.")
    call = phone.call("hunt_group")
    assert call.heard("One moment", "(ringing)", "(ringing)", "(ringing)", "The third one")
    call.other.hang_up()
    assert call.is_over
    assert call.not_heard("nobody can take")


def test_a_hunt_group_ends_if_no_number_answers(phone: Phone) -> None:
    for number in GROUP:
        phone.callee(number).rejects()
    assert phone.call("hunt_group").heard("nobody can take your call")


def test_the_callee_hears_a_word_that_the_caller_does_not(phone: Phone) -> None:
    phone.callee().answers()
    call = phone.call("call_whisper")
    call.other.say("Bakery, good day.")
    assert call.other.heard("A customer of the bakery")
    assert call.heard("One moment", "(ringing)", "Bakery, good day")
    assert call.not_heard("A customer")


def test_only_a_pin_opens_its_conference(phone: Phone) -> None:
    first = phone.call("conference_pin").press("4711")
    second = phone.call("conference_pin", from_="447700900124").press("1234").press("4711")
    assert second.heard("no such conference", "joining")
    second.say("Good morning.")
    assert first.heard("Good morning")


def test_after_three_wrong_pins_the_call_ends(phone: Phone) -> None:
    call = phone.call("conference_pin").press("1111").press("2222").press("3333")
    assert call.heard("call again")
    assert call.is_over
    digits = [one.fields["dtmf"]["digits"] for one in call.events if one.kind == "input"]
    assert digits == ["secret"] * 3


def test_a_callback_is_requested_by_an_event(phone: Phone) -> None:
    call = phone.call("callback_request", from_="447700900321").press("1")
    assert call.heard("We will call you back. Goodbye.")
    (event,) = [one for one in phone.events if one["detail-type"] == "callback.requested"]
    assert event["detail"]["data"] == {"number": "447700900321"}


@pytest.mark.parametrize(
    ("caller", "connected"),
    [("447700900666", False), ("449012345678", False), ("447700900123", True)],
)
def test_blocked_callers_are_not_connected(phone: Phone, caller: str, connected: bool) -> None:
    phone.callee().answers()
    call = phone.call("blocked_callers", from_=caller)
    assert call.is_over != connected
    assert call.heard("One moment" if connected else "cannot take your call")
