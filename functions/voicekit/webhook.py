"""The Lambda handler of a webhook: verify, run, log, and turn every error into a status code.

`handler` makes a Lambda handler from a function that responds to a verified webhook. Only this
module maps errors to status codes, chosen by what Vonage does with each. Vonage retries on 429, 503
and 504. On any other error it requests the fallback URL, and if that fails too, it ends the call.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
import time
from urllib.parse import urlencode

from voicekit import signature
from voicekit.e164 import masked
from voicekit.named_tuple import NamedTuple
from voicekit.redaction import error_fields, redact
from voicekit.settings import SettingsError
from voicekit.signing_secrets import SecretUnavailable
from voicekit.webhook_fields import BadRequest, is_vonage_field, parse_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from voicekit.settings import StackSettings
    from voicekit.signing_secrets import SigningSecretCache

MAX_BODY = 256 * 1024  # bytes; Vonage's webhooks have one or two thousand
_RESERVE = 0.3  # seconds of Lambda's timeout reserved for the response itself
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_IDENTIFIER = re.compile(r"(?:CON-)?[0-9A-Fa-f-]{32,36}")


class BodyTooLarge(Exception):
    """The body is larger than 256 KiB."""


class RetryLater(Exception):
    """A transient failure on our side: Vonage should send the webhook again."""


class WebhookRequest(NamedTuple):
    """The HTTP request of a webhook, not verified."""

    method: str
    path: str
    query: str
    authorization: str | None
    body: bytes
    host: str
    received_at: float

    @property
    def text(self) -> str:
        """What Vonage sent, unchanged: the query string of a GET request, otherwise the body."""
        return self.query if self.method == "GET" else self.body.decode("utf-8", "surrogatepass")


class Webhook(NamedTuple):
    """A webhook with a valid token: Vonage's fields, and the parameters of our own URL.

    ``signed_by`` is the fingerprint of the secret that signed the token. ``verified`` is whether
    the token covers the fields, False only for a tolerated GET request.
    """

    request: WebhookRequest
    fields: dict[str, Any]
    state: dict[str, str]
    base_url: str
    deadline: float
    signed_by: str = ""
    verified: bool = True

    def with_fields(self, fields: dict[str, Any]) -> Webhook:
        """Return the webhook with other values of its fields.

        The body, or on GET the query string, is built from them. So whatever is derived from
        it, such as a digest, reveals nothing of the values before.
        """
        request = self.request
        if request.method != "GET":
            request = request._replace(body=json.dumps(fields, separators=(",", ":")).encode())
            return self._replace(request=request, fields=fields)
        changed = {
            name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            for name, value in fields.items()
            if value != self.fields[name]
        }
        pairs = [
            (name, changed.get(name, value)) for name, value in signature.parameters(request.query)
        ]
        return self._replace(request=request._replace(query=urlencode(pairs)), fields=fields)

    def time_left(self, at_most: float) -> float:
        """Return the seconds left until the deadline, limited to ``at_most``."""
        return max(0.0, min(at_most, self.deadline - time.monotonic()))


class WebhookResponse(NamedTuple):
    """The response to a webhook: its status, its JSON body if any, and what to log.

    ``emitted`` are the events of the flow that made the response.
    """

    status: int
    body: object = None
    outcome: str = "answered"
    log_fields: dict[str, Any] = {}  # noqa: RUF012 - a tuple's default, never modified
    emitted: tuple[dict[str, Any], ...] = ()


def handler(
    respond: Callable[[Webhook], WebhookResponse],
    settings: Callable[[], StackSettings],
    secrets: Callable[[], SigningSecretCache],
    *,
    tolerates_get_hash: bool = False,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the Lambda handler of a webhook.

    Parameters
    ----------
    respond
        Responds to a verified webhook; may raise BadRequest and RetryLater.
    settings, secrets
        Return the settings and the signature secrets. Both are called on every request, so an
        invalid setting produces a 503 response instead of an import error.
    tolerates_get_hash
        Whether a GET request with a wrong payload hash is logged and accepted as not verified,
        unless the settings enforce the hash. Only for a webhook without side effects.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.monotonic()
        deadline = started + context.get_remaining_time_in_millis() / 1000 - _RESERVE
        log_fields: dict[str, Any] = {}
        try:
            log_fields["route"] = (event.get("rawPath") or "").rpartition("/")[2]
            request = read(event)
            config = settings()
            own, state = _own_parameters(request)
            verified, signed_by = _verify(request, own, config, secrets(), deadline)
            if not verified:
                log_fields["get_hash"] = "differs"
                if config.enforce_answer_get_hash or not tolerates_get_hash:
                    raise signature.InvalidSignature("payload_hash does not match the query string")
            sent = request.query if request.method == "GET" else request.body
            fields = parse_fields(request.method, sent, own)
            log_fields |= _call_fields(fields)
            base_url = config.public_base_url or _base_url(request)
            if time.monotonic() >= deadline:
                raise RetryLater("no time left")
            response = respond(
                Webhook(request, fields, state, base_url, deadline, signed_by, verified)
            )
            result = _to_gateway(response)
        except Exception as error:
            response = _error_response(error)
            result = _to_gateway(response)
        _log(response, log_fields, context, started)
        return result

    return handle


def read(event: dict[str, Any]) -> WebhookRequest:
    """Parse an API Gateway event (payload format 2.0).

    Raises
    ------
    BodyTooLarge
        If the body is larger than 256 KiB.
    BadRequest
        If the event declares a base64 body that is not base64.
    """
    context = event.get("requestContext") or {}
    http = context.get("http") or {}
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return WebhookRequest(
        method=str(http.get("method", "")).upper(),
        path=event.get("rawPath") or "",
        query=event.get("rawQueryString") or "",
        authorization=headers.get("authorization"),
        body=_body(event),
        host=context.get("domainName") or "",
        received_at=time.time(),
    )


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    if len(text) > MAX_BODY * 4 // 3 + 4:
        raise BodyTooLarge
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("the body is not base64") from None
    else:
        body = text.encode("utf-8", "surrogatepass")
    if len(body) > MAX_BODY:
        raise BodyTooLarge
    return body


def _own_parameters(request: WebhookRequest) -> tuple[frozenset[str], dict[str, str]]:
    """Return the names and values of the query parameters that our own URL had."""
    try:
        pairs = signature.parameters(request.query)
    except ValueError:
        return frozenset(), {}
    state = {
        name: value for name, value in pairs if request.method != "GET" or not is_vonage_field(name)
    }
    return frozenset(state), state


def _verify(
    request: WebhookRequest,
    own: frozenset[str],
    config: StackSettings,
    cache: SigningSecretCache,
    deadline: float,
) -> tuple[bool, str]:
    """Return whether the payload hash matches, and the fingerprint of the secret that signed."""
    signed = signature.SignedParts(request.method, request.query, request.body, own)

    def check(secrets: signature.SigningSecrets) -> tuple[bool, str]:
        for secret in secrets.secrets:
            one = signature.SigningSecrets((secret,), secrets.api_key, secrets.application_id)
            try:
                hash_matches = signature.verify(
                    request.authorization,
                    signed,
                    one,
                    now=request.received_at,
                    max_age=config.signature_max_age,
                )
            except signature.UnknownKey:
                continue
            return hash_matches, signature.fingerprint(secret)
        raise signature.UnknownKey("no secret made this signature")

    if request.authorization is None:
        raise signature.MissingSignature("no Authorization header")
    left = max(0.0, deadline - time.monotonic())
    try:
        return check(cache.get(left))
    except signature.UnknownKey:
        # The secret may have been rotated since we fetched it.
        newer = cache.refresh(left)
        if newer is None:
            raise
        return check(newer)


def _base_url(request: WebhookRequest) -> str:
    """Return our own address: the gateway's domain, and the path before the route."""
    return f"https://{request.host}{request.path.partition('/webhooks/')[0]}"


