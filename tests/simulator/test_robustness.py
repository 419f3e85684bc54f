"""No input from outside crashes the simulator."""

import asyncio
import logging
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.harness import SYNTAX_ERROR, SimulatorHarness, talk
from vonage_simulator import WebhookTarget, ncco
from vonage_simulator.errors import InvalidNcco

PATHS = [
    ("POST", "/v1/calls"),
    ("PUT", "/v1/calls/{uuid}"),
    ("PUT", "/v1/calls/{uuid}/talk"),
    ("PUT", "/v1/calls/{uuid}/stream"),
    ("PUT", "/v1/calls/{uuid}/dtmf"),
    ("PUT", "/v1/calls/{uuid}/input/dtmf"),
    ("POST", "/sim/calls"),
    ("POST", "/sim/calls/{uuid}/digits"),
    ("PUT", "/sim/faults"),
    ("PUT", "/sim/callees/1"),
    ("POST", "/sim/clock"),
]
BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b'{"a":' * 5000,
    b"[" * 100_000,
    b'{"to":[[]],"from":{},"ncco":[]}',
    b'{"action":{"a":1}}',
    b'{"text":"\\ud800"}',
    b'{"digits":1e400}',
    b'{"loop":NaN,"text":"x"}',
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_malformed_bodies_are_400(
    harness: SimulatorHarness, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    call = await harness.receive_call([talk("again", loop=0)])
    headers = {"Authorization": f"Bearer {harness.token()}"}
    with caplog.at_level(logging.ERROR):
        for body in BODIES:
            await harness.step(1)
            response = await harness.request(
                method, path.format(uuid=call.uuid), headers=headers, data=body
            )
            assert response.status in (200, 400, 429), body[:40]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_huge_bodies_are_413(harness: SimulatorHarness, method: str, path: str) -> None:
    call = await harness.receive_call([talk("again", loop=0)])
    headers = {"Authorization": f"Bearer {harness.token()}"}
    body = b'{"text":"' + b"x" * (1024 * 1024) + b'"}'
    response = await harness.request(
        method, path.format(uuid=call.uuid), headers=headers, data=BytesIO(body)
    )
    assert response.status == 413


async def test_huge_headers_are_400(harness: SimulatorHarness) -> None:
    response = await harness.request("GET", "/v1/calls", headers={"X-Long": "x" * 20_000})
    assert response.status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/calls/{id}"),
        ("PUT", "/v1/calls/{id}"),
        ("PUT", "/v1/calls/{id}/talk"),
        ("DELETE", "/v1/calls/{id}/talk"),
        ("PUT", "/v1/calls/{id}/stream"),
        ("DELETE", "/v1/calls/{id}/stream"),
        ("PUT", "/v1/calls/{id}/dtmf"),
        ("PUT", "/v1/calls/{id}/input/dtmf"),
        ("DELETE", "/v1/calls/{id}/input/dtmf"),
        ("GET", "/v1/files/{id}"),
        ("GET", "/sim/calls/{id}"),
        ("POST", "/sim/calls/{id}/digits"),
        ("GET", "/no/such/path/{id}"),
    ],
)
@pytest.mark.parametrize("unknown", ["x", "..%2f..%2fetc", "%00", "a" * 3000, "é"])
async def test_unknown_ids_are_404(
    harness: SimulatorHarness, method: str, path: str, unknown: str
) -> None:
    body: Any = None if method in ("GET", "DELETE") else {}
    assert (await harness.api(method, path.format(id=unknown), body)).status == 404


async def test_a_method_that_a_path_does_not_have_is_405(harness: SimulatorHarness) -> None:
    assert (await harness.api("PATCH", "/v1/calls", {})).status == 405


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(web.Response(body=b"\xff\xff"), id="bytes"),
        pytest.param(web.Response(text="[" * 100_000), id="deep nesting"),
        pytest.param(web.Response(body=b"x" * 3_000_000), id="three megabytes"),
        pytest.param(web.Response(text="[null]"), id="null for an action"),
        pytest.param(web.Response(text='[{"action":null}]'), id="null for a name"),
        pytest.param(web.Response(text='[{"action":{"a":1}}]'), id="an object for a name"),
        pytest.param(web.Response(status=302, headers={"Location": "/x"}), id="a redirect"),
    ],
)
async def test_any_response_to_the_answer_webhook_ends_the_call(
    harness: SimulatorHarness, response: web.Response
) -> None:
    harness.on("/answer", response)
    call = await harness.receive_call()
    await harness.step(10)
    assert await call.status() == "completed"


