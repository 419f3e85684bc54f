"""Calls made and taken in the page, as a person makes and takes them."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from playwright.async_api import expect

from local.demo.call_driver import CallDriver, until
from tests.browser.conftest import MICROPHONE_HERTZ, NUMBERS, calls_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.local_platform import LocalPlatform
    from tests.browser.conftest import Person

    People = Callable[..., Awaitable[Person]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Decode an audio file as a player does; give its length, and how much of it is one tone (Goertzel).
DECODE = """async ([file, hertz]) => {
  const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
  const audio = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(bytes.buffer);
  const samples = audio.getChannelData(0);
  const turn = 2 * Math.cos(2 * Math.PI * hertz / audio.sampleRate);
  let one = 0, two = 0, energy = 0;
  for (const sample of samples) {
    [one, two] = [sample + turn * one - two, one];
    energy += sample * sample;
  }
  const power = one * one + two * two - turn * one * two;
  return {seconds: audio.duration, share: 2 * power / (samples.length * energy)};
}"""


async def test_a_voicemail_left_from_the_page_is_kept_with_the_voice_of_the_microphone(
    people: People, platform: LocalPlatform
) -> None:
    caller = await people()
    before = await kept(platform)
    await caller.ring(NUMBERS["voicemail"])
    await caller.page.get_by_label("Use the microphone").check()
    await expect(caller.heard).to_contain_text("Recording")
    await caller.page.wait_for_timeout(2000)  # as long as the message is
    await caller.button("#").click()
    await caller.hears("Thank you for your message.")

    async def came() -> set[str]:
        return await kept(platform) - before

    (key,) = await until(came, "no recording came into the bucket")
    s3, bucket = platform.cloud.client("s3"), platform.stack.outputs["BucketName"]
    stored = await asyncio.to_thread(s3.get_object, Bucket=bucket, Key=key)
    content = await asyncio.to_thread(stored["Body"].read)
    file = base64.b64encode(content).decode()
    found = await caller.page.evaluate(DECODE, [file, MICROPHONE_HERTZ])
    assert found["seconds"] > 1.5
    assert found["share"] > 0.5, found


async def kept(platform: LocalPlatform) -> set[str]:
    """The keys of the recordings in the bucket."""
    s3, bucket = platform.cloud.client("s3"), platform.stack.outputs["BucketName"]
    listed = await asyncio.to_thread(s3.list_objects_v2, Bucket=bucket, Prefix="recordings/")
    return {one["Key"] for one in listed.get("Contents", [])}


async def test_a_menu_is_used_with_the_keyboard_alone(people: People) -> None:
    caller = await people()
    keyboard = caller.page.keyboard
    await caller.page.get_by_label("Number to call").focus()
    await keyboard.press("Control+a")
    await keyboard.type(NUMBERS["dtmf_menu"])
    await keyboard.press("Enter")
    await caller.hears("Press 1 for our opening hours")
    await keyboard.press("2")
    await caller.hears("You find us at 1 Main Street")
    await expect(caller.button("Hang up")).to_have_count(0)
    await expect(caller.button("Call")).to_be_enabled()


async def test_the_keys_of_the_page_reach_the_menu(people: People) -> None:
    caller = await people()
    await caller.ring(NUMBERS["dtmf_menu"])
    await caller.hears("Press 1 for our opening hours")
    await (
        caller.page.get_by_role("group", name="Keypad")
        .get_by_role("button", name="1", exact=True)
        .click()
    )
    await caller.hears("We are open from Monday to Friday")


async def test_any_flow_can_be_tried_on_any_number(people: People, platform: LocalPlatform) -> None:
    caller = await people()
    await caller.page.get_by_label("Flow", exact=True).select_option("track_progress")
    await caller.ring(platform.template.parameters["VonageNumber"])
    await caller.hears("Thanks for calling the notification line.")


async def test_what_a_person_says_is_understood_and_said_back(people: People) -> None:
    caller = await people()
    await caller.ring(NUMBERS["speech"])
    await caller.hears("The line waits for speech")
    await caller.says("two tickets to Paris")
    await caller.hears("Hello, you said two tickets to Paris.")


async def test_an_outbound_call_rings_in_the_page_and_is_answered_there(
    people: People, platform: LocalPlatform
) -> None:
    person = await people()
    async with aiohttp.ClientSession() as http:
        owner = CallDriver(platform, http, NUMBERS["voicemail"])
        to = [{"type": "phone", "number": "447700900555"}]
        await owner.request("POST", "/calls", {"to": to, "flow": "greet"})
        await expect(person.page.get_by_text("447700900555").first).to_be_visible()
        await person.button("Answer").click()
        await person.hears("Thank you for calling.")


async def test_a_forwarded_call_that_is_rejected_in_the_page_is_told_to_the_caller(
    people: People,
) -> None:
    caller, called = await people(), await people()
    await caller.page.get_by_label("Ring here").uncheck()
    await caller.ring(NUMBERS["connect"])
    await called.button("Reject").click()
    await caller.hears("nobody can take your call right now")
    await expect(called.button("Reject")).to_have_count(0)


async def test_a_call_that_one_page_answers_stops_ringing_in_the_other(people: People) -> None:
    caller, first, second = await people(), await people(), await people()
    await caller.page.get_by_label("Ring here").uncheck()
    await caller.ring(NUMBERS["connect"])
    await expect(second.button("Answer")).to_be_visible()
    await first.button("Answer").click()
    await expect(second.button("Answer")).to_have_count(0)
    await first.says("good morning to you")
    await caller.hears("good morning to you")
    await caller.hangs_up()
    await expect(first.button("Hang up")).to_have_count(0)


async def test_a_call_that_nobody_takes_goes_on_ringing_until_the_caller_gives_up(
    people: People,
) -> None:
    caller, called = await people(), await people()
    await caller.page.get_by_label("Ring here").uncheck()
    await caller.ring(NUMBERS["connect"])
    await expect(called.button("Answer")).to_be_visible()
    await caller.hangs_up()
    await expect(called.button("Answer")).to_have_count(0)


async def test_a_conference_is_heard_from_two_pages(people: People) -> None:
    first, second = await people(), await people()
    await first.ring(NUMBERS["conference"], own="447700900201")
    await second.ring(NUMBERS["conference"], own="447700900202")
    for person in (first, second):
        await person.hears("Please wait while we connect you")
    await expect_joined(first)
    await expect_joined(second)
    await first.says("is anybody there")
    await second.hears("is anybody there")
    await second.says("yes I am")
    await first.hears("yes I am")


async def expect_joined(person: Person) -> None:
    await person.hears("In the conversation")


async def test_a_page_that_is_loaded_anew_has_its_call_again(people: People) -> None:
    caller = await people()
    await caller.ring(NUMBERS["conference"])
    await caller.hears("Please wait while we connect you")
    await caller.page.reload()
    await expect(caller.button("Hang up")).to_be_visible()
    await caller.hangs_up()


async def test_a_number_that_nobody_rents_is_said_to_be_so(people: People) -> None:
    caller = await people()
    await caller.page.get_by_label("Number to call").fill("447700900999")
    await caller.button("Call").click()
    await expect(
        caller.page.get_by_text("No application is linked to 447700900999")
    ).to_be_visible()


async def test_a_muted_person_says_nothing_until_unmuted(people: People) -> None:
    first, second = await people(), await people()
    await first.ring(NUMBERS["conference"], own="447700900201")
    await second.ring(NUMBERS["conference"], own="447700900202")
    await expect_joined(first)
    await expect_joined(second)
    await first.button("Mute").click()
    await expect(first.page.get_by_label("Say something")).to_be_disabled()
    await first.button("Mute").click()
    await first.says("hello to everybody")
    await second.hears("hello to everybody")


UNTRUSTED = '<img src=x onerror="throw 1"><script>throw 2</script>&lt;b&gt;'


async def test_what_callers_and_webhooks_send_shows_as_text(
    people: People, platform: LocalPlatform
) -> None:
    caller = await people()
    body: dict[str, Any] = {
        "from": 'sip:"><script>throw 3</script>@example.com',
        "sip_headers": {"X-Note": UNTRUSTED},
        "to": NUMBERS["speech"],
    }
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.post("/sim/calls", json=body) as reply:
            leg = (await reply.json())["uuid"]
        await calls_of(caller).filter(has_text="<script>throw 3</script>").click()
        conversation = caller.page.get_by_role("region", name="Conversation")
        await expect(conversation).to_contain_text("Please say something.")
        async with http.post(f"/sim/calls/{leg}/speech", json={"text": UNTRUSTED}):
            pass
        await expect(conversation).to_contain_text("<script>throw 2</script>")
    await conversation.get_by_role("button", name="POST /webhooks/answer").first.click()
    details = caller.page.get_by_role("region", name="Details")
    await expect(details).to_contain_text("onerror=")
    assert await caller.page.locator("script:not([src]), img[src=x]").count() == 0


async def test_a_webhook_is_copied_as_curl_and_as_an_event_and_sent_again(people: People) -> None:
    caller = await people()
    await caller.ring(NUMBERS["track_progress"], own=f"4477009{uuid.uuid4().int % 10**5:05d}")
    await caller.hears("Thanks for calling the notification line")
    await calls_of(caller).first.click()
    conversation = caller.page.get_by_role("region", name="Conversation")
    await conversation.get_by_role("button", name="POST /webhooks/answer").first.click()
    details = caller.page.get_by_role("region", name="Details")
    await expect(details).to_contain_text("talk")
    await details.get_by_role("button", name="Copy as curl").click()
    copied = "() => navigator.clipboard.readText()"
    await expect(details.get_by_text("Copied").first).to_be_visible()
    assert (await caller.page.evaluate(copied)).startswith("curl ")
    await details.get_by_role("button", name="Copy event file").click()
    await caller.page.wait_for_function(
        "() => navigator.clipboard.readText().then((text) => text.startsWith('{'))"
    )
    assert json.loads(await caller.page.evaluate(copied))["routeKey"] == "POST /webhooks/answer"
    await details.get_by_role("button", name="Send again").click()
    await expect(details.get_by_text("answered 200")).to_be_visible()