def _call_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the log fields that identify the call, with its numbers masked."""
    leg = fields.get("uuid") or fields.get("call_uuid")
    conversation = fields.get("conversation_uuid") or fields.get("conversation_uuid_to")
    return {
        "conversation": _identifier(conversation),
        "leg": _identifier(leg),
        "from": masked(fields.get("from")),
        "to": masked(fields.get("to")),
    }


def _identifier(value: object) -> str | None:
    """Return an identifier, and None for anything else, which must not be logged."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        return None
    return value


def _error_response(error: Exception) -> WebhookResponse:
    if isinstance(error, BodyTooLarge):
        return WebhookResponse(413, outcome="too_large")
    if isinstance(error, BadRequest):
        body = {"title": "Bad Request", "detail": str(error)}
        return WebhookResponse(400, body, "invalid", {"detail": redact(str(error))})
    if isinstance(error, signature.MissingSignature):
        return WebhookResponse(503, outcome="unsigned")
    if isinstance(error, signature.InvalidSignature):
        return WebhookResponse(401, outcome="rejected", log_fields={"detail": redact(str(error))})
    if isinstance(error, RetryLater | SecretUnavailable | SettingsError):
        return WebhookResponse(503, outcome="transient", log_fields={"detail": redact(str(error))})
    return WebhookResponse(503, outcome="error", log_fields=error_fields(error))


# The log level of an outcome; INFO for every other one.
_LEVELS = {
    "apology": "ERROR",
    "error": "ERROR",
    "transient": "ERROR",
    "overflowed": "WARNING",
    "not_stored": "ERROR",
    "rejected": "WARNING",
    "unsigned": "WARNING",
    "invalid": "WARNING",
    "too_large": "WARNING",
}


def _log(
    response: WebhookResponse, log_fields: dict[str, Any], context: Any, started: float
) -> None:
    """Write the one log line of a webhook, in Lambda's JSON format.

    The module logging would take twice as long, while a caller waits.
    """
    line = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": _LEVELS.get(response.outcome, "INFO"),
        "message": "webhook",
        "logger": "voice",
        "requestId": context.aws_request_id,
        "outcome": response.outcome,
        "status": response.status,
        **log_fields,
        **response.log_fields,
        "ms": round((time.monotonic() - started) * 1000, 1),
        "version": context.function_version,
    }
    text = json.dumps({name: value for name, value in line.items() if value is not None})
    sys.stdout.write(f"{text}\n")


def _to_gateway(response: WebhookResponse) -> dict[str, Any]:
    headers = {"cache-control": "no-store"}
    if response.status == 503:
        headers["retry-after"] = "1"
    if response.body is None:
        return {"statusCode": response.status, "headers": headers, "body": ""}
    headers["content-type"] = "application/json"
    return {"statusCode": response.status, "headers": headers, "body": _encode(response.body)}
