"""A webhook from request to reply: what API Gateway gave, what Vonage sent, and the one boundary.

`handler` makes a Lambda handler of a function that answers a verified webhook. It is the only place
where anything that goes wrong becomes a status code; each is chosen for what Vonage does with it:
it fetches again on 429, 503 and 504, goes to the fallback URL on any other error, and ends the
call when that fails too.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import logging
import re
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from voicekit import signature
from voicekit.e164 import masked
from voicekit.settings import SettingsError
from voicekit.signing_secrets import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from voicekit.settings import StackSettings
    from voicekit.signing_secrets import SigningSecretCache

MAX_BODY = 256 * 1024  # bytes; Vonage's webhooks have one or two thousand
MAX_DEPTH = 32  # levels of nesting; Vonage's webhooks have three
_SPARE = 0.3  # seconds kept back from Lambda's timeout for the reply itself

# Every name that Vonage gives to a field of a webhook (Vonage Webhook reference). On GET they stand
# in the query string beside the parameters of our own URL.
VONAGE_FIELDS = frozenset(
    [
        "to",
        "from",
        "from_user",
        "endpoint_type",
        "uuid",
        "conversation_uuid",
        "conversation_uuid_from",
        "conversation_uuid_to",
        "region_url",
        "custom_data",
        "reason",
        "original_request",
        "headers",
        "status",
        "direction",
        "timestamp",
        "start_time",
        "end_time",
        "rate",
        "price",
        "duration",
        "network",
        "detail",
        "sip_code",
        "sub_state",
        "call_uuid",
        "disconnected_by",
        "client_ref",
        "client_reference",
        "recording_url",
        "recording_uuid",
        "size",
        "type",
        "transcription_url",
        "speech",
        "dtmf",
        "payload",
        "timed_out",
        "machine_detection",
    ]
)
_VONAGE_PREFIX = "SipHeader_"
_NESTED_FIELDS = ("speech", "dtmf", "payload", "custom_data", "original_request", "headers")

log = logging.getLogger("voice")
log.setLevel(logging.INFO)  # some runtimes leave the root logger at WARNING


class BadRequest(Exception):
    """The request is not what its kind of webhook must be; the text says what is wrong."""


class BodyTooLarge(Exception):
    """The body is larger than 256 KiB."""


class RetryLater(Exception):
    """Something of ours failed that may pass: Vonage shall send the webhook again."""


class WebhookRequest(NamedTuple):
    """A webhook as it came."""

    method: str
    path: str
    query: str
    authorization: str | None
    body: bytes
    host: str
    received_at: float

    @property
    def text(self) -> str:
        """What Vonage sent, as it came: the query string of a GET request, else the body."""
        return self.query if self.method == "GET" else self.body.decode("utf-8", "surrogatepass")


class Webhook(NamedTuple):
    """A verified webhook: what Vonage sent, and the parameters of our own URL.

    ``signed_by`` is the fingerprint of the secret that made its signature.
    """

    request: WebhookRequest
    fields: dict[str, Any]
    state: dict[str, str]
    base_url: str
    deadline: float
    signed_by: str = ""

    def time_left(self, at_most: float) -> float:
        """Give the seconds left for a piece of work, but never more than ``at_most``."""
        return max(0.0, min(at_most, self.deadline - time.monotonic()))


class WebhookResponse(NamedTuple):
    """What goes back: a status, a JSON body where there is one, and what its log line says."""

    status: int
    body: object = None
    outcome: str = "answered"
    log_fields: dict[str, Any] = {}  # noqa: RUF012 - a tuple's default, which nobody changes


def handler(
    respond: Callable[[Webhook], WebhookResponse],
    settings: Callable[[], StackSettings],
    secrets: Callable[[], SigningSecretCache],
    *,
    tolerates_get_hash: bool = False,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the Lambda handler of one webhook.

    Parameters
    ----------
    respond
        Answers a verified webhook; may raise BadRequest and TryAgain.
    settings, secrets
        Give the settings and the signature secrets; asked at each request, so that a fault in
        them is answered and not raised while the function starts.
    tolerates_get_hash
        Whether a payload hash that does not fit a GET request is logged and let through, where the
        settings do not enforce it. Only for a webhook with no side effect.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.monotonic()
        deadline = started + context.get_remaining_time_in_millis() / 1000 - _SPARE
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
                    raise signature.InvalidSignature("payload_hash does not fit the query string")
            sent = request.query if request.method == "GET" else request.body
            fields = parse_fields(request.method, sent, own)
            log_fields |= _call_fields(fields)
            base_url = config.public_base_url or _base_url(request)
            if time.monotonic() >= deadline:
                raise RetryLater("no time was left")
            reply = respond(Webhook(request, fields, state, base_url, deadline, signed_by))
            answer = _to_gateway(reply)
        except Exception as error:
            reply = _refusal(error)
            answer = _to_gateway(reply)
        _write(reply, log_fields, context, started)
        return answer

    return handle


def read(event: dict[str, Any]) -> WebhookRequest:
    """Read API Gateway's event (payload format 2.0).

    Raises
    ------
    TooLarge
        If the body has more than 256 KiB.
    BadRequest
        If the body is said to be base64 and is not.
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


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Read a JSON object that came from outside.

    Raises
    ------
    BadRequest
        If it is not UTF-8, not JSON (NaN and Infinity are not), no object, or nested deeper than
        32 levels.
    """
    try:
        value = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadRequest(f"{what} is not a JSON object")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    raise BadRequest(f"{what} is nested deeper than {MAX_DEPTH} levels")


def parse_fields(method: str, sent: bytes | str, own: Collection[str]) -> dict[str, Any]:
    """Read what Vonage sent: the body, or on GET the query string without our own parameters.

    Raises
    ------
    BadRequest
        If it cannot be read.
    """
    if method != "GET":
        return json_object(sent, "the body")
    try:
        pairs = signature.parameters(sent if isinstance(sent, str) else sent.decode())
    except ValueError:
        raise BadRequest("the query string has too many parameters") from None
    fields: dict[str, Any] = {name: value for name, value in pairs if name not in own}
    for name in _NESTED_FIELDS:
        if fields.get(name, "")[:1] == "{":
            fields[name] = json_object(fields[name], name)
    return fields


def error_fields(error: BaseException) -> dict[str, Any]:
    """Say of an exception what a log may hold: its type, its places, and its text without numbers
    and without what it quotes, since that is often what a caller said or pressed.

    Its places are the latest five, and where none of these is in a flow, the latest one that is.
    """
    places = []
    in_flow = None  # the latest
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_filename.startswith("<frozen "):  # Python's own import
            continue
        places.append(f"{'/'.join(code.co_filename.split('/')[-2:])}:{line} {code.co_name}")
        if str(frame.f_globals.get("__name__")).startswith("flows."):
            in_flow = places[-1]
    shown = places[-5:]
    if in_flow is not None and in_flow not in shown:
        shown = [in_flow, *shown]
    return {
        "error": type(error).__name__,
        "detail": redact(_naming(error))[:300],
        "at": shown,
    }


def _naming(error: BaseException) -> str:
    """Give an exception's text, without the quotes around names that its code has."""
    text = str(error)
    if not isinstance(error, TypeError | AttributeError | NameError | ImportError):
        return text
    names: set[str] = set()
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names.update(frame.f_code.co_names, frame.f_code.co_varnames)
        for constant in frame.f_code.co_consts:  # names of arguments are tuples among them
            if isinstance(constant, tuple):
                names.update(one for one in constant if isinstance(one, str))
    text = re.sub(r"'(\w+)'", lambda it: it[1] if it[1] in names else it[0], text)
    return re.sub(r"(?<=Did you mean )'(\w+)'", r"\1", text)


