"""`local.sign`, `local.event`, and the sample requests that they sign."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest

from local.samples.lambda_event import event
from local.samples.signing import Sample, Signer, payload_hash, read_sample

ROOT = Path(__file__).parents[2]
SECRET = "s" * 32
SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a signature secret in its environment."""
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "VONAGE_SIGNATURE_SECRET": SECRET, "VONAGE_API_KEY": "abcd1234"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def claims(token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    return decoded


def test_there_is_a_sample_request_for_every_webhook() -> None:
    assert {
        *("answer", "answer-get", "dtmf", "dtmf-timeout", "asr", "asr-error", "notification"),
        *("event-started", "event-ringing", "event-answered", "event-completed", "event-busy"),
        *("event-machine", "event-transfer", "event-error", "recordings", "transcription"),
        "fallback",
    } == set(SAMPLES)


def test_a_token_has_vonages_claims() -> None:
    signer = Signer(SECRET, "abcd1234", "an-application")
    token = signer.token(Sample("POST", "/", "", b"{}"))
    found = claims(token)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert set(found) == {"iat", "jti", "iss", "payload_hash", "api_key", "application_id"}
    assert found["iss"] == "Vonage"
    assert found["payload_hash"] == hashlib.sha256(b"{}").hexdigest()


def test_on_get_the_hash_covers_the_parameters_as_compact_json_in_order() -> None:
    sample = Sample("GET", "/", "to=1&from=%C3%A9+x&empty=", b"")
    content = '{"to":"1","from":"é x","empty":""}'.encode()
    assert payload_hash(sample) == hashlib.sha256(content).hexdigest()


def test_on_get_nested_fields_become_json_text() -> None:
    sample = read_sample(ROOT / "events" / "dtmf.json", "GET")
    fields = dict(parse_qsl(sample.query, keep_blank_values=True))
    assert json.loads(fields["dtmf"]) == {"digits": "1", "timed_out": False}
    assert (fields["flow"], sample.body) == ("dtmf_menu", b"")


@pytest.mark.parametrize("name", ["dtmf", "answer-get"])
def test_sign_prints_a_signed_curl_command(name: str) -> None:
    finished = run("local.sign", name, "--url", "http://127.0.0.1:1/")
    words = shlex.split(finished.stdout)
    token = words[words.index("-H") + 1].removeprefix("Authorization: Bearer ")
    sample = read_sample(ROOT / "events" / f"{name}.json")
    assert claims(token)["payload_hash"] == payload_hash(sample)
    assert words[-1].startswith(f"http://127.0.0.1:1{sample.path}")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_event_of_every_sample_contains_the_signed_payload(name: str) -> None:
    sample = read_sample(ROOT / "events" / f"{name}.json")
    lambda_event = event(sample, "a token", 0.0)
    body = lambda_event.get("body", "").encode()
    method = lambda_event["requestContext"]["http"]["method"]
    assert Sample(method, lambda_event["rawPath"], lambda_event["rawQueryString"], body) == sample
    assert lambda_event["requestContext"]["time"] == "01/Jan/1970:00:00:00 +0000"


def test_event_prints_a_signed_event() -> None:
    lambda_event = json.loads(run("local.event", "dtmf").stdout)
    token = lambda_event["headers"]["authorization"].removeprefix("Bearer ")
    assert (
        claims(token)["payload_hash"] == hashlib.sha256(lambda_event["body"].encode()).hexdigest()
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing"], "there is no sample request"),
        ([], "pass the name of one sample request"),
        (["answer", "--file", "events/dtmf.json"], "pass the name of one sample request"),
        (["--file", "pyproject.toml"], "invalid sample request"),
    ],
)
def test_an_invalid_argument_is_an_error_without_a_traceback(
    arguments: list[str], text: str
) -> None:
    finished = run("local.event", *arguments)
    assert finished.returncode
    assert text in finished.stderr
    assert "Traceback" not in finished.stderr
