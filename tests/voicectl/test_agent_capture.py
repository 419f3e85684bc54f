"""`voicectl capture --agent`: one call answers ten questions about WebSocket connections."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest
import requests

from tests.voicectl.capture_run import CALLER, NUMBER, PATIENCE, run_capture, start_call
from tests.voicectl.cli_process import free_port
from voicectl.agent_capture_app import AgentCaptureApp, SocketRecord, findings
from voicectl.webhook_listener import ReceivedRequest, listening
from voicekit.signature import SigningSecrets
from vonage_simulator import Simulator, SimulatorSettings
from vonage_simulator.settings import WebhookTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTIONS = [
    "the action after a connect to a WebSocket that is not synchronous",
    "the header of a handshake without authorization",
    "messages of 1280 and 300 bytes",
    "the close code when the caller hangs up",
    "a URL of 2100 characters",
    "a handshake that is answered after 10 seconds",
    "the price of a WebSocket leg",
    "notify after clear",
    "frames while the caller is muted",
    "the payload_hash of a handshake's token",
]


async def captured(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Capture one call at a simulator with these settings, and return what was observed."""
    await run_capture(folder, settings, _follow, "--agent", last_step="3")
    text = (folder / "agent-capture.json").read_text()
    assert not [one for one in (NUMBER, CALLER, "Bearer", "127.0.0.1", "xxxx") if one in text]
    observed: dict[str, Any] = json.loads(text)["observed"]
    return observed


async def _follow(http: aiohttp.ClientSession, leg: str) -> None:
    """Stay on the line, and hang up at the last prompt."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        async with http.get(f"/sim/calls/{leg}/events") as response:
            events = (await response.json())["events"]
        asked = [n for n, one in enumerate(events) if "hang up now" in json.dumps(one)]
        if asked and any(one.get("action") == "connect" for one in events[asked[-1] :]):
            await asyncio.sleep(1.5)  # the connection opens, and the caller takes a while
            async with http.post(f"/sim/calls/{leg}/hangup") as response:
                assert response.status < 300, await response.text()
            return
        await asyncio.sleep(0.2)
    raise AssertionError([one["kind"] for one in events])


async def test_one_call_answers_the_questions(tmp_path: Path) -> None:
    observed = await captured({"words_per_minute": 900.0}, tmp_path)
    assert list(observed) == QUESTIONS
    answers = list(observed.values())
    assert answers[:4] == [
        "waits until the connection ends",
        "none",
        "a message of 1280 bytes ends the connection, code 1006",
        1000,
    ]
    assert answers[4].startswith("the handshake came; ")
    assert re.search(r"(failed|unanswered) after [3-9]\.", answers[5])
    assert answers[6:] == ["0", "is dropped", None, "that of an empty body"]


async def test_another_vonage_gives_other_answers() -> None:
    """The same call with a Vonage that does what the simulator's default is not, and muting."""
    port = free_port()
    target = WebhookTarget(f"http://127.0.0.1:{port}/webhooks/answer")
    event = WebhookTarget(f"http://127.0.0.1:{port}/webhooks/event")
    made = SimulatorSettings(
        numbers=(NUMBER,),
        answer=target,
        event=event,
        words_per_minute=900.0,
        websocket_signed_by_default=True,
        websocket_exact_frames=False,
    )
    async with Simulator(made) as vonage, aiohttp.ClientSession(vonage.http_url) as http:
        key = SigningSecrets((vonage.signature_secret,), vonage.api_key, vonage.application_id)
        app = AgentCaptureApp(f"http://127.0.0.1:{port}", time.time, muting(vonage))
        with listening(port, key, app, time.time, lambda reason: None, app):
            await _follow(http, await start_call(http))
            assert await asyncio.to_thread(app.over.wait, PATIENCE)
    found = {one.question: one.value for one in findings(app)}
    assert list(found) == QUESTIONS
    answers = list(found.values())
    assert answers[1:3] == ["Bearer", "both are taken"]
    assert answers[8].endswith("frames of silence")


def muting(vonage: Simulator) -> Callable[[str, str], bool]:
    """Return what mutes a leg at the simulator."""
    assert vonage.private_key is not None
    claims = {"application_id": vonage.application_id, "iat": int(time.time()), "jti": "1"}
    token = jwt.encode(claims, vonage.private_key, algorithm="RS256")

    def mute(uuid: str, action: str) -> bool:
        url, headers = f"{vonage.http_url}/v1/calls/{uuid}", {"Authorization": f"Bearer {token}"}
        return requests.put(url, json={"action": action}, headers=headers, timeout=5).ok

    return mute


def an_app(**records: SocketRecord) -> AgentCaptureApp:
    app = AgentCaptureApp("https://voice.example.com", time.time)
    app.sockets |= records
    return app


def test_a_call_that_reveals_nothing_answers_nothing() -> None:
    assert {one.value for one in findings(an_app())} == {None}


@pytest.mark.parametrize(
    ("at", "expected"), [(10.1, "runs at once"), (13.1, "waits until the connection ends")]
)
def test_whether_a_connect_waits_is_when_the_next_action_runs(at: float, expected: str) -> None:
    app = an_app(first=SocketRecord(None, 10.0, accepted_at=10.0, closed_at=13.0))
    app.marks["first"] = at
    assert findings(app)[0].value == expected


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([], "no frame, websocket:media:update"),
        ([(9.0, False), (11.0, True)], "1 frame of silence, websocket:media:update"),
        ([(11.0, True), (12.0, False)], "2 frames of sound, websocket:media:update"),
    ],
)
def test_what_arrives_while_the_caller_is_muted(
    frames: list[tuple[float, bool]], expected: str
) -> None:
    texts = [{"event": "websocket:connected"}, {"event": "websocket:media:update"}]
    record = SocketRecord(None, 1.0, muted_at=10.0, frames=frames, texts=texts)
    found = {one.question: one.value for one in findings(an_app(muted=record))}
    assert found["frames while the caller is muted"] == expected


def test_a_path_that_the_call_did_not_name_is_not_accepted() -> None:
    app = an_app()
    key = app_endpoint(app)["uri"].split("/")[4]
    assert app.accepts(f"/sockets/{key}/first")
    for path in (f"/sockets/{key}/other", "/sockets/guessed/first", f"/sockets/{key}", "/"):
        assert not app.accepts(path)


def app_endpoint(app: AgentCaptureApp) -> dict[str, Any]:
    """Return the endpoint in the first NCCO."""
    request = ReceivedRequest("POST", "/webhooks/answer", "", b"{}", "1", "body")
    endpoint: dict[str, Any] = json.loads(app(request).body)[1]["endpoint"][0]
    return endpoint
