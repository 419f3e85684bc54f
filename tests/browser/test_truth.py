"""What the page says about calls that went another way than their statuses suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser.conftest import CLOSED, NUMBERS, RAISES_LINE, set_faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Locator

    from local.local_platform import LocalPlatform
    from tests.browser.conftest import User

    OpenUser = Callable[..., Awaitable[User]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACE = f"functions/flows/raises.py:{RAISES_LINE}"


def call_of(user: User) -> Locator:
    """Return the open call."""
    return user.page.get_by_role("main").get_by_role("article")


def line_of(user: User, text: str) -> Locator:
    """Return the first event with this text, and what is below it."""
    return user.events.get_by_role("listitem").filter(has_text=text).first


async def test_the_flow_is_the_one_that_answers_although_events_overtake_it(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user()
    # The number's own flow handles the events that arrive before the answer.
    await set_faults(platform, delay_webhook={"value": 5, "times": 10})
    await user.call(NUMBERS["speech"], flow="track_progress")
    await expect(call_of(user)).to_contain_text("waiting for the answer")
    flow = call_of(user).get_by_role("link", name="track_progress", exact=True)
    await expect(flow.first).to_be_visible()
    await expect(call_of(user)).not_to_contain_text("waiting for the answer")
    await user.visit("#/calls")
    await expect(user.calls.first).to_contain_text("track_progress")
    await expect(user.calls.first).not_to_contain_text("speech")


async def test_a_flow_that_raises_is_red_with_its_file_and_line(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    user = await open_user(editable.phone.url)
    await user.call(editable.template.parameters["VonageNumber"], flow="raises")
    await user.hears("We are sorry, something went wrong.")
    await user.is_over()
    banner = call_of(user).get_by_role("alert")
    await expect(banner).to_contain_text("The flow raises failed, so the caller heard the apology.")
    await expect(banner).to_contain_text(PLACE)
    await expect(banner).to_contain_text("100 is out of range")
    heading = call_of(user).get_by_role("banner").or_(call_of(user).locator("header"))
    await expect(heading.first).to_contain_text("Apology")
    # The status is 200, the outcome is not.
    answer = line_of(user, "/webhooks/answer")
    await expect(answer).to_contain_text("200")
    await expect(answer).to_contain_text("Apology")
    await expect(answer).to_contain_text(PLACE)
    await expect(line_of(user, "talk")).to_contain_text("Apology played")
    overview = user.page.get_by_role("img", name="The call to scale")
    await expect(overview.locator(".bad").first).to_be_visible()

    await banner.get_by_role("link", name="Show where").click()
    await expect(user.details.get_by_role("tab", selected=True)).to_contain_text("Log")
    source = user.details.get_by_role("group", name="Lines of")
    await expect(source).to_contain_text("max_digits=100")

    await user.visit("#/calls")
    row = user.calls.first
    await expect(row).to_contain_text("Apology")
    await expect(row).to_contain_text(f"raises.py:{RAISES_LINE}")
    await user.page.get_by_role("group", name="Which calls").get_by_text("Problems").click()
    await expect(user.calls.first).to_contain_text("Apology")


async def test_closed_hours_and_dialing_off_are_shown_everywhere(
    open_user: OpenUser, closed: LocalPlatform
) -> None:
    user = await open_user(closed.phone.url)
    number = closed.template.parameters["VonageNumber"]
    await expect(user.states).to_contain_text("Closed")
    await expect(user.states).to_contain_text("Dialing off")
    await expect(user.page.get_by_label("Phone", exact=True)).to_contain_text("Closed")
    await user.call(number)
    await user.hears(CLOSED)
    await expect(call_of(user)).to_contain_text("closed announcement")
    answer = line_of(user, "/webhooks/answer")
    await expect(answer).to_contain_text("Outside the opening hours")
    await user.is_over()

    await user.call(number, flow="connect", own="447700900124")
    await expect(line_of(user, "/webhooks/answer")).to_contain_text("Dialing is off")
    await user.is_over()
    await user.visit("#/calls")
    await expect(user.calls.nth(0)).to_contain_text("Not connected")
    await expect(user.calls.nth(1)).to_contain_text("Closed")
    await user.visit("#/flows")
    board = user.page.get_by_role("region", name="Numbers and hours")
    await expect(board).to_contain_text("Closed")
    await expect(board).to_contain_text(CLOSED)
    await expect(board).to_contain_text("Dialing off")


async def test_refused_signatures_retries_and_the_fallback_are_named_where_they_acted(
    open_user: OpenUser, platform: LocalPlatform
) -> None:
    user = await open_user()
    await set_faults(platform, wrong_secret=1)
    await user.call(NUMBERS["speech"], own="447700900401")
    answer = line_of(user, "/webhooks/answer")
    await expect(answer).to_contain_text("Refused")
    await expect(answer).to_contain_text("Fault: Signed with another secret")
    await expect(answer).to_contain_text("Vonage requests the fallback URL.")
    await expect(line_of(user, "/webhooks/fallback")).to_contain_text(
        "Vonage requested the fallback URL."
    )
    await user.is_over()
    await expect(call_of(user)).to_contain_text("refused signatures")

    await set_faults(platform, webhook_drop_after_body=1)
    await user.call(NUMBERS["speech"], own="447700900402")
    answers = user.events.get_by_role("listitem").filter(has_text="/webhooks/answer")
    await expect(answers.nth(0)).to_contain_text("No response")
    await expect(answers.nth(0)).to_contain_text("Vonage sends it again")
    await expect(answers.nth(0)).to_contain_text("Fault: Cut before your response")
    await expect(answers.nth(1)).to_contain_text("2nd")
    await expect(answers.nth(1)).to_contain_text("Vonage requests the fallback URL.")
    await set_faults(platform)
    await user.is_over()
    await expect(call_of(user)).to_contain_text("retries")
    await user.visit("#/calls")
    for row in (user.calls.nth(0), user.calls.nth(1)):
        await expect(row).to_contain_text("Fallback")


async def test_faults_of_legs_recordings_and_api_requests_are_named_where_they_acted(
    open_user: OpenUser, editable: LocalPlatform
) -> None:
    user = await open_user(editable.phone.url)
    await set_faults(
        editable,
        dashed_inbound_uuid=1,
        late_end_time=1,
        record_wrong_size=1,
        record_truncated={"times": 1},
    )
    number = editable.template.parameters["VonageNumber"]
    await user.call(number, own="447700900403", flow="leave_message")
    await user.hears("Recording started")
    await user.says("Please call me back.")
    await user.hears("call me back.")
    await user.button("#").click()
    await user.is_over()
    acted = {
        "inbound call": "Leg ID with dashes",
        "completed": "End time is late",
        "/webhooks/recordings": "Size is wrong",
        "/v1/files/": "Download stops halfway",
    }
    for text, title in acted.items():
        await expect(line_of(user, text)).to_contain_text(f"Fault: {title}")
    await line_of(user, "/v1/files/").get_by_role("button").click()
    await expect(user.details).to_contain_text("Fault: Download stops halfway")

    # An API request that belongs to no call.
    await set_faults(editable, api_429=1)
    async with aiohttp.ClientSession(editable.vonage.http_url) as http, http.get("/v1/calls"):
        pass
    await set_faults(editable)
    await user.visit("#/simulator")
    acts = user.page.get_by_role("list", name="Where faults acted").get_by_role("listitem")
    await expect(acts.first).to_contain_text("Too many requests")
    await expect(acts.first).to_contain_text("GET /v1/calls")
    download = acts.filter(has_text="Download stops halfway")
    await download.get_by_role("link", name="Open the call").click()
    await expect(line_of(user, "inbound call")).to_be_visible()
