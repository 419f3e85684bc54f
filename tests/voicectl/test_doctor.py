"""`python -m voicectl doctor`: each thing that can be wrong is named, with how to mend it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.voicectl.cli_process import RENTED, pointed_elsewhere

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliAccount, CliTerminal, Secrets

pytestmark = pytest.mark.asyncio(loop_scope="session")
CHECKS = [
    "stack",
    "credentials",
    "application",
    "URLs",
    "webhooks",
    "key pair",
    "signature secret",
    "number",
    "region",
    "clock",
    "switchboard",
    "concurrency",
    "dead-letter queues",
    "alarms",
]


async def examined(terminal: CliTerminal) -> tuple[int, dict[str, tuple[str, str]]]:
    ran = await terminal("--json", "doctor")
    found = {one["check"]: (one["state"], one["text"]) for one in ran.json["checks"]}
    return ran.status, found


async def test_all_is_green_after_an_inbound_call(
    terminal: CliTerminal, account: CliAccount
) -> None:
    assert (await terminal("up", "--yes")).status == 0
    await terminal.call_until_kept()
    ran = await terminal("doctor")
    lines = ran.out.splitlines()
    assert [line[:4] for line in lines] == ["ok  "] * len(CHECKS), ran
    assert [line[6:].partition(":")[0] for line in lines] == CHECKS
    assert "confirmed by a real webhook" in ran.out
    assert ran.status == 0


async def test_webhooks_that_lead_elsewhere_fail_with_old_and_new(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await pointed_elsewhere(account)
    status, found = await examined(terminal)
    assert status == 1
    assert found["URLs"][0] == "fail"
    assert "run `up`" in found["URLs"][1]


async def test_a_private_key_that_does_not_fit_fails(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    other = await account.ask("POST", "/v2/applications", {"name": "other"})
    held = secrets.read(secrets.application)
    secrets.write(secrets.application, held | {"private_key": other["keys"]["private_key"]})
    status, found = await examined(terminal)
    assert (status, found["key pair"][0]) == (1, "fail")


async def test_a_number_that_leads_elsewhere_fails(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await account.link(None)
    status, found = await examined(terminal)
    assert (status, found["number"][0]) == (1, "fail")
    assert RENTED in found["number"][1]


async def test_a_wrong_secret_of_the_account_fails_and_the_rest_is_looked_at(
    terminal: CliTerminal, account: CliAccount
) -> None:
    terminal.tell(api_secret="wrong")
    status, found = await examined(terminal)
    assert (status, found["credentials"][0], found["webhooks"][0]) == (1, "fail", "ok")
    assert set(found) == set(CHECKS)


async def test_a_signature_secret_that_is_not_vonages_is_told_by_the_latest_webhook(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    await terminal.call_until_kept()
    signing = secrets.read(secrets.signing)
    # The true one stays believed, since functions keep what they fetch for a minute.
    other = {
        "signature_secret": "somebody-elses-secret",
        "previous_signature_secret": signing["signature_secret"],
    }
    secrets.write(secrets.signing, signing | other)
    ran = await terminal("doctor")
    assert "was signed with another one" in ran.out


async def test_a_secret_that_was_never_filled_in_fails(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    empty = dict.fromkeys(secrets.read(secrets.signing), "")
    secrets.write(secrets.signing, empty)
    status, found = await examined(terminal)
    assert (status, found["webhooks"][0], found["signature secret"][0]) == (1, "fail", "fail")


async def test_what_lies_in_a_dead_letter_queue_is_told(terminal: CliTerminal) -> None:
    sqs = terminal.platform.cloud.client("sqs")
    url = terminal.platform.stack.outputs["RecordingsDeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        _, found = await examined(terminal)
    finally:
        sqs.purge_queue(QueueUrl=url)
    assert found["dead-letter queues"][0] == "warn"
    assert "redrive" in found["dead-letter queues"][1]


async def test_doctor_leaves_no_trace_in_the_table(terminal: CliTerminal) -> None:
    before = await asyncio.to_thread(terminal.items)
    await terminal("doctor")
    after = await asyncio.to_thread(terminal.items)
    assert [one for one in after if one not in before] == []
