"""The heartbeat probe: what it sends, what counts as heard, and that nothing is stored."""

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
SECRETS = SigningSecrets(("a" * 32,), "abcd1234", "78d335fa-323d-0114-9c3d-d6f0d48968cf")
NCCO = b'[{"action": "talk", "text": "Hello"}]'


class FakeSecretCache:
    """A secret cache; ``newer_one`` is the result of a refresh, and no secrets raise."""

    def __init__(self, secrets: SigningSecrets | None = SECRETS) -> None:
        self.secrets = secrets
        self.newer_one: SigningSecrets | None = None

    def get(self, _within: float) -> SigningSecrets:
        if self.secrets is None:
            raise SecretUnavailable("the signing secret has no api_key yet: put it there")
        return self.secrets

    def refresh(self, _within: float) -> SigningSecrets | None:
        return self.newer_one


class WebhookServer:
    """A fake `send`: it returns its responses in order, and repeats the last one."""

    def __init__(self, *responses: ProbeResponse | Exception) -> None:
        self.responses = list(responses)
        self.requests: list[tuple[str, bytes, str]] = []

    def __call__(self, url: str, body: bytes, authorization: str) -> ProbeResponse:
        self.requests.append((url, body, authorization))
        answer = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run_probe(
    server: WebhookServer, store: FakeSecretCache | None = None, number: str = "447700900001"
) -> ProbeResult:
    secrets: Any = store or FakeSecretCache()
    return probe(URL, number, secrets, send=server, now=lambda: NOW)


def test_a_synthetic_call_passes_our_own_signature_check() -> None:
    server = WebhookServer(ProbeResponse(200, NCCO))
    assert run_probe(server) == ("heard", 200, None)
    ((url, body, authorization),) = server.requests
    assert url == URL
    fields = json.loads(body)
    assert fields.pop("from")
    assert fields == {"to": "447700900001", "uuid": LEG, "conversation_uuid": LEG}
    signed = SignedParts("POST", "", body, frozenset())
    assert verify(authorization, signed, SECRETS, now=NOW, max_age=30)


def test_the_id_of_a_synthetic_call_is_not_a_conversation_id() -> None:
    assert not LEG.startswith("CON-")


def test_a_stack_without_a_number_is_probed_as_well() -> None:
    server = WebhookServer(ProbeResponse(200, NCCO))
    run_probe(server, number="")
    assert json.loads(server.requests[0][1])["to"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ProbeResponse(503, b""), "not 200"),
        (ProbeResponse(401, b""), "not 200"),
        (ProbeResponse(204, b""), "not 200"),
        (ProbeResponse(301, NCCO), "not 200"),
        (ProbeResponse(200, b""), "invalid NCCO (JSONDecodeError)"),
        (ProbeResponse(200, b"<html>"), "invalid NCCO (JSONDecodeError)"),
        (ProbeResponse(200, b"\xff"), "invalid NCCO (UnicodeDecodeError)"),
        (ProbeResponse(200, b"[" * 100_000), "invalid NCCO (RecursionError)"),
        (ProbeResponse(200, b'{"message": "Not Found"}'), "invalid NCCO (NccoError)"),
        (ProbeResponse(200, b'[{"action": "sing"}]'), "invalid NCCO (NccoError)"),
        (ProbeResponse(200, b"[]"), "the NCCO is empty"),
        (ConnectionRefusedError(), "no response (ConnectionRefusedError)"),
        (TimeoutError(), "no response (TimeoutError)"),
    ],
    ids=lambda it: it if isinstance(it, str) else repr(it)[:40],
)
def test_a_response_without_a_valid_ncco_is_silent_with_the_reason(
    answer: ProbeResponse | Exception, reason: str
) -> None:
    result = run_probe(WebhookServer(answer))
    assert (result.outcome, result.detail) == ("silent", reason)


def test_a_stack_without_its_secret_is_silent() -> None:
    result = run_probe(WebhookServer(ProbeResponse(200, NCCO)), FakeSecretCache(None))
    assert result.outcome == "silent"
    assert "put it there" in str(result.detail)


def test_after_401_the_probe_retries_with_the_rotated_secret() -> None:
    store, server = (
        FakeSecretCache(),
        WebhookServer(ProbeResponse(401, b""), ProbeResponse(200, NCCO)),
    )
    store.newer_one = SECRETS._replace(secrets=("b" * 32,))
    assert run_probe(server, store).outcome == "heard"
    again = server.requests[1]
    signed = SignedParts("POST", "", again[1], frozenset())
    assert verify(again[2], signed, store.newer_one, now=NOW, max_age=30)


# Through a server to the answer function


@contextmanager
def served(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[str]:
    """Serve requests as API Gateway does, and yield the address."""

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


def test_the_answer_function_responds_to_a_synthetic_call_and_stores_nothing(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    # given the answer function behind a server
    cloud.reset()
    answering = start()
    seen: list[dict[str, Any]] = []

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        invocation = answering("answer", event)
        seen.extend(invocation.logs)
        return dict(invocation.reply)

    with served(answer) as address:
        probe_function = start(ANSWER_URL=f"{address}/webhooks/answer")
        # when the heartbeat function runs
        (line,) = probe_function("heartbeat", {"source": "aws.events"}).logs
    # then the NCCO is valid, and no request reached the table or a queue
    assert (line["message"], line["outcome"], line["status"]) == ("heartbeat", "heard", 200)
    assert line["level"] == "INFO"
    assert [one["outcome"] for one in seen] == ["answered"]
    assert set(cloud.aws.asked) == {"GetSecretValue"}


def test_a_failed_probe_logs_an_error_and_does_not_raise(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    cloud.reset()
    with served(lambda _event: {"statusCode": 500, "body": ""}) as address:
        invocation = start(ANSWER_URL=f"{address}/webhooks/answer")("heartbeat", {})
    (line,) = invocation.logs
    assert invocation.raised is None
    assert (line["outcome"], line["status"], line["level"]) == ("silent", 500, "ERROR")
    assert cloud.account.signature_secret not in json.dumps(line)


def test_a_stack_with_an_empty_secret_is_silent(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    cloud.reset()
    empty = cloud.secret('{"signature_secret": "", "api_key": "", "application_id": ""}')
    invocation = start(SIGNING_SECRET_ID=empty, ANSWER_URL=URL)("heartbeat", {})
    (line,) = invocation.logs
    assert line["outcome"] == "silent"
    assert "signature_secret" in line["detail"]


def test_an_unreachable_address_is_silent(
    cloud: FakeAws, start: Callable[..., FunctionProcesses]
) -> None:
    cloud.reset()
    with served(lambda _event: {"statusCode": 200, "body": "[]"}) as address:
        closed = address
    (line,) = start(ANSWER_URL=f"{closed}/webhooks/answer")("heartbeat", {}).logs
    assert line["detail"] == "no response (ConnectionRefusedError)"
