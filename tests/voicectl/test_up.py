"""`voicectl up` and `restore`: link an application to the stack, and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.voicectl.cli_process import OTHER, RENTED, addresses, point_elsewhere

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliAccount, CliTerminal, Secrets

pytestmark = pytest.mark.asyncio(loop_scope="session")


def as_new_account(terminal: CliTerminal, secrets: Secrets) -> None:
    """Set the stack to its state after the first deployment, without an application."""
    terminal.change_stack_file(application_id=None)
    empty = {"signature_secret": "", "previous_signature_secret": ""}
    secrets.write(secrets.signing, empty | {"api_key": "", "application_id": ""})
    secrets.write(secrets.application, {"application_id": "", "private_key": ""})


# up


async def test_up_points_an_application_at_the_stack_and_keeps_other_settings(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await point_elsewhere(account)
    ran = await terminal("up", "--yes")
    assert ran.status == 0, ran
    application = await account.application()
    base = terminal.platform.api_url
    assert addresses(application) == {
        "answer_url": f"{base}/webhooks/answer",
        "event_url": f"{base}/webhooks/event",
        "fallback_answer_url": f"{base}/webhooks/fallback",
    }
    voice = application["capabilities"]["voice"]
    assert {one["http_method"] for one in voice["webhooks"].values()} == {"POST"}
    assert voice["webhooks"]["event_url"]["socket_timeout"] == 10000
    assert (voice["signed_callbacks"], voice["conversations_ttl"]) == (True, 77)
    assert application["capabilities"]["messages"] == {
        "webhooks": {"inbound_url": {"address": "https://other.example/in"}}
    }
    assert application["privacy"] == {"improve_ai": True}


async def test_up_shows_old_and_new_before_it_changes_anything(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await point_elsewhere(account)
    ran = await terminal("up", "--dry-run")
    new = f"{terminal.platform.api_url}/webhooks/answer"
    assert f"answer url: https://other.example/answer → {new}" in ran.out
    assert ran.status == 0
    assert addresses(await account.application())["answer_url"] == OTHER
    assert not list((terminal.folder / ".connect").iterdir())


async def test_up_changes_nothing_if_it_cannot_prompt(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await point_elsewhere(account)
    ran = await terminal("up")
    assert ran.status == 1
    assert "--yes" in ran.err
    assert await account.application() == before


async def test_up_run_twice_changes_nothing(terminal: CliTerminal, account: CliAccount) -> None:
    await point_elsewhere(account)
    assert (await terminal.json("up"))["changed"] is True
    second = await terminal("up")
    assert (second.status, second.out) == (0, "nothing to change\n")
    assert (await terminal.json("up"))["changes"] == []


async def test_up_creates_the_application_the_key_pair_and_the_link(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    as_new_account(terminal, secrets)
    await account.link(None)
    made = await terminal.json("up")
    application = await account.application(made["application_id"])
    assert made["application_id"] != account.application_id
    assert addresses(application)["answer_url"] == f"{terminal.platform.api_url}/webhooks/answer"
    assert await account.linked() == made["application_id"]
    signing = secrets.read(secrets.signing)
    assert signing == {
        "signature_secret": terminal.platform.credentials.signature_secret,
        "previous_signature_secret": "",
        "api_key": terminal.platform.credentials.api_key,
        "application_id": made["application_id"],
    }
    held = secrets.read(secrets.application)
    assert held["application_id"] == made["application_id"]
    assert "PRIVATE KEY" in held["private_key"]
    assert (await terminal.json("up"))["changed"] is False


async def test_the_private_key_is_only_in_secrets_manager(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    as_new_account(terminal, secrets)
    ran = await terminal("up", "--yes")
    written = [one for one in terminal.folder.rglob("*") if one.is_file()]
    texts = [ran.out, ran.err, *(one.read_text() for one in written)]
    assert not [text for text in texts if "PRIVATE KEY" in text]
    signature_secret = terminal.platform.credentials.signature_secret
    assert signature_secret not in ran.out + ran.err


async def test_key_file_writes_a_new_private_key_to_a_file(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    as_new_account(terminal, secrets)
    ran = await terminal("up", "--yes", "--key-file", "private.key")
    assert ran.status == 0, ran
    path = terminal.folder / "private.key"
    assert path.read_text() == secrets.read(secrets.application)["private_key"]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_up_replaces_a_key_without_its_private_key_only_with_new_key(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    as_new_account(terminal, secrets)
    terminal.change_stack_file(application_id=account.application_id)
    rejected = await terminal("up", "--yes")
    assert rejected.status == 1
    assert "--new-key" in rejected.err
    assert (await terminal("up", "--yes", "--new-key")).status == 0
    assert (await terminal.json("up"))["changed"] is False


async def test_up_merges_the_secrets_and_keeps_a_rotation_in_progress(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    rotating = secrets.read(secrets.signing)
    rotating["previous_signature_secret"] = rotating["signature_secret"]
    rotating["signature_secret"] = "the-next-one"
    secrets.write(secrets.signing, rotating | {"another": "field", "api_key": "wrong"})
    assert (await terminal.json("up"))["changed"] is True
    api_key = terminal.platform.credentials.api_key
    assert secrets.read(secrets.signing) == rotating | {"another": "field", "api_key": api_key}


async def test_a_signature_secret_that_up_replaces_stays_valid(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    new = terminal.platform.credentials.signature_secret
    old = secrets.read(secrets.signing) | {"signature_secret": "what-vonage-may-still-use"}
    secrets.write(secrets.signing, old)
    assert (await terminal.json("up"))["changed"] is True
    changed = {
        "signature_secret": new,
        "previous_signature_secret": "what-vonage-may-still-use",
    }
    assert secrets.read(secrets.signing) == old | changed
    assert (await terminal.json("up"))["changed"] is False


async def test_up_stops_during_a_key_rotation(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    # Given a rotation that was interrupted when Vonage had the next key
    await terminal.vonage("PUT", "/sim/faults", terminal.drop_after(3))
    await terminal("rotate", "key", "--yes", "--wait", "0", "--settle", "0")
    await terminal.vonage("PUT", "/sim/faults", {})
    held = secrets.read(secrets.application)
    assert held["next_private_key"]
    ran = await terminal("up", "--yes", "--new-key")
    assert (ran.status, "rotate key" in ran.err) == (1, True)
    assert secrets.read(secrets.application) == held


async def test_up_names_a_number_that_the_account_does_not_rent(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await point_elsewhere(account)
    terminal.change_stack_file(vonage_number="447700900999")
    ran = await terminal("up", "--yes")
    assert ran.status == 1
    assert "447700900999" in ran.err
    assert addresses(await account.application())["answer_url"] == OTHER


# restore


async def test_restore_restores_the_old_urls(terminal: CliTerminal, account: CliAccount) -> None:
    before = await point_elsewhere(account)
    assert (await terminal("up", "--yes")).status == 0
    assert await account.application() != before
    ran = await terminal("restore", "--yes")
    assert ran.status == 0, ran
    assert await account.application() == before
    again = await terminal("restore")
    assert (again.status, "nothing to restore" in again.out) == (0, True)


async def test_restore_restores_the_values_from_before_the_first_up(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await point_elsewhere(account)
    await terminal.json("up")
    present = await account.application()
    present["capabilities"]["voice"]["webhooks"]["answer_url"]["address"] = "https://by.hand/x"
    await account.put(present)
    await terminal.json("up")
    await terminal.json("restore")
    assert await account.application() == before


async def test_restore_restores_the_link_of_the_number(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await account.link(None)
    assert (await terminal("up", "--yes")).status == 0
    assert await account.linked() == account.application_id
    assert (await terminal("restore", "--yes")).status == 0
    assert await account.linked() is None


# Failures of Vonage


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"api_429": {"probability": 1}}, "rate limit"),
        ({"api_5xx": {"probability": 1, "value": 500}}, "Vonage failed (HTTP 500)"),
        ({"api_drop_after": {"probability": 1}}, "cannot be reached"),
    ],
    ids=["429", "500", "dropped"],
)
async def test_a_failure_of_vonage_is_one_line_and_a_later_up_succeeds(
    terminal: CliTerminal, account: CliAccount, fault: dict[str, Any], words: str
) -> None:
    await point_elsewhere(account)
    await terminal.vonage("PUT", "/sim/faults", fault)
    failed = await terminal("up", "--yes")
    assert (failed.status, failed.err.count("\n")) == (1, 1), failed
    assert failed.err.startswith("error: ")
    assert words in failed.err
    await terminal.vonage("PUT", "/sim/faults", {})
    assert (await terminal.json("up"))["changed"] is True
    assert (await terminal.json("up"))["changed"] is False


async def test_a_single_429_is_retried(terminal: CliTerminal, account: CliAccount) -> None:
    await point_elsewhere(account)
    await terminal.vonage("PUT", "/sim/faults", {"api_429": {"probability": 1, "times": 1}})
    assert (await terminal.json("up"))["changed"] is True


@pytest.mark.parametrize("step", range(1, 5))
async def test_up_continues_where_a_failed_one_ended(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets, step: int
) -> None:
    # Given an up whose request number `step` is carried out by Vonage without a response
    as_new_account(terminal, secrets)
    await account.link(None)
    await terminal.vonage("PUT", "/sim/faults", terminal.drop_after(step))
    ended = await terminal("up", "--yes")
    await terminal.vonage("PUT", "/sim/faults", {})
    # When it is run again
    made = await terminal.json("up")
    # Then there is one application and one link
    listed = await account.ask("GET", "/v2/applications?page_size=100")
    assert listed["total_items"] == 2, (ended, made)
    assert await account.linked() == made["application_id"]
    assert (await terminal.json("up"))["changed"] is False


async def test_wrong_credentials_are_named(terminal: CliTerminal, account: CliAccount) -> None:
    terminal.change_stack_file(api_secret="wrong")
    ran = await terminal("up", "--yes")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "VONAGE_API_SECRET" in ran.err


async def test_a_missing_application_is_named(terminal: CliTerminal, account: CliAccount) -> None:
    terminal.change_stack_file(application_id="00000000-0000-0000-0000-000000000000")
    ran = await terminal("up", "--yes")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "VONAGE_APPLICATION_ID" in ran.err


async def test_without_a_platform_the_error_is_one_line(terminal: CliTerminal) -> None:
    (terminal.folder / ".local").unlink()
    ran = await terminal("up")
    assert (ran.status, ran.out) == (1, "")
    assert "make up" in ran.err


async def test_restore_points_are_readable_only_by_the_user(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await point_elsewhere(account)
    await terminal("up", "--yes")
    folder = terminal.folder / ".connect"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [one.stat().st_mode & 0o777 for one in folder.iterdir()] == [0o600]


async def test_an_inbound_call_is_answered_after_up(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await point_elsewhere(account)
    await terminal.json("up")
    call = {"from": "447700900123", "to": RENTED}
    leg = (await terminal.vonage("POST", "/sim/calls", call))["uuid"]
    for _ in range(200):
        looked = await terminal.vonage("GET", f"/sim/calls/{leg}")
        if any("Thank you for calling" in str(one.get("text")) for one in looked["heard"]):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(looked)
