"""Every route of the API, served by `sam local start-api` in Lambda's runtime image."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl

import pytest

from local.samples.signing import Sample, Signer
from records.event import parse_event
from records.timeline import build_timeline
from tests.sam.sam_process import ROOT, SAMPLES, routes, run, sample

if TYPE_CHECKING:
    from tests.sam.sam_process import SamLocal

METHODS = ("POST", "GET")
WEBHOOKS = sorted({key.partition(" ")[2] for key in routes() if " /webhooks/" in key})
GUARDED = [path for path in WEBHOOKS if path != "/webhooks/fallback"]
OWNERS = sorted(key for key in routes() if " /webhooks/" not in key)
REPORTS = ("/webhooks/event", "/webhooks/recordings")  # nobody waits for their reply
CALL = ("started", "ringing", "answered", "completed")


def conversation() -> str:
    return f"CON-{uuid.uuid4()}"


def of(path: str) -> str:
    return next(name for name in SAMPLES if sample(name).path == path)


def test_every_webhook_has_a_sample_and_is_a_route_for_get_and_post() -> None:
    assert {sample(name).path for name in SAMPLES} == set(WEBHOOKS)
    assert {f"{method} {path}" for method in METHODS for path in WEBHOOKS} <= set(routes())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_signed_webhook_is_answered(sam_local: SamLocal, name: str, method: str) -> None:
    response = sam_local.send(sample(name, method, conversation_uuid=conversation()))
    if sample(name).path in REPORTS:
        assert (response.status_code, response.content) == (204, b"")
    else:
        assert response.status_code == 200
        assert all("action" in action for action in response.json())


@pytest.mark.parametrize("key", OWNERS)
def test_the_owners_api_lets_nobody_in_whom_no_gateway_vouches_for(
    sam_local: SamLocal, key: str
) -> None:
    """`sam local` checks no signature of AWS's, so the function refuses by itself."""
    method, _, path = key.partition(" ")
    request = Sample(method, path.replace("{uuid}", str(uuid.uuid4())), "", b"")
    assert sam_local.send(request, token="").status_code == 403


def test_the_curl_command_that_sign_prints_is_answered(sam_local: SamLocal) -> None:
    command = run(str(ROOT / ".venv/bin/python"), "-m", "local.sign", "answer")
    answer = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=60)
    assert answer.stdout.startswith("HTTP/1.1 200 OK")
    assert answer.stdout.rstrip().endswith("]")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", GUARDED)
def test_an_unsigned_webhook_is_asked_for_again(
    sam_local: SamLocal, path: str, method: str
) -> None:
    response = sam_local.send(sample(of(path), method), token="")
    assert (response.status_code, response.content) == (503, b"")
    assert response.headers["Retry-After"]


def test_an_unsigned_webhook_at_the_fallback_is_answered(sam_local: SamLocal) -> None:
    assert sam_local.send(sample("fallback"), token="").status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", GUARDED)
def test_a_forged_webhook_is_refused(sam_local: SamLocal, path: str, method: str) -> None:
    it = sample(of(path), method)
    stranger = Signer("a secret of somebody else's, long enough", "", "")
    response = sam_local.send(it, token=stranger.token(it))
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("path", GUARDED)
def test_an_altered_body_is_refused(sam_local: SamLocal, path: str) -> None:
    it = sample(of(path))
    altered = it.body.replace(b"447700900002", b"447700900003") + b" "
    response = sam_local.send(it, body=altered)
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("path", [path for path in GUARDED if path != "/webhooks/answer"])
def test_an_altered_query_is_refused_where_it_would_have_an_effect(
    sam_local: SamLocal, path: str
) -> None:
    it = sample(of(path), "GET")
    altered = replace(it, query=it.query.replace("CON-f", "CON-e"))
    assert sam_local.send(altered, token=sam_local.token(it)).status_code == 401


def test_an_unknown_flow_gives_the_caller_an_apology(sam_local: SamLocal) -> None:
    response = sam_local.send(sample("answer", query="flow=nowhere"))
    assert response.status_code == 200
    assert "sorry" in response.text


