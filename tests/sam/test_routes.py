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
SIGNED_WEBHOOKS = [path for path in WEBHOOKS if path != "/webhooks/fallback"]
LINK = "GET /listen/{token}"
ADMIN_ROUTES = sorted(key for key in routes() if " /webhooks/" not in key and key != LINK)
EVENT_WEBHOOKS = ("/webhooks/event", "/webhooks/recordings")  # no caller waits for these
CALL = ("started", "ringing", "answered", "completed")


def conversation() -> str:
    return f"CON-{uuid.uuid4()}"


def of(path: str) -> str:
    return next(name for name in SAMPLES if sample(name).path == path)


def test_every_webhook_has_a_sample_and_accepts_get_and_post() -> None:
    assert {sample(name).path for name in SAMPLES} == set(WEBHOOKS)
    assert {f"{method} {path}" for method in METHODS for path in WEBHOOKS} <= set(routes())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SAMPLES)
def test_accepts_signed_webhooks(sam_local: SamLocal, name: str, method: str) -> None:
    response = sam_local.send(sample(name, method, conversation_uuid=conversation()))
    if sample(name).path in EVENT_WEBHOOKS:
        assert (response.status_code, response.content) == (204, b"")
    else:
        assert response.status_code == 200
        assert all("action" in action for action in response.json())


@pytest.mark.parametrize("key", ADMIN_ROUTES)
def test_the_admin_api_rejects_requests_without_an_iam_context(
    sam_local: SamLocal, key: str
) -> None:
    """`sam local` doesn't check IAM signatures, so the function itself must reject."""
    method, _, path = key.partition(" ")
    request = Sample(method, path.replace("{uuid}", str(uuid.uuid4())), "", b"")
    assert sam_local.send(request, token="").status_code == 403


def test_a_link_without_a_valid_token_is_not_found(sam_local: SamLocal) -> None:
    request = Sample("GET", LINK.partition(" ")[2].replace("{token}", "a.b.c"), "", b"")
    assert sam_local.send(request, token="").status_code == 404


def test_the_curl_command_of_local_sign_works(sam_local: SamLocal) -> None:
    command = run(str(ROOT / ".venv/bin/python"), "-m", "local.sign", "answer")
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("HTTP/1.1 200 OK")
    assert done.stdout.rstrip().endswith("]")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", SIGNED_WEBHOOKS)
def test_unsigned_webhooks_get_503_and_retry_after(
    sam_local: SamLocal, path: str, method: str
) -> None:
    response = sam_local.send(sample(of(path), method), token="")
    assert (response.status_code, response.content) == (503, b"")
    assert response.headers["Retry-After"]


def test_the_fallback_accepts_unsigned_webhooks(sam_local: SamLocal) -> None:
    assert sam_local.send(sample("fallback"), token="").status_code == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", SIGNED_WEBHOOKS)
def test_rejects_webhooks_signed_with_another_secret(
    sam_local: SamLocal, path: str, method: str
) -> None:
    it = sample(of(path), method)
    stranger = Signer("the secret of another account, long enough", "", "")
    response = sam_local.send(it, token=stranger.token(it))
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("path", SIGNED_WEBHOOKS)
def test_rejects_an_altered_body(sam_local: SamLocal, path: str) -> None:
    it = sample(of(path))
    altered = it.body.replace(b"447700900002", b"447700900003") + b" "
    response = sam_local.send(it, body=altered)
    assert (response.status_code, response.content) == (401, b"")


@pytest.mark.parametrize("path", [path for path in SIGNED_WEBHOOKS if path != "/webhooks/answer"])
def test_rejects_an_altered_query_except_for_answer(sam_local: SamLocal, path: str) -> None:
    it = sample(of(path), "GET")
    altered = replace(it, query=it.query.replace("CON-f", "CON-e"))
    assert sam_local.send(altered, token=sam_local.token(it)).status_code == 401


def test_an_unknown_flow_causes_an_apology(sam_local: SamLocal) -> None:
    response = sam_local.send(sample("answer", query="flow=nowhere"))
    assert response.status_code == 200
    assert "sorry" in response.text


def test_rejects_a_body_of_300_kilobytes(sam_local: SamLocal) -> None:
    response = sam_local.send(sample("event-started", padding="x" * 300_000))
    assert response.status_code == 413


def test_rejects_a_signed_body_that_is_not_json_with_the_reason(sam_local: SamLocal) -> None:
    response = sam_local.send(replace(sample("event-started"), body=b"not JSON"))
    assert response.status_code == 400
    assert set(response.json()) == {"title", "detail"}


def test_a_digit_continues_the_flow_in_its_url(sam_local: SamLocal) -> None:
    ncco = sam_local.send(sample("answer", query="flow=dtmf_menu")).json()
    input_action = next(action for action in ncco if action["action"] == "input")
    query = input_action["eventUrl"][0].partition("?")[2]
    response = sam_local.send(sample("dtmf", query=query, conversation_uuid=conversation()))
    assert response.status_code == 200
    assert input_action["eventUrl"][0].startswith(f"{sam_local.stack['api_url']}/webhooks/dtmf?")
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
def test_an_event_is_stored_once_and_unchanged(
    sam_local: SamLocal, name: str, kind: str, method: str
) -> None:
    field = "conversation_uuid_to" if name == "event-transfer" else "conversation_uuid"
    ours = conversation()
    it = sample(name, method, **{field: ours, "conversation_uuid": ours})
    for _ in range(2):
        sam_local.send(it)
    (item,) = sam_local.items(ours)
    assert item["kind"] == kind
    assert item["method"] == method
    assert item["body"] == (it.body.decode() if method == "POST" else it.query)
    assert item["sk"].split("#")[1] == kind


def test_the_answer_webhook_is_not_stored(sam_local: SamLocal) -> None:
    ours = conversation()
    sam_local.send(sample("answer", conversation_uuid=ours))
    assert sam_local.items(ours) == []


@pytest.mark.parametrize("path", ["/webhooks/recordings", "/webhooks/event"])
def test_a_recording_is_queued_once(sam_local: SamLocal, path: str) -> None:
    ours = conversation()
    it = replace(sample("recordings", conversation_uuid=ours), path=path)
    assert sam_local.send(it).status_code == 204
    (job,) = [job for job in sam_local.jobs() if ours in job["body"]]
    assert job["body"] == it.body.decode()


def test_status_events_in_any_order_build_the_same_timeline(
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


def test_logs_contain_no_full_number_and_no_token(sam_local: SamLocal) -> None:
    ours = conversation()
    requests = [
        sample(name, method, conversation_uuid=ours)
        for name in SAMPLES
        if sample(name).path in SIGNED_WEBHOOKS
        for method in METHODS
    ]
    for it in requests:
        sam_local.send(it)
    log = sam_local.log_lines(ours, count=len(requests))
    assert "44770090" not in log
    assert "eyJ" not in log
    assert sam_local.stack["signature_secret"] not in log


def test_get_parameters_keep_their_order(sam_local: SamLocal) -> None:
    ours = conversation()
    it = sample("event-started", "GET", conversation_uuid=ours)
    backwards = "&".join(reversed(it.query.split("&")))
    it = replace(it, query=backwards)
    assert sam_local.send(it).status_code == 204
    (item,) = sam_local.items(ours)
    assert parse_qsl(item["body"]) == parse_qsl(backwards)
