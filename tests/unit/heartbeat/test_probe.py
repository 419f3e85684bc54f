"""A beat of the heart: what is sent, what counts as heard, and that nothing is kept of it."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from heartbeat.probe import LEG, ProbeResponse, ProbeResult, probe
from tests.support import signing
from tests.support.fake_aws import FakeAws
from tests.support.function_process import FunctionProcesses
from tests.support.gateway_events import http_event
from tests.support.http_servers import serving
from voicekit.signature import SignedParts, SigningSecrets, verify
from voicekit.signing_secrets import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = Path(boto3.__file__).parents[1]
NOW = 1_800_000_000.0
URL = "https://voice.example.com/webhooks/answer"
OURS = SigningSecrets(("a" * 32,), "abcd1234", "78d335fa-323d-0114-9c3d-d6f0d48968cf")
NCCO = b'[{"action": "talk", "text": "Hello"}]'


class Store:
    """Secrets that are there, or not; ``newer_one`` is what is found when asked for anew."""

    def __init__(self, secrets: SigningSecrets | None = OURS) -> None:
        self.secrets = secrets
        self.newer_one: SigningSecrets | None = None

    def get(self, _within: float) -> SigningSecrets:
        if self.secrets is None:
            raise SecretUnavailable("the signing secret has no api_key yet: put it there")
        return self.secrets

    def refresh(self, _within: float) -> SigningSecrets | None:
        return self.newer_one


class WebhookServer:
    """What is behind the public address: it answers in turn, the last answer for ever."""

    def __init__(self, *answers: ProbeResponse | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes, str]] = []

    def __call__(self, url: str, body: bytes, authorization: str) -> ProbeResponse:
        self.asked.append((url, body, authorization))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def rung(
    door: WebhookServer, store: Store | None = None, number: str = "447700900001"
) -> ProbeResult:
    secrets: Any = store or Store()
    return probe(URL, number, secrets, send=door, now=lambda: NOW)


def test_a_beat_is_an_answer_webhook_that_our_own_verifier_believes() -> None:
    door = WebhookServer(ProbeResponse(200, NCCO))
    assert rung(door) == ("heard", 200, None)
    ((url, body, authorization),) = door.asked
    assert url == URL
    fields = json.loads(body)
    assert fields.pop("from")
    assert fields == {"to": "447700900001", "uuid": LEG, "conversation_uuid": LEG}
    signed = SignedParts("POST", "", body, frozenset())
    assert verify(authorization, signed, OURS, now=NOW, max_age=30)


def test_a_beat_is_no_conversation_of_vonages() -> None:
    assert not LEG.startswith("CON-")


def test_a_stack_without_a_number_is_rung_all_the_same() -> None:
    door = WebhookServer(ProbeResponse(200, NCCO))
    rung(door, number="")
    assert json.loads(door.asked[0][1])["to"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ProbeResponse(503, b""), "not 200"),
        (ProbeResponse(401, b""), "not 200"),
        (ProbeResponse(204, b""), "not 200"),
        (ProbeResponse(301, NCCO), "not 200"),
        (ProbeResponse(200, b""), "no valid NCCO (JSONDecodeError)"),
        (ProbeResponse(200, b"<html>"), "no valid NCCO (JSONDecodeError)"),
        (ProbeResponse(200, b"\xff"), "no valid NCCO (UnicodeDecodeError)"),
        (ProbeResponse(200, b"[" * 100_000), "no valid NCCO (RecursionError)"),
        (ProbeResponse(200, b'{"message": "Not Found"}'), "no valid NCCO (NccoError)"),
        (ProbeResponse(200, b'[{"action": "sing"}]'), "no valid NCCO (NccoError)"),
        (ProbeResponse(200, b"[]"), "the NCCO is empty"),
        (ConnectionRefusedError(), "no answer (ConnectionRefusedError)"),
        (TimeoutError(), "no answer (TimeoutError)"),
    ],
    ids=lambda it: it if isinstance(it, str) else repr(it)[:40],
)
def test_what_is_no_ncco_is_silence_and_says_why(
    answer: ProbeResponse | Exception, why: str
) -> None:
    heard = rung(WebhookServer(answer))
    assert (heard.outcome, heard.detail) == ("silent", why)


def test_a_stack_without_its_secret_is_silent() -> None:
    heard = rung(WebhookServer(ProbeResponse(200, NCCO)), Store(None))
    assert heard.outcome == "silent"
    assert "put it there" in str(heard.detail)


def test_a_refused_signature_is_made_again_with_a_secret_that_was_rotated() -> None:
    store, door = Store(), WebhookServer(ProbeResponse(401, b""), ProbeResponse(200, NCCO))
    store.newer_one = OURS._replace(secrets=("b" * 32,))
    assert rung(door, store).outcome == "heard"
    again = door.asked[1]
    signed = SignedParts("POST", "", again[1], frozenset())
    assert verify(again[2], signed, store.newer_one, now=NOW, max_age=30)


# Through a door of its own to the answer function


@contextmanager
def served(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[str]:
    """Pass requests on as API Gateway does; give the address."""

    class WebhookHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            token = self.headers["Authorization"]
            reply = answer(http_event("POST", self.path, body=body, authorization=token))
            self.send_response(reply["statusCode"])
            self.end_headers()
            self.wfile.write(reply["body"].encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), WebhookHandler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeAws]:
    with FakeAws(signing.account()) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def start(cloud: FakeAws) -> Iterator[Callable[..., FunctionProcesses]]:
    with ExitStack() as running:
        yield lambda **changes: running.enter_context(
            FunctionProcesses(cloud.environment(**changes), PACKAGES)
        )


def test_a_beat_is_answered_by_the_answer_function_and_leaves_nothing(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    # given the answer function behind an address
    cloud.reset()
    answering = start()
    seen: list[dict[str, Any]] = []

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        done = answering("answer", event)
        seen.extend(done.logs)
        return dict(done.reply)

    with served(answer) as address:
        heart = start(ANSWER_URL=f"{address}/webhooks/answer")
        # when the heart beats
        (line,) = heart("heartbeat", {"source": "aws.events"}).logs
    # then an NCCO was heard, and no table and no queue was asked for anything
    assert (line["message"], line["outcome"], line["status"]) == ("heartbeat", "heard", 200)
    assert line["level"] == "INFO"
    assert [one["outcome"] for one in seen] == ["answered"]
    assert set(cloud.aws.asked) == {"GetSecretValue"}


def test_a_beat_that_hears_nothing_says_so_loudly_and_does_not_fail(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    cloud.reset()
    with served(lambda _event: {"statusCode": 500, "body": ""}) as address:
        done = start(ANSWER_URL=f"{address}/webhooks/answer")("heartbeat", {})
    (line,) = done.logs
    assert done.raised is None
    assert (line["outcome"], line["status"], line["level"]) == ("silent", 500, "ERROR")
    assert cloud.account.signature_secret not in json.dumps(line)


def test_a_stack_that_nobody_has_given_its_secret_yet_is_silent(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    cloud.reset()
    empty = cloud.secret('{"signature_secret": "", "api_key": "", "application_id": ""}')
    done = start(SIGNING_SECRET_ID=empty, ANSWER_URL=URL)("heartbeat", {})
    (line,) = done.logs
    assert line["outcome"] == "silent"
    assert "signature_secret" in line["detail"]


def test_an_address_at_which_nobody_listens_is_silence(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    cloud.reset()
    with served(lambda _event: {"statusCode": 200, "body": "[]"}) as address:
        closed = address
    (line,) = start(ANSWER_URL=f"{closed}/webhooks/answer")("heartbeat", {}).logs
    assert line["detail"] == "no answer (ConnectionRefusedError)"