def test_a_body_of_300_kilobytes_is_too_large(sam_local: SamLocal) -> None:
    response = sam_local.send(sample("event-started", padding="x" * 300_000))
    assert response.status_code == 413


def test_a_signed_body_that_is_no_json_is_refused_with_the_reason(sam_local: SamLocal) -> None:
    response = sam_local.send(replace(sample("event-started"), body=b"no JSON"))
    assert response.status_code == 400
    assert set(response.json()) == {"title", "detail"}


def test_a_key_pressed_leads_on_in_the_flow_of_its_url(sam_local: SamLocal) -> None:
    answer = sam_local.send(sample("answer", query="flow=dtmf_menu")).json()
    asked = next(action for action in answer if action["action"] == "input")
    query = asked["eventUrl"][0].partition("?")[2]
    response = sam_local.send(sample("dtmf", query=query, conversation_uuid=conversation()))
    assert response.status_code == 200
    assert asked["eventUrl"][0].startswith(f"{sam_local.stack['api_url']}/webhooks/dtmf?")
    assert parse_qs(query)["flow"] == ["dtmf_menu"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("event-started", "status"),
        ("event-machine", "status"),
        ("event-transfer", "transfer"),
        ("event-error", "error"),
        ("dtmf", "input"),
        ("asr", "input"),
        ("notification", "notify"),
    ],
)
def test_an_event_is_kept_once_as_it_came(
    sam_local: SamLocal, name: str, kind: str, method: str
) -> None:
    place = "conversation_uuid_to" if name == "event-transfer" else "conversation_uuid"
    ours = conversation()
    it = sample(name, method, **{place: ours, "conversation_uuid": ours})
    for _ in range(2):
        sam_local.send(it)
    (item,) = sam_local.items(ours)
    assert item["kind"] == kind
    assert item["method"] == method
    assert item["body"] == (it.body.decode() if method == "POST" else it.query)
    assert item["sk"].split("#")[1] == kind


def test_the_answer_webhook_is_not_kept(sam_local: SamLocal) -> None:
    ours = conversation()
    sam_local.send(sample("answer", conversation_uuid=ours))
    assert sam_local.items(ours) == []


@pytest.mark.parametrize("door", ["/webhooks/recordings", "/webhooks/event"])
def test_a_recording_becomes_one_job_on_the_queue(sam_local: SamLocal, door: str) -> None:
    ours = conversation()
    it = replace(sample("recordings", conversation_uuid=ours), path=door)
    assert sam_local.send(it).status_code == 204
    (job,) = [job for job in sam_local.jobs() if ours in job["body"]]
    assert job["body"] == it.body.decode()


def test_the_statuses_of_a_call_fold_to_one_state_however_they_arrive(
    sam_local: SamLocal,
) -> None:
    ours = conversation()
    events = [sample(f"event-{status}", conversation_uuid=ours) for status in CALL]
    for it in itertools.chain(reversed(events), events):
        sam_local.send(it)
    items = sam_local.items(ours)
    (leg,) = build_timeline(parse_event(json.loads(item["body"])) for item in items).legs.values()
    assert len(items) == len(CALL)
    assert (leg.state, leg.outcome, leg.ended) == ("completed", "answered", True)


def test_the_logs_have_no_whole_number_and_no_token(sam_local: SamLocal) -> None:
    ours = conversation()
    requests = [
        sample(name, method, conversation_uuid=ours)
        for name in SAMPLES
        if sample(name).path in GUARDED
        for method in METHODS
    ]
    for it in requests:
        sam_local.send(it)
    log = sam_local.log_lines(ours, count=len(requests))
    assert "44770090" not in log
    assert "eyJ" not in log
    assert sam_local.stack["signature_secret"] not in log


def test_a_get_request_keeps_the_order_of_its_parameters(sam_local: SamLocal) -> None:
    ours = conversation()
    it = sample("event-started", "GET", conversation_uuid=ours)
    backwards = "&".join(reversed(it.query.split("&")))
    it = replace(it, query=backwards)
    assert sam_local.send(it).status_code == 204
    (item,) = sam_local.items(ours)
    assert parse_qsl(item["body"]) == parse_qsl(backwards)
