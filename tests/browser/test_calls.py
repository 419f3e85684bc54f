"""Calls placed and answered with the softphone."""

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
from tests.browser.conftest import MICROPHONE_HERTZ, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.local_platform import LocalPlatform
    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Decode an audio file; return its length, and the share of one tone in its energy (Goertzel).
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


async def test_stores_a_voicemail_with_the_microphones_audio(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    caller = await open_user()
    before = await recording_keys(platform)
    await caller.call(NUMBERS["voicemail"])
    await caller.button("Microphone").click()
    await caller.hears("Recording started")
    await caller.page.wait_for_timeout(2000)  # the length of the message
    await caller.button("#").click()
    await caller.hears("Thank you for your message.")

    async def new_keys() -> set[str]:
        return await recording_keys(platform) - before

    (key,) = await until(new_keys, "no recording was stored in the bucket")
    s3, bucket = platform.moto.client("s3"), platform.stack.outputs["BucketName"]
    stored = await asyncio.to_thread(s3.get_object, Bucket=bucket, Key=key)
    content = await asyncio.to_thread(stored["Body"].read)
    file = base64.b64encode(content).decode()
    audio = await caller.page.evaluate(DECODE, [file, MICROPHONE_HERTZ])
    assert audio["seconds"] > 1.5
    assert audio["share"] > 0.5, audio


async def recording_keys(platform: LocalPlatform) -> set[str]:
    """Return the keys of the recordings in the bucket."""
    s3, bucket = platform.moto.client("s3"), platform.stack.outputs["BucketName"]
    listed = await asyncio.to_thread(s3.list_objects_v2, Bucket=bucket, Prefix="recordings/")
    return {one["Key"] for one in listed.get("Contents", [])}


async def test_calls_and_uses_a_menu_with_only_the_keyboard(open_user: OpenUser) -> None:
    caller = await open_user()
    keyboard = caller.page.keyboard
    await caller.page.get_by_label("Number to call").focus()
    await keyboard.press("Control+a")
    await keyboard.type(NUMBERS["dtmf_menu"])
    await keyboard.press("Enter")
    await caller.hears("Press 1 for our opening hours")
    await keyboard.press("2")
    await caller.hears("You find us at 1 Main Street")
    await caller.is_over()
    await keyboard.press("n")
    await expect(caller.page.get_by_label("Number to call")).to_be_focused()


async def test_sends_digits_with_the_keypad(open_user: OpenUser) -> None:
    caller = await open_user()
    await caller.call(NUMBERS["dtmf_menu"])
    await caller.hears("Press 1 for our opening hours")
    await (
        caller.page.get_by_role("group", name="Keypad")
        .get_by_role("button", name="1", exact=True)
        .click()
    )
    await caller.hears("We are open from Monday to Friday")


async def test_calls_any_number_with_any_flow(open_user: OpenUser, platform: LocalPlatform) -> None:
    caller = await open_user()
    await caller.call(platform.template.parameters["VonageNumber"], flow="track_progress")
    await caller.hears("Thanks for calling the notification line.")


async def test_sends_typed_speech_to_the_flow(open_user: OpenUser) -> None:
    caller = await open_user()
    await caller.call(NUMBERS["speech"])
    await caller.hears("Waiting for speech")
    await caller.says("two tickets to Paris")
    await caller.hears("Hello, you said two tickets to Paris.")


async def test_rings_and_answers_an_outbound_call(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user()
    async with aiohttp.ClientSession() as http:
        driver = CallDriver(platform, http, NUMBERS["voicemail"])
        to = [{"type": "phone", "number": "447700900555"}]
        await driver.request("POST", "/calls", {"to": to, "flow": "greet"})
        await expect(user.page.get_by_text("447700900555").first).to_be_visible()
        await user.button("Answer").click()
        await user.hears("Thank you for calling.")


async def test_the_flow_continues_when_a_connected_call_is_declined(
    open_user: OpenUser,
) -> None:
    caller, callee = await open_user(), await open_user()
    await caller.button("Ring here").click()
    await caller.call(NUMBERS["connect"])
    await callee.button("Decline").click()
    await caller.hears("nobody can take your call right now")
    await expect(callee.button("Decline")).to_have_count(0)


async def test_a_call_that_one_page_answers_stops_ringing_in_the_other(open_user: OpenUser) -> None:
    caller, first, second = await open_user(), await open_user(), await open_user()
    await caller.button("Ring here").click()
    await caller.call(NUMBERS["connect"])
    await expect(second.button("Answer")).to_be_visible()
    await first.button("Answer").click()
    await expect(second.button("Answer")).to_have_count(0)
    await first.says("good morning to you")
    await caller.hears("good morning to you")
    await caller.hangs_up()
    await first.is_over()


async def test_an_unanswered_call_rings_until_the_caller_hangs_up(
    open_user: OpenUser,
) -> None:
    caller, callee = await open_user(), await open_user()
    await caller.button("Ring here").click()
    await caller.call(NUMBERS["connect"])
    await expect(callee.button("Answer")).to_be_visible()
    await caller.hangs_up()
    await expect(callee.button("Answer")).to_have_count(0)


async def test_two_pages_hear_each_other_in_a_conference(open_user: OpenUser) -> None:
    first, second = await open_user(), await open_user()
    await first.call(NUMBERS["conference"], own="447700900201")
    await second.call(NUMBERS["conference"], own="447700900202")
    for user in (first, second):
        await user.hears("Please wait while we connect you")
    await expect_joined(first)
    await expect_joined(second)
    await first.says("is anybody there")
    await second.hears("is anybody there")
    await second.says("yes I am")
    await first.hears("yes I am")


async def expect_joined(user: User) -> None:
    await user.hears("Joined the conversation")


async def test_a_reload_restores_the_active_call(open_user: OpenUser) -> None:
    caller = await open_user()
    await caller.call(NUMBERS["conference"])
    await caller.hears("Please wait while we connect you")
    await caller.page.reload()
    await expect(caller.button("Hang up")).to_be_visible()
    await caller.hangs_up()


async def test_shows_that_no_application_is_linked_to_a_number(open_user: OpenUser) -> None:
    caller = await open_user()
    await caller.call("447700900998")
    await caller.hears("No application is linked to 447700900998")


async def test_a_muted_user_cannot_speak_until_unmuted(open_user: OpenUser) -> None:
    first, second = await open_user(), await open_user()
    await first.call(NUMBERS["conference"], own="447700900201")
    await second.call(NUMBERS["conference"], own="447700900202")
    await expect_joined(first)
    await expect_joined(second)
    await first.button("Mute").click()
    await expect(first.page.get_by_label("Say something")).to_be_disabled()
    await first.button("Mute").click()
    await first.says("hello to everybody")
    await second.hears("hello to everybody")


UNTRUSTED = '<img src=x onerror="throw 1"><script>throw 2</script>&lt;b&gt;'


async def test_shows_untrusted_data_as_text(open_user: OpenUser, platform: LocalPlatform) -> None:
    caller = await open_user()
    body: dict[str, Any] = {
        "from": 'sip:"><script>throw 3</script>@example.com',
        "sip_headers": {"X-Note": UNTRUSTED},
        "to": NUMBERS["speech"],
    }
    async with aiohttp.ClientSession(platform.vonage.http_url) as http:
        async with http.post("/sim/calls", json=body) as response:
            leg = (await response.json())["uuid"]
        # A new call is shown by itself.
        await expect(caller.page.get_by_role("heading", level=1)).to_contain_text(
            "throw 3</script>"
        )
        await expect(caller.events).to_contain_text("Please say something.")
        async with http.post(f"/sim/calls/{leg}/speech", json={"text": UNTRUSTED}):
            pass
        await expect(caller.events).to_contain_text("<script>throw 2</script>")
    await caller.webhook("answer").first.click()
    await caller.details.get_by_role("tab", name="Request").click()
    await expect(caller.details).to_contain_text("onerror=")
    assert await caller.page.locator("script:not([src]), img[src=x]").count() == 0


async def test_copies_a_webhook_as_curl_and_event_and_sends_it_again(open_user: OpenUser) -> None:
    caller = await open_user()
    await caller.call(NUMBERS["track_progress"], own=f"4477009{uuid.uuid4().int % 10**5:05d}")
    await caller.hears("Thanks for calling the notification line")
    await caller.webhook("answer").first.click()
    await expect(caller.details).to_contain_text("talk")
    copied = "() => navigator.clipboard.readText()"
    toast = caller.page.get_by_role("status")
    await caller.details.get_by_role("button", name="Copy as curl").click()
    await expect(toast.filter(has_text="Signed curl command copied")).to_be_visible()
    assert (await caller.page.evaluate(copied)).startswith("curl ")
    await caller.details.get_by_role("button", name="Event file").click()
    await expect(toast.filter(has_text="Event for sam local invoke copied")).to_be_visible()
    assert json.loads(await caller.page.evaluate(copied))["routeKey"] == "POST /webhooks/answer"
    await caller.details.get_by_role("button", name="Send again").click()
    await expect(toast.filter(has_text="Sent again: 200 in")).to_be_visible()
