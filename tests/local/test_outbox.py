"""The outbox: what event buses and email subscriptions carry, and rules to queues."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from local.aws.outbox import EVENTS, MAILS, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def put_event(platform: LocalPlatform, source: str, detail: dict[str, Any]) -> None:
    entry = {
        "EventBusName": "voice-local",
        "Source": source,
        "DetailType": "voice.call.started",
        "Detail": json.dumps(detail),
    }
    client = platform.moto.client("events")
    response = await asyncio.to_thread(client.put_events, Entries=[entry])
    assert response["FailedEntryCount"] == 0


async def found(platform: LocalPlatform, path: str, wanted: Callable[[Any], bool]) -> Any:
    """Wait until a page of the web console's API has an entry, and return the entry."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(15):
        while True:
            async with http.get(f"{platform.phone.url}{path}") as response:
                assert response.status == 200
                for entry in await response.json():
                    if wanted(entry):
                        return entry
            await asyncio.sleep(0.05)


async def test_an_event_on_a_bus_is_in_the_list_of_events(platform: LocalPlatform) -> None:
    name = uuid.uuid4().hex
    await put_event(platform, "voice", {"id": name})
    event = await found(platform, "/api/events", lambda one: one["detail"]["id"] == name)
    assert event["source"] == "voice"
    assert event["detail-type"] == "voice.call.started"
    assert {"id", "time", "region"} <= set(event)


async def test_a_mail_is_in_the_outbox(platform: LocalPlatform) -> None:
    text = uuid.uuid4().hex
    await asyncio.to_thread(
        platform.moto.client("sns").publish,
        TopicArn=platform.stack.names["Topic"],
        Subject="Missed call",
        Message=text,
        MessageAttributes={"line": {"DataType": "String", "StringValue": "447700900000"}},
    )
    mail = await found(platform, "/api/outbox", lambda one: one["text"] == text)
    assert mail["subject"] == "Missed call"
    assert mail["line"] == "447700900000"
    assert mail["at"].endswith("Z")


async def test_only_topics_with_an_email_subscription_have_mails(platform: LocalPlatform) -> None:
    sns = platform.moto.client("sns")
    arns = [one["TopicArn"] for one in sns.list_subscriptions()["Subscriptions"]]
    assert set(arns) == {platform.stack.names["Topic"]}


async def test_a_rule_with_a_queue_as_target_works(platform: LocalPlatform) -> None:
    name = uuid.uuid4().hex
    await put_event(platform, "told", {"id": name})
    client = platform.moto.client("sqs")
    async with asyncio.timeout(15):
        while True:
            response = await asyncio.to_thread(
                client.receive_message,
                QueueUrl=platform.stack.names["Dead"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
            )
            bodies = [json.loads(one["Body"]) for one in response.get("Messages", [])]
            if any(body.get("detail", {}).get("id") == name for body in bodies):
                return


async def test_other_sites_get_no_mails_and_no_events(platform: LocalPlatform) -> None:
    async with aiohttp.ClientSession(platform.phone.url) as http:
        for path in ("/api/outbox", "/api/events"):
            for headers in ({"Origin": "http://example.com"}, {"Host": "example.com"}):
                async with http.get(path, headers=headers) as response:
                    assert response.status == 403
            async with http.post(path) as response:
                assert response.status == 405


async def test_only_the_latest_mails_and_events_are_kept() -> None:
    outbox = Outbox()
    mail = {"Type": "Notification", "Subject": "", "Timestamp": "", "Message": ""}
    for number in range(MAILS + EVENTS):
        bodies = [{**mail, "Message": str(number)}, {"detail": number}]
        await outbox.receive("", {"Records": [{"body": json.dumps(body)} for body in bodies]})
    assert (len(outbox.mails), len(outbox.events)) == (MAILS, EVENTS)
    assert outbox.events[-1] == {"detail": MAILS + EVENTS - 1}