def redact(text: str) -> str:
    """Hide from a log what is quoted, and what may be a number, a PIN, a token or an identifier.

    Half of a surrogate pair goes too: Lambda's runtime cannot write it, and the call would fail.
    """
    text = text.encode("utf-8", "replace").decode()
    text = re.sub(r"""(["']).*\1""", "…", text, flags=re.DOTALL)
    text = re.sub(r"\d(?:[\s().-]{0,2}\d){3,}", "…", text)
    return re.sub(r"[A-Za-z0-9_+/=.-]{32,}", "…", text)


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
    """Give the names and values of the parameters that the URL carried before Vonage used it."""
    try:
        pairs = signature.parameters(request.query)
    except ValueError:
        return frozenset(), {}
    state = {
        name: value for name, value in pairs if request.method != "GET" or not is_vonage_field(name)
    }
    return frozenset(state), state


def is_vonage_field(name: str) -> bool:
    """Say whether Vonage itself gives this name to a field of a webhook."""
    return name in VONAGE_FIELDS or name.startswith(_VONAGE_PREFIX)


def _verify(
    request: WebhookRequest,
    own: frozenset[str],
    config: StackSettings,
    store: SigningSecretCache,
    deadline: float,
) -> tuple[bool, str]:
    """Say whether the payload hash fits, and which secret made the signature."""
    signed = signature.SignedParts(request.method, request.query, request.body, own)

    def check(secrets: signature.SigningSecrets) -> tuple[bool, str]:
        for secret in secrets.secrets:
            with contextlib.suppress(signature.UnknownKey):
                fits = signature.verify(
                    request.authorization,
                    signed,
                    secrets._replace(secrets=(secret,)),
                    now=time.time(),
                    max_age=config.signature_max_age,
                )
                return fits, signature.fingerprint(secret)
        raise signature.UnknownKey("no secret made this signature")

    if request.authorization is None:
        raise signature.MissingSignature("no Authorization header")
    left = max(0.0, deadline - time.monotonic())
    try:
        return check(store.get(left))
    except signature.UnknownKey:
        # The secret may have been rotated since we fetched it.
        newer = store.refresh(left)
        if newer is None:
            raise
        return check(newer)


