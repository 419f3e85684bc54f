"""voicekit.agents: the endpoint of an AI agent, and the presigned URL of an AgentCore runtime."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlencode, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.flows.calls import CALLER, CONVERSATION, INBOUND, LEG, NOW, OURS, a_call
from voicekit import agents, ncco

BOT = "wss://bot.example.com/ws"
ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/voice_agent-a1B2c3D4e5"
HOST = "bedrock-agentcore.eu-west-1.amazonaws.com"
SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


def credentials(token: str | None = "a-token") -> dict[str, str]:
    made = {
        "AWS_ACCESS_KEY_ID": f"ASIA{secrets.token_hex(8).upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
    }
    return made if token is None else {**made, "AWS_SESSION_TOKEN": token}


def endpoint(
    agent: str, environment: dict[str, str] | None = None, fields: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the endpoint in a function with these environment variables."""
    call = a_call("agent", INBOUND | (fields or {}), AGENT=agent)
    with mock.patch.dict("os.environ", environment or {}, clear=True):
        return agents.endpoint(call)


def size(headers: dict[str, str]) -> int:
    return len(json.dumps(headers, ensure_ascii=False, separators=(",", ":")).encode())


# A server of one's own


def test_a_server_gets_the_token_of_webhooks_and_the_headers_of_the_call() -> None:
    assert endpoint(BOT) == {
        "type": "websocket",
        "uri": BOT,
        "content-type": "audio/l16;rate=16000",
        "headers": {
            "call": LEG,
            "conversation": CONVERSATION,
            "from": CALLER,
            "to": OURS,
            "language": "en-US",
        },
        "authorization": {"type": "vonage"},
    }


def test_headers_without_a_value_are_left_out() -> None:
    assert "from" not in endpoint(BOT, fields={"from": None})["headers"]


@pytest.mark.parametrize("text", ["x" * 600, "é" * 300, '"' * 260, "\ud800" * 600])
def test_the_longest_header_is_left_out_if_all_are_too_large(text: str) -> None:
    headers = endpoint(BOT, fields={"from": text})["headers"]
    assert set(headers) == {"call", "conversation", "to", "language"}


@given(caller=st.text(max_size=700), called=st.text(max_size=700))
def test_headers_always_fit_into_512_bytes(caller: str, called: str) -> None:
    made = endpoint(BOT, fields={"from": caller, "to": called})
    assert size(made["headers"]) <= 512
    assert {"call", "conversation", "language"} <= set(made["headers"])


@pytest.mark.parametrize("name", ["event", "content-type"])
def test_the_names_that_vonage_uses_in_its_first_message_are_refused(name: str) -> None:
    with pytest.raises(ncco.NccoError, match=f"headers.{name}: reserved"):
        ncco.websocket(BOT, headers={name: "x"})


# An AgentCore runtime


def presigned_by_botocore(url: str, environment: dict[str, str], region: str) -> dict[str, str]:
    """Return the query that the official SDK signs: the URL without what a signature adds."""
    parts = urlsplit(url)
    session = dict(parse_qsl(parts.query))[SESSION]
    request = botocore.awsrequest.AWSRequest(
        method="GET",
        url=f"https://{parts.netloc}{parts.path}?{urlencode({SESSION: session})}",
        headers={"host": parts.netloc},
    )
    keys = botocore.credentials.Credentials(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment.get("AWS_SESSION_TOKEN"),
    )
    now = datetime.fromtimestamp(NOW, UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        signer = botocore.auth.SigV4QueryAuth(keys, "bedrock-agentcore", region, expires=60)
        signer.add_auth(request)
    return dict(parse_qsl(urlsplit(request.url).query))


_visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E)


@given(
    key=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=32),
    secret=st.text(_visible, min_size=1, max_size=60),
    token=st.none() | st.text(_visible, min_size=1, max_size=900),
    region=st.sampled_from(["eu-west-1", "us-east-1", "ap-southeast-2"]),
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,47}-[A-Za-z0-9]{10}", fullmatch=True),
)
def test_the_presigned_url_is_that_of_botocore(
    key: str, secret: str, token: str | None, region: str, name: str
) -> None:
    environment = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    if token is not None:
        environment["AWS_SESSION_TOKEN"] = token
    arn = f"arn:aws:bedrock-agentcore:{region}:123456789012:runtime/{name}"
    url = endpoint(arn, environment)["uri"]
    assert dict(parse_qsl(urlsplit(url).query)) == presigned_by_botocore(url, environment, region)


def test_a_runtime_gets_a_presigned_url_and_no_second_credential() -> None:
    made = endpoint(ARN, credentials())
    url = urlsplit(made["uri"])
    query = dict(parse_qsl(url.query))
    path = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aeu-west-1%3A123456789012%3Aruntime%2F"
    assert (url.scheme, url.netloc) == ("wss", HOST)
    assert url.path == f"{path}voice_agent-a1B2c3D4e5/ws"
    assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == ("60", "host")
    assert query[SESSION] == CONVERSATION
    assert "authorization" not in made


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-gov-west-1", "bedrock-agentcore.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-agentcore.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_host_is_that_of_the_region_of_the_arn(region: str, host: str) -> None:
    arn = ARN.replace("eu-west-1", region)
    assert urlsplit(endpoint(arn, credentials())["uri"]).netloc == host
    assert urlsplit(agents.server(arn)).netloc == host


def test_a_token_of_a_usual_length_fits_into_the_url() -> None:
    made = endpoint(ARN, credentials("t" * 1200))
    assert len(made["uri"]) <= 2048


# Without an agent


@pytest.mark.parametrize(
    ("agent", "environment", "reason"),
    [
        ("", {}, "set the parameter Agent"),
        (ARN, {}, "no AWS credentials"),
        (ARN, credentials("t" * 2000), "at most 2048 characters"),
    ],
    ids=["no agent", "no credentials", "a long token"],
)
def test_an_endpoint_that_vonage_would_not_take_is_an_error(
    agent: str, environment: dict[str, str], reason: str
) -> None:
    with pytest.raises(ncco.NccoError, match=reason) as raised:
        endpoint(agent, environment)
    assert not [text for text in environment.values() if text in str(raised.value)]
