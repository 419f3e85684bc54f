"""The WebSocket endpoint of the AI agent that the parameter `Agent` names.

Vonage connects to the agent, not this application, so nothing here opens a connection. An AgentCore
runtime gets a presigned URL. It is signed here, because boto3 would cost the caller its import.
"""

from __future__ import annotations

import os
import time
from urllib.parse import quote

from voicekit import ncco
from voicekit.aws_client import AwsCredentials, dns_suffix, signature
from voicekit.ncco.value_rules import LARGEST_WEBSOCKET_HEADERS, size_as_json
from voicekit.redaction import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from voicekit.call import Call

GONE = frozenset(("disconnected", "failed", "unanswered", "timeout", "rejected", "busy"))
"""The statuses of a leg whose agent or callee did not answer, or has disconnected."""

_SERVICE = "bedrock-agentcore"
_SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
# AWS allows up to 300. The URL needs to outlive the greeting only; an open socket is not closed.
_EXPIRES = 60


def endpoint(call: Call) -> dict[str, Any]:
    """Return the endpoint of the agent for `ncco.connect`.

    The first message that the agent gets has these headers: ``call``, ``conversation``, ``from``,
    ``to``, ``language``. If they have more than 512 bytes as JSON, the longest are left out.

    A ``wss`` agent gets the token that signs webhooks (`authorization`). An AgentCore runtime gets
    none: its URL is presigned, for 60 seconds, and the conversation is its session.

    Raises
    ------
    NccoError
        If there is no agent, or no URL that Vonage takes. The log line of the webhook then has the
        field ``agent`` with the value ``none``.
    """
    try:
        return _endpoint(call, os.environ)
    except ncco.NccoError as error:
        if call.context.log_fields is not None:
            call.context.log_fields.update(agent="none", agent_detail=redact(str(error)))
        raise


def server(agent: str) -> str:
    """Return the server of an agent, for `voicekit.dial_policy.DialPolicy`.

    It is the scheme, host and port of a URL; and the URL of an AgentCore runtime with its path,
    because all accounts share that host.
    """
    return _runtime_url(agent) if agent.startswith("arn:") else "/".join(agent.split("/", 3)[:3])


def _endpoint(call: Call, environment: Mapping[str, str]) -> dict[str, Any]:
    agent = call.settings.agent
    if not agent:
        raise ncco.NccoError("agent: missing; set the parameter Agent")
    if agent.startswith("arn:"):
        url = _presigned(agent, call.conversation_uuid or "", environment, call.context.now)
        return ncco.websocket(url, headers=_headers(call))
    authorization = ncco.authorization("vonage")
    return ncco.websocket(agent, headers=_headers(call), authorization=authorization)


def _headers(call: Call) -> dict[str, str]:
    values = {
        "call": call.uuid,
        "conversation": call.conversation_uuid,
        "from": call.from_,
        "to": call.to,
        "language": call.language,
    }
    # JSON allows lone surrogates, UTF-8 does not.
    headers = {
        name: text.encode(errors="replace").decode() for name, text in values.items() if text
    }
    while size_as_json(headers) > LARGEST_WEBSOCKET_HEADERS:
        del headers[max(headers, key=lambda name: size_as_json(headers[name]))]
    return headers


def _presigned(arn: str, session: str, environment: Mapping[str, str], now: float) -> str:
    """Return the URL of an AgentCore runtime with Signature Version 4 in its query.

    AWS Signature Version 4, "Authenticating Requests: Using Query Parameters"; and the
    bedrock-agentcore SDK: `generate_presigned_url`, which signs the host only.
    """
    try:
        credentials = AwsCredentials(
            environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        )
    except KeyError:
        raise ncco.NccoError("agent: no AWS credentials to presign the URL with") from None
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{timestamp[:8]}/{arn.split(':')[3]}/{_SERVICE}/aws4_request"
    parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": str(_EXPIRES),
        "X-Amz-SignedHeaders": "host",
        _SESSION: session,
    }
    if token := environment.get("AWS_SESSION_TOKEN"):
        parameters["X-Amz-Security-Token"] = token
    query = "&".join(f"{name}={_quoted(text)}" for name, text in sorted(parameters.items()))
    # The path is encoded a second time, as for every service but S3.
    path = quote(_path(arn), safe="/-_.~")
    signed = signature(
        f"GET\n{path}\n{query}\nhost:{_host(arn)}\n\nhost", b"", timestamp, scope, credentials
    )
    return f"{_runtime_url(arn)}?{query}&X-Amz-Signature={signed}"


def _runtime_url(arn: str) -> str:
    return f"wss://{_host(arn)}{_path(arn)}"


def _host(arn: str) -> str:
    region = arn.split(":")[3]
    return f"{_SERVICE}.{region}.{dns_suffix(region)}"


def _path(arn: str) -> str:
    return f"/runtimes/{_quoted(arn)}/ws"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