def _base_url(request: WebhookRequest) -> str:
    """Give our own address: the gateway's domain and what stands before the route in the path."""
    return f"https://{request.host}{request.path.partition('/webhooks/')[0]}"


def _call_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Say whose webhook it is, in the form in which logs may hold it."""
    leg = fields.get("uuid") or fields.get("call_uuid")
    conversation = fields.get("conversation_uuid") or fields.get("conversation_uuid_to")
    return {
        "conversation": _identifier(conversation),
        "leg": _identifier(leg),
        "from": masked(fields.get("from")),
        "to": masked(fields.get("to")),
    }


def _identifier(value: object) -> str | None:
    """Give an identifier as it is, unless it is something else that must not be logged."""
    if not isinstance(value, str) or not re.fullmatch(r"(?:CON-)?[0-9A-Fa-f-]{32,36}", value):
        return None
    return value


def _reject_constant(name: str) -> None:
    raise ValueError(name)


def _refusal(error: Exception) -> WebhookResponse:
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


# How loudly each outcome is said; every other one is a matter of course.
_LEVELS = {
    "apology": logging.ERROR,
    "error": logging.ERROR,
    "transient": logging.ERROR,
    "overflowed": logging.WARNING,
    "not_stored": logging.ERROR,
    "rejected": logging.WARNING,
    "unsigned": logging.WARNING,
    "invalid": logging.WARNING,
    "too_large": logging.WARNING,
}


def _write(
    reply: WebhookResponse, log_fields: dict[str, Any], context: Any, started: float
) -> None:
    """Write the one log line of a webhook."""
    log.log(
        _LEVELS.get(reply.outcome, logging.INFO),
        "webhook",
        extra={
            "outcome": reply.outcome,
            "status": reply.status,
            **log_fields,
            **reply.log_fields,
            "ms": round((time.monotonic() - started) * 1000, 1),
            "version": getattr(context, "function_version", None),
        },
    )


def _to_gateway(reply: WebhookResponse) -> dict[str, Any]:
    headers = {"cache-control": "no-store"}
    if reply.status == 503:
        headers["retry-after"] = "1"
    if reply.body is None:
        return {"statusCode": reply.status, "headers": headers, "body": ""}
    headers["content-type"] = "application/json"
    body = json.dumps(reply.body, separators=(",", ":"), allow_nan=False)
    return {"statusCode": reply.status, "headers": headers, "body": body}
