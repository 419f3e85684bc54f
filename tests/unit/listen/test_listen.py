"""The link in a mail: the real thing redirects to the recording, and everything else is 404."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from tests.support import signing
from tests.support.function_process import FunctionProcesses
from tests.support.gateway_events import http_event
from tests.support.publish_stack import PublishStack
from voicekit.signed_token import make_token

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = Path(boto3.__file__).parents[1]
KEY = f"recordings/CON-1/{uuid.uuid4()}"
NOT_FOUND = "This link is not valid, or no longer."


@pytest.fixture(scope="module")
def stack() -> Iterator[PublishStack]:
    with PublishStack(signing.account()) as started:
        for key in (KEY, KEY.replace("recordings", "transcripts")):
            started.store_object(key, b"the caller's voice")
        yield started


@pytest.fixture(scope="module")
def functions(stack: PublishStack) -> Iterator[FunctionProcesses]:
    with FunctionProcesses(stack.environment(), PACKAGES) as started:
        yield started


def secret_of(stack: PublishStack) -> str:
    return str(json.loads(stack.account.secret_string())["signature_secret"])


def token(stack: PublishStack, **changes: Any) -> str:
    """Return the token of a mail, with changes of its arguments."""
    arguments: dict[str, Any] = {
        "secret": secret_of(stack),
        "purpose": "listen",
        "subject": KEY,
        "data": {},
        "expires_at": int(time.time()) + 60,
    }
    return make_token(**arguments | changes)


def listen(functions: FunctionProcesses, text: str) -> dict[str, Any]:
    """Follow a link, and return the response."""
    event = http_event("GET", f"/listen/{text}") | {"pathParameters": {"token": text}}
    done = functions("listen", event)
    assert done.raised is None
    assert text not in json.dumps(done.logs)
    reply: dict[str, Any] = done.reply
    assert reply["headers"]["Cache-Control"] == "no-store"
    assert reply["headers"]["Referrer-Policy"] == "no-referrer"
    return reply


def test_a_link_redirects_to_the_recording_for_five_minutes(
    stack: PublishStack, functions: FunctionProcesses
) -> None:
    reply = listen(functions, token(stack))
    assert reply["statusCode"] == 302
    link = urlsplit(reply["headers"]["Location"])
    query = parse_qs(link.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert link.path.endswith(f"/{KEY}")
    connection = http.client.HTTPConnection(link.netloc, timeout=10)
    connection.request("GET", f"{link.path}?{link.query}")
    assert connection.getresponse().read() == b"the caller's voice"
    connection.close()


LIES: dict[str, dict[str, Any]] = {
    "expired": {"expires_at": int(time.time()) - 1},
    "for a call's state": {"purpose": "state"},
    "signed by somebody else": {"secret": "x" * 32},
    "a transcript": {"subject": KEY.replace("recordings", "transcripts")},
    "another folder": {"subject": f"recordings/../{KEY}x"},
    "a prefix only": {"subject": "recordings"},
    "a conversation": {"subject": "CON-1"},
    "nothing": {"subject": ""},
    "a deleted recording": {"subject": "recordings/CON-1/gone"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_every_other_token_is_not_found(
    stack: PublishStack, functions: FunctionProcesses, lie: dict[str, Any]
) -> None:
    reply = listen(functions, token(stack, **lie))
    assert (reply["statusCode"], reply["body"]) == (404, NOT_FOUND)
    assert "Location" not in reply["headers"]


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "%2e%2e", "a" * 9000, "ü.ü.ü", "null"])
def test_what_is_no_token_is_not_found(functions: FunctionProcesses, text: str) -> None:
    assert listen(functions, text)["statusCode"] == 404


def test_every_changed_character_is_not_found(
    stack: PublishStack, functions: FunctionProcesses
) -> None:
    real = token(stack)
    for position in range(0, len(real), 7):
        other = "A" if real[position] != "A" else "B"
        text = real[:position] + other + real[position + 1 :]
        assert listen(functions, text)["statusCode"] == 404, position


def test_a_recording_that_may_not_be_read_is_not_found(
    stack: PublishStack, functions: FunctionProcesses
) -> None:
    """Without ListBucket, S3 answers 403 for a missing object."""
    stack.aws.faults["HeadObject"] = "refuse"
    assert listen(functions, token(stack))["statusCode"] == 404
    stack.aws.reset()


@pytest.mark.parametrize("field", ["previous_signature_secret", "retired_signature_secret"])
def test_a_link_lives_through_one_rotation_of_the_secret(stack: PublishStack, field: str) -> None:
    fields = json.loads(stack.account.secret_string())
    name = f"signing-{uuid.uuid4()}"
    rotated = fields | {
        "signature_secret": uuid.uuid4().hex,
        field: fields["signature_secret"],
    }
    create = stack.clients["secretsmanager"].create_secret
    create(Name=name, SecretString=json.dumps(rotated))
    with FunctionProcesses(stack.environment(SIGNING_SECRET_ID=name), PACKAGES) as functions:
        assert listen(functions, token(stack))["statusCode"] == 302


def test_a_failure_of_aws_is_an_error_and_not_a_lie(
    stack: PublishStack, functions: FunctionProcesses
) -> None:
    stack.aws.faults["HeadObject"] = "error"
    text = token(stack)
    event = http_event("GET", f"/listen/{text}") | {"pathParameters": {"token": text}}
    assert functions("listen", event).raised is not None
    stack.aws.reset()


def test_a_link_of_a_new_secret_works_before_the_old_copy_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from listen import app
    from voicekit.signing_secrets import SigningSecretCache

    accounts = [signing.account(), signing.account()]

    class SecretsManager:
        def get_secret_value(self, secret_id: str, *, within: float) -> str:
            return str(accounts[0].secret_string())

    now = time.time()
    clock = [now]
    cache = SigningSecretCache(SecretsManager(), "id", lambda: clock[0])  # type: ignore[arg-type]
    monkeypatch.setattr(app, "_secrets", lambda: cache)
    cache.get(1.0)
    accounts.reverse()
    secret = json.loads(accounts[0].secret_string())["signature_secret"]
    text = make_token(secret, "listen", KEY, {}, int(now) + 600)
    assert app._key(text) is None  # the copy was read within the last minute
    clock[0] += 61
    assert app._key(text) == KEY
