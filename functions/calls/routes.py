"""The routes of the admin API: call a service, return JSON or problem details.

`make_handler` is the only place that turns exceptions into problem details. It writes one log line
for each request.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from calls import place_call, problems, validation
from records.timeline import build_timeline, event_as_json, timeline_as_json
from voicekit import agents
from voicekit import webhook as webhooks
from voicekit.dial_policy import check_source, policy_from
from voicekit.redaction import error_fields
from voicekit.webhook_fields import BadRequest, json_object
from vonage_client import NotFound, VonageRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from calls.idempotency import IdempotencyStore
    from calls.settings import AdminApiSettings
    from calls.switchboard_secret import SwitchboardSecret
    from records.event import CallEvent
    from records.reader import RecordReader
    from vonage_client import TokenSource, VoiceClient

log = logging.getLogger("voice")
log.setLevel(logging.INFO)  # some runtimes leave the root logger at WARNING

# Seconds between the attempts to hang up: a call placed less than two seconds ago cannot be ended
# yet (Vonage support article 10359615124380).
_NOT_READY = (0.5, 1.0, 1.5)
_PROBLEM = "application/problem+json"
# Lambda's limit for a response is 6 MB (Lambda quotas). A timeline has at least one event: one has
# at most 1.8 MB as written.
_MAX_TIMELINE = 5_500_000
_LARGEST_LEG = 1024  # bytes of a leg as written, without the values from its events


class Services(NamedTuple):
    """The services that the routes use."""

    settings: AdminApiSettings
    switchboard: SwitchboardSecret
    idempotency: IdempotencyStore
    records: RecordReader
    vonage: VoiceClient
    tokens: TokenSource
    sleep: Callable[[float], None]


class ApiResponse(NamedTuple):
    """A status, an optional JSON body, headers, and fields for the log line."""

    status: int
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012 - this default is never changed
    log_fields: dict[str, Any] = {}  # noqa: RUF012


def make_handler(
    services: Callable[[], Services],
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the Lambda handler.

    Parameters
    ----------
    services
        Returns what the routes use. It is called on every request, so an invalid setting produces
        a 503 response instead of an import error.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.monotonic()
        log_fields: dict[str, Any] = {"route": event.get("routeKey"), "outcome": "answered"}
        try:
            _require_signature(event)
            result = _to_gateway(_respond(event, services(), log_fields))
        except Exception as error:
            result = _to_gateway(_error_response(error, log_fields))
        status = log_fields["status"] = result["statusCode"]
        log_fields["ms"] = round((time.monotonic() - started) * 1000, 1)
        log_fields["version"] = getattr(context, "function_version", None)
        log.log(logging.ERROR if status >= 500 else logging.INFO, "api", extra=log_fields)
        return result

    return handle


def _require_signature(event: dict[str, Any]) -> None:
    """Raise UnsignedRequest without an IAM identity, in case a route loses its authorizer."""
    context = event.get("requestContext") or {}
    if not ((context.get("authorizer") or {}).get("iam") or {}).get("userArn"):
        raise problems.UnsignedRequest


def _respond(event: dict[str, Any], services: Services, log_fields: dict[str, Any]) -> ApiResponse:
    """Call the operation of the route that API Gateway matched."""
    request = _AdminRequest(services, event)
    operation = ROUTES.get(event.get("routeKey") or "")
    if operation is None:
        raise problems.RouteNotFound
    parameters = event.get("pathParameters") or {}
    if "uuid" in parameters:
        log_fields["leg"] = validation.call_uuid(parameters["uuid"])
    response = operation(request, **parameters)
    log_fields |= response.log_fields
    return response


def _error_response(error: Exception, log_fields: dict[str, Any]) -> ApiResponse:
    problem = problems.problem(error)
    log_fields["outcome"] = problem.code
    if problem.status >= 500:
        log_fields |= error_fields(error)
    return ApiResponse(problem.status, problem.body, {"content-type": _PROBLEM} | problem.headers)


def _to_gateway(response: ApiResponse) -> dict[str, Any]:
    headers = {"cache-control": "no-store"}
    body = ""
    if response.body is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(response.body, separators=(",", ":"))
    return {"statusCode": response.status, "headers": headers | response.headers, "body": body}


class _AdminRequest:
    """One request; each method is the operation of one route."""

    def __init__(self, services: Services, event: dict[str, Any]) -> None:
        self._services = services
        self._request = webhooks.read(event)
        headers = event.get("headers") or {}
        self._headers: dict[str, str] = {name.lower(): text for name, text in headers.items()}
        stack = services.settings.stack
        base_url = stack.public_base_url or _base_url(self._request, event)
        self._app = validation.AppAddress(base_url, stack.vonage_number)
        self._policy = policy_from(stack, base_url)._replace(
            foreign_nccos=services.settings.foreign_answer_urls,
            websocket_server=agents.server(stack.agent),
        )

    # Calls

    def place_call(self) -> ApiResponse:
        """Place a call at most once for each Idempotency-Key.

        It is never retried. A repeat with the same key and body gets the first response.
        """
        key = validation.idempotency_key(self._headers.get("idempotency-key"))
        body = self._body()
        placed = place_call.place(
            validation.dial_request(body, self._app),
            key,
            body,
            policy=self._policy,
            switchboard=self._services.switchboard,
            idempotency=self._services.idempotency,
            vonage=self._services.vonage,
            tokens=self._services.tokens,
        )
        return _placed_response(placed)

    def list_calls(self) -> ApiResponse:
        """List the calls at Vonage, which deletes calls after two days."""
        filters = validation.call_filters(self._query())
        found = self._services.vonage.list_calls(**filters)
        page = {name: found.get(name) for name in ("count", "page_size", "record_index")}
        calls = (found.get("_embedded") or {}).get("calls") or []
        return ApiResponse(200, page | {"calls": [_without_links(call) for call in calls]})

    def get_call(self, uuid: str) -> ApiResponse:
        """Return a call at Vonage, which deletes calls after two days."""
        return ApiResponse(200, _without_links(self._services.vonage.get_call(self._leg(uuid))))

    def change_call(self, uuid: str) -> ApiResponse:
        """Hang up, mute, unmute, earmuff, unearmuff or transfer a call.

        Hanging up a call whose end is stored succeeds. Vonage cannot end a call in its first two
        seconds, so this retries for up to three seconds.
        """
        body = self._body()
        action = validation.action(body)
        if action == "transfer":
            self._transfer(uuid, body)
        elif action == "hangup":
            self._hang_up(self._leg(uuid))
        else:
            getattr(self._services.vonage, action)(self._leg(uuid))
        return ApiResponse(204, log_fields={"action": action})

    def _transfer(self, uuid: str, body: dict[str, Any]) -> None:
        request = validation.transfer(body, self._app)
        place_call.check_policy(request, self._policy)
        callees = place_call.count_callees(request)
        if callees or place_call.uses_external_ncco(request, self._policy):
            self._services.switchboard.require_dialing()
        if callees:
            self._services.idempotency.count_calls(callees)
        leg = self._leg(uuid)
        if request.url is None:
            self._services.vonage.transfer_to_ncco(leg, request.ncco)
        else:
            self._services.vonage.transfer_to_url(leg, request.url)

    def _hang_up(self, uuid: str) -> None:
        """End a call: ignore one that has ended, and retry while one is too new to be ended.

        404 means that a call has ended only if Vonage has reported its end by this very UUID. Any
        other call may still be there: under another form of the UUID, or in another region.
        """
        for pause in (*_NOT_READY, None):
            try:
                return self._services.vonage.hang_up(uuid)
            except NotFound:
                if self._services.records.has_ended(uuid):
                    return None
                raise
            except VonageRefused as error:
                if error.status != 400 or error.invalid or pause is None:
                    raise
            self._services.sleep(pause)

    def _leg(self, uuid: str) -> str:
        """Return the UUID as Vonage wrote it, or unchanged if no event of the call can be read."""
        try:
            return self._services.records.vonage_uuid(uuid) or uuid
        except (BotoCoreError, ClientError):  # a call must be ended even if the table is down
            return uuid

    # Talk, stream and DTMF

    def start_talk(self, uuid: str) -> ApiResponse:
        """Speak a text to a call."""
        talk = validation.talk(self._body())
        return ApiResponse(200, self._services.vonage.start_talk(self._leg(uuid), talk))

    def stop_talk(self, uuid: str) -> ApiResponse:
        """Stop speaking."""
        return ApiResponse(200, self._services.vonage.stop_talk(self._leg(uuid)))

    def start_stream(self, uuid: str) -> ApiResponse:
        """Play audio into a call."""
        stream = validation.stream(self._body())
        return ApiResponse(200, self._services.vonage.start_stream(self._leg(uuid), stream))

    def stop_stream(self, uuid: str) -> ApiResponse:
        """Stop playing audio."""
        return ApiResponse(200, self._services.vonage.stop_stream(self._leg(uuid)))

    def send_dtmf(self, uuid: str) -> ApiResponse:
        """Send DTMF digits into a call."""
        digits = validation.digits(self._body())["digits"]
        return ApiResponse(200, self._services.vonage.send_dtmf(self._leg(uuid), digits))

    def subscribe_dtmf(self, uuid: str) -> ApiResponse:
        """Send each digit that a caller presses to a URL, or to the event webhook."""
        url = validation.dtmf_event_url(self._body(), self._app)
        check_source("event_url", url, self._policy)
        self._services.vonage.subscribe_dtmf(self._leg(uuid), url)
        return ApiResponse(204)

    def unsubscribe_dtmf(self, uuid: str) -> ApiResponse:
        """Stop sending digits."""
        self._services.vonage.unsubscribe_dtmf(self._leg(uuid))
        return ApiResponse(204)

    # Stored events and recordings

    def get_timeline(self, uuid: str) -> ApiResponse:
        """Return the legs and stored events of a call, and of the calls in its conversations.

        Pages follow the conversations of the call. Within a page, events are in order of time, and
        the legs summarize them.
        """
        cursor = validation.timeline(self._query())
        page: list[CallEvent] = []
        legs: set[str | None] = set()
        last: str | None = None
        size = 0
        for stored in self._services.records.events_of(uuid, cursor):
            event = stored.event
            # A leg repeats values of its events, each at most once.
            size += 2 * _written_size(event_as_json(event))
            size += 0 if event.leg in legs else _LARGEST_LEG
            if page and size > _MAX_TIMELINE:
                break
            legs.add(event.leg)
            page.append(event)
            last = stored.cursor
        else:
            last = None
        body = {
            **timeline_as_json(build_timeline(page)),
            "complete": cursor is None and last is None,
            "next": last,
        }
        return ApiResponse(200, body)

    def list_history(self) -> ApiResponse:
        """List the calls that started and completed on a day, oldest first."""
        day, size, cursor = validation.history(self._query())
        page = self._services.records.day(day, size, cursor)
        return ApiResponse(200, {"day": day, "entries": page.entries, "next": page.cursor})

    def list_voicemails(self) -> ApiResponse:
        """List the voicemails stored in a month.

        A page is in order of time. Pages are in no order: read all of them, and sort by `at`.
        """
        today = datetime.now(UTC).date()
        month, size, cursor = validation.voicemails(self._query(), today)
        page = self._services.records.voicemails(month, size, cursor)
        return ApiResponse(200, {"month": month, "voicemails": page.entries, "next": page.cursor})

    def get_recording(self, uuid: str) -> ApiResponse:
        """Return short-lived links to a recording and its transcript."""
        return ApiResponse(200, self._services.records.link_to(uuid))

    # The switchboard

    def get_switchboard(self) -> ApiResponse:
        """Return the switchboard and its previous version."""
        secret = self._services.switchboard
        previous = secret.previous()
        body = secret.describe(secret.current())
        return ApiResponse(
            200, body | {"previous": secret.describe(previous) if previous else None}
        )

    def put_switchboard(self) -> ApiResponse:
        """Replace the switchboard."""
        try:
            text = self._request.body.decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest("the body is not UTF-8") from None
        secret = self._services.switchboard
        stored = secret.put(text, self._headers.get("if-match"))
        return ApiResponse(200, secret.describe(stored), log_fields={"action": "switchboard"})

    # The request

    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = validation.with_whole_numbers(
            json_object(self._request.body or b"{}", "the body")
        )
        return body

    def _query(self) -> dict[str, str]:
        return validation.query(self._request.query)


ROUTES: dict[str, Callable[..., ApiResponse]] = {
    "POST /calls": _AdminRequest.place_call,
    "GET /calls": _AdminRequest.list_calls,
    "GET /calls/{uuid}": _AdminRequest.get_call,
    "PUT /calls/{uuid}": _AdminRequest.change_call,
    "PUT /calls/{uuid}/talk": _AdminRequest.start_talk,
    "DELETE /calls/{uuid}/talk": _AdminRequest.stop_talk,
    "PUT /calls/{uuid}/stream": _AdminRequest.start_stream,
    "DELETE /calls/{uuid}/stream": _AdminRequest.stop_stream,
    "PUT /calls/{uuid}/dtmf": _AdminRequest.send_dtmf,
    "PUT /calls/{uuid}/input/dtmf": _AdminRequest.subscribe_dtmf,
    "DELETE /calls/{uuid}/input/dtmf": _AdminRequest.unsubscribe_dtmf,
    "GET /calls/{uuid}/events": _AdminRequest.get_timeline,
    "GET /history": _AdminRequest.list_history,
    "GET /voicemails": _AdminRequest.list_voicemails,
    "GET /recordings/{uuid}": _AdminRequest.get_recording,
    "GET /switchboard": _AdminRequest.get_switchboard,
    "PUT /switchboard": _AdminRequest.put_switchboard,
}
"""The operation for each route key of API Gateway, which has matched the route already."""


def _base_url(request: webhooks.WebhookRequest, event: dict[str, Any]) -> str:
    """Return the URL of this API: the domain, and the part of the path before the route.

    A stage or a custom domain can put path segments before the route.
    """
    route_path = str(event.get("routeKey")).partition(" ")[2]
    prefix = request.path.rsplit("/", route_path.count("/"))[0] if route_path else ""
    return f"https://{request.host}{prefix}"


def _placed_response(placed: place_call.Placed) -> ApiResponse:
    """Return the response of POST /calls, with a header that marks a replay."""
    headers = {"idempotent-replayed": "true"} if placed.replayed else {}
    status, body = placed.response
    if status >= 400:
        headers["content-type"] = _PROBLEM
    outcome = "repeated" if placed.replayed else "placed"
    return ApiResponse(status, body, headers, {"outcome": outcome, "leg": body.get("uuid")})


def _without_links(call: dict[str, Any]) -> dict[str, Any]:
    """Return a call without its links, which are paths of the Voice API and not of this one."""
    return {name: value for name, value in call.items() if name != "_links"}


def _written_size(value: object) -> int:
    """Return the bytes that a part of a body takes in the response to Lambda.

    The body is JSON with only ASCII characters, and is written as a string in JSON once more.
    """
    text = json.dumps(value, separators=(",", ":"))
    return len(text) + text.count('"') + text.count("\\")