async def test_an_unreachable_webhook_url_ends_the_call(
    make_harness: Any,
) -> None:
    harness = await make_harness(answer=WebhookTarget("https://127.0.0.1:9/answer", "GET"))
    call = await harness.receive_call()
    await harness.step(10)
    assert await call.status() == "completed"


async def test_a_response_over_1_mib_is_not_retried(harness: SimulatorHarness) -> None:
    harness.on("/answer", web.Response(body=b"x" * 1_048_577))
    call = await harness.receive_call()
    await harness.step(10)
    answers = [w for w in (await call.view())["webhooks"] if w["kind"] == "answer"]
    assert [w["error"] for w in answers] == ["Reply too long."]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_lone_surrogates_in_a_payload_are_sent_as_question_marks(
    harness: SimulatorHarness, method: str
) -> None:
    text = '[{"action":"notify","payload":{"a":"\\ud800"},"eventUrl":["%s"],"eventMethod":"%s"}]'
    body = text % (harness.url("/notify"), method)
    harness.on("/answer", web.Response(text=body, content_type="application/json"))
    await harness.receive_call()
    await harness.step(1)
    payload = harness.sent_to("/notify")[0].fields["payload"]
    assert payload == ({"a": "?"} if method == "POST" else '{"a":"?"}')


async def test_a_bad_certificate_is_not_retried(make_harness: Any) -> None:
    first = await make_harness()
    harness = await make_harness(answer=WebhookTarget(first.simulator.tls_url + "/answer", "GET"))
    call = await harness.receive_call()
    await harness.step(10)
    answers = [w for w in (await call.view())["webhooks"] if w["kind"] == "answer"]
    assert [w["error"] for w in answers] == ["Bad certificate."]


async def test_a_host_without_an_address_is_not_retried(make_harness: Any) -> None:
    harness = await make_harness(answer=WebhookTarget("http://no-such-host.invalid/answer", "GET"))
    call = await harness.receive_call()
    await harness.step(10)
    answers = [w for w in (await call.view())["webhooks"] if w["kind"] == "answer"]
    assert [w["error"] for w in answers] == ["Bad URL."]


async def test_stopping_during_calls_leaves_no_task_running(
    harness: SimulatorHarness,
) -> None:
    harness.on("/answer", [{"action": "record"}, talk("again", loop=0)])
    for _ in range(5):
        await harness.receive_call()
    before = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    await harness.simulator.stop()
    left = {task for task in before if not task.done() and "simulator" in repr(task.get_coro())}
    assert not left


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
OPTIONS = st.sampled_from(
    ["text", "type", "dtmf", "speech", "eventUrl", "endpoint", "from", "loop", "level", "timeOut",
     "name", "payload", "canHear", "split", "channels", "timeout", "limit", "streamUrl", "mode"]
)  # fmt: skip
ACTION = st.sampled_from(sorted(ncco.READERS)) | st.text(max_size=5)


@given(st.lists(st.tuples(ACTION, st.dictionaries(OPTIONS, JSON, max_size=5)), max_size=3))
@settings(max_examples=100)
def test_any_json_is_either_an_ncco_or_a_syntax_error(
    actions: list[tuple[str, dict[str, Any]]],
) -> None:
    try:
        parsed = ncco.parse([{"action": name} | options for name, options in actions])
    except InvalidNcco:
        return
    assert len(parsed) == len(actions)


async def test_ncco_of_a_thousand_actions_runs_to_its_end(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([{"action": "wait", "timeout": 0.1}] * 1000)
    await harness.step(101)
    assert await call.status() == "completed"
    assert not harness.events(reason=SYNTAX_ERROR)
