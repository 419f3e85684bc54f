"""`voicectl doctor`: each problem is reported, with how to fix it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.voicectl.cli_process import RENTED, point_elsewhere

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
    "stream",
    "event bus",
    "mail",
    "dead-letter queues",
    "alarms",
]


async def examine(terminal: CliTerminal) -> tuple[int, dict[str, tuple[str, str]]]:
    ran = await terminal("--json", "doctor")
    found = {one["check"]: (one["state"], one["text"]) for one in ran.json["checks"]}
    return ran.status, found


async def test_all_checks_pass_after_an_inbound_call(
    terminal: CliTerminal, account: CliAccount
) -> None:
    assert (await terminal("up", "--yes")).status == 0
    await terminal.call_until_stored()
    ran = await terminal("doctor")
    lines = ran.out.splitlines()
    assert [line[:4] for line in lines] == ["ok  "] * len(CHECKS), ran
    assert [line[6:].partition(":")[0] for line in lines] == CHECKS
    assert "confirmed by a real webhook" in ran.out
    assert ran.status == 0


async def test_webhooks_that_point_elsewhere_fail_with_old_and_new(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await point_elsewhere(account)
    status, found = await examine(terminal)
    assert status == 1
    assert found["URLs"][0] == "fail"
    assert "Run `voicectl --local up`" in found["URLs"][1]


async def test_a_private_key_that_does_not_match_fails(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    other = await account.ask("POST", "/v2/applications", {"name": "other"})
    held = secrets.read(secrets.application)
    secrets.write(secrets.application, held | {"private_key": other["keys"]["private_key"]})
    status, found = await examine(terminal)
    assert (status, found["key pair"][0]) == (1, "fail")


async def test_a_number_that_is_not_linked_fails(
    terminal: CliTerminal, account: CliAccount
) -> None:
    await account.link(None)
    status, found = await examine(terminal)
    assert (status, found["number"][0]) == (1, "fail")
    assert RENTED in found["number"][1]


async def test_a_wrong_api_secret_fails_and_the_other_checks_run(
    terminal: CliTerminal, account: CliAccount
) -> None:
    terminal.change_stack_file(api_secret="wrong")
    status, found = await examine(terminal)
    assert (status, found["credentials"][0], found["webhooks"][0]) == (1, "fail", "ok")
    assert set(found) == set(CHECKS)


async def test_the_latest_webhook_reveals_a_wrong_signature_secret(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    await terminal.call_until_stored()
    signing = secrets.read(secrets.signing)
    # The correct one stays valid, since functions cache the secret for a minute.
    other = {
        "signature_secret": "the-secret-of-another-account",
        "previous_signature_secret": signing["signature_secret"],
    }
    secrets.write(secrets.signing, signing | other)
    ran = await terminal("doctor")
    assert "was signed with another secret" in ran.out


async def test_an_empty_secret_fails(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    empty = dict.fromkeys(secrets.read(secrets.signing), "")
    secrets.write(secrets.signing, empty)
    status, found = await examine(terminal)
    assert (status, found["webhooks"][0], found["signature secret"][0]) == (1, "fail", "fail")


@pytest.mark.parametrize("queue", ["Recordings", "CallEvents"])
async def test_a_message_in_a_dead_letter_queue_is_reported(
    terminal: CliTerminal, queue: str
) -> None:
    sqs = terminal.platform.moto.client("sqs")
    url = terminal.platform.stack.outputs[f"{queue}DeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        _, found = await examine(terminal)
    finally:
        sqs.purge_queue(QueueUrl=url)
    assert found["dead-letter queues"][0] == "warn"
    assert "redrive" in found["dead-letter queues"][1]


async def test_a_stack_of_an_earlier_version_is_to_be_deployed(terminal: CliTerminal) -> None:
    content = json.loads((terminal.folder / ".local" / "stack.json").read_text())
    for name in ("EventBusName", "CallEventsQueueUrl", "NotificationTopicArn"):
        del content["outputs"][name]
    terminal.change_stack_file(outputs=content["outputs"])
    status, found = await examine(terminal)
    assert (status, found["event bus"][0], found["dead-letter queues"][0]) == (1, "fail", "ok")
    assert "Deploy this checkout" in found["event bus"][1]


async def test_doctor_stores_nothing_in_the_table(terminal: CliTerminal) -> None:
    before = await asyncio.to_thread(terminal.items)
    await terminal("doctor")
    after = await asyncio.to_thread(terminal.items)
    assert [one for one in after if one not in before] == []
