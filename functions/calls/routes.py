"""The routes of the owner's API: what each asks of the rooms below, and what it answers.

One boundary, `serving`, turns whatever goes wrong into problem details, and writes one log line.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from calls import place_call, problems, validation
from records.timeline import build_timeline
from voicekit import webhook as webhooks
from voicekit.dial_policy import check_source, policy_from
from vonage_client import NotFound, VonageRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from calls.idempotency import IdempotencyStore
    from calls.settings import AdminApiSettings
    from calls.switchboard_secret import SwitchboardSecret
    from records.event import CallEvent
    from records.reader import RecordReader
    from records.timeline import LegSummary
    from vonage_client import TokenSource, VoiceClient

log = logging.getLogger("voice")
log.setLevel(logging.INFO)  # some runtimes leave the root logger at WARNING

# Seconds before hanging up is tried again: a call placed less than two seconds ago cannot be ended
# yet (Vonage support article 10359615124380).
_NOT_READY = (0.5, 1.0, 1.5)
_PREFIX = re.compile("^/.+?(?=/(?:calls|history|recordings|switchboard)(?:/|$))")
_PROBLEM = "application/problem+json"


class Services(NamedTuple):
    """What the routes work with."""

    options: AdminApiSettings
    board: SwitchboardSecret
    claims: IdempotencyStore
    archive: RecordReader
    vonage: VoiceClient
    tokens: TokenSource
    sleep: Callable[[float], None]


class ApiResponse(NamedTuple):
    """What goes back: a status, a JSON body where there is one, and what the log line says."""

    status: int
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012 - a tuple's default, which nobody changes
    log_fields: dict[str, Any] = {}  # noqa: RUF012


def make_handler(desk: Callable[[], Services]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the Lambda handler.

    Parameters
    ----------
    desk
        Gives what the routes work with; asked at each request, so that a fault in the settings is
        answered and not raised while the function starts.
    """
    resolver = _resolver()

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.monotonic()
        log_fields: dict[str, Any] = {"route": event.get("routeKey"), "outcome": "answered"}
        try:
            _needs_signature(event)
            one = _AdminRequest(desk(), webhooks.read(event), functools.partial(_header, event))
            resolver.context |= {"one": one, "log_fields": log_fields}
            answer: dict[str, Any] = resolver.resolve(event, context)
        except Exception as error:
            answer = _to_gateway(_refusal(error, log_fields))
        log_fields["status"] = answer["statusCode"]
        log_fields["ms"] = round((time.monotonic() - started) * 1000, 1)
        log_fields["version"] = getattr(context, "function_version", None)
        log.log(
            logging.ERROR if log_fields["status"] >= 500 else logging.INFO, "api", extra=log_fields
        )
        return answer

    return handle


def _resolver() -> APIGatewayHttpResolver:
    """Make the routes."""
    # A custom domain may serve this API below a path of its own.
    resolver = APIGatewayHttpResolver(strip_prefixes=[_PREFIX])

    def answering(method: str, path: str, answer: Callable[..., ApiResponse]) -> None:
        @resolver.route(path, method)
        def respond(**parameters: str) -> Response[str]:
            log_fields = resolver.context["log_fields"]
            if "uuid" in parameters:
                log_fields["leg"] = validation.call_uuid(parameters["uuid"])
            reply = answer(resolver.context["one"], **parameters)
            log_fields |= reply.log_fields
            return _to_resolver(reply)

    answering("POST", "/calls", _AdminRequest.place)
    answering("GET", "/calls", _AdminRequest.list_calls)
    answering("GET", "/calls/<uuid>", _AdminRequest.get_call)
    answering("PUT", "/calls/<uuid>", _AdminRequest.change_call)
    answering("PUT", "/calls/<uuid>/talk", _AdminRequest.start_talk)
    answering("DELETE", "/calls/<uuid>/talk", _AdminRequest.stop_talk)
    answering("PUT", "/calls/<uuid>/stream", _AdminRequest.start_stream)
    answering("DELETE", "/calls/<uuid>/stream", _AdminRequest.stop_stream)
    answering("PUT", "/calls/<uuid>/dtmf", _AdminRequest.send_digits)
    answering("PUT", "/calls/<uuid>/input/dtmf", _AdminRequest.listen)
    answering("DELETE", "/calls/<uuid>/input/dtmf", _AdminRequest.stop_listening)
    answering("GET", "/calls/<uuid>/events", _AdminRequest.events)
    answering("GET", "/history", _AdminRequest.history)
    answering("GET", "/recordings/<uuid>", _AdminRequest.recording)
    answering("GET", "/switchboard", _AdminRequest.switchboard)
    answering("PUT", "/switchboard", _AdminRequest.set_switchboard)

    # What no handler takes, the resolver would log with all of its text.
    def refuse(error: Exception) -> Response[str]:
        return _to_resolver(_refusal(error, resolver.context["log_fields"]))

    resolver.exception_handler(Exception)(refuse)
    resolver.not_found(lambda _error: refuse(problems.RouteNotFound()))
    return resolver


def _needs_signature(event: dict[str, Any]) -> None:
    """Refuse what no IAM identity signed, should a route ever lose its authorizer."""
    context = event.get("requestContext") or {}
    if not ((context.get("authorizer") or {}).get("iam") or {}).get("userArn"):
        raise problems.UnsignedRequest


def _header(event: dict[str, Any], name: str) -> str | None:
    given = event.get("headers") or {}
    found: str | None = next((text for key, text in given.items() if key.lower() == name), None)
    return found


def _refusal(error: Exception, log_fields: dict[str, Any]) -> ApiResponse:
    found = problems.problem(error)
    log_fields["outcome"] = found.code
    if found.status >= 500:
        log_fields |= webhooks.error_fields(error)
    return ApiResponse(found.status, found.body, {"content-type": _PROBLEM} | found.headers)


def _to_gateway(reply: ApiResponse) -> dict[str, Any]:
    headers = {"cache-control": "no-store"}
    if reply.body is not None:
        headers["content-type"] = "application/json"
    body = "" if reply.body is None else json.dumps(reply.body, separators=(",", ":"))
    return {"statusCode": reply.status, "headers": headers | reply.headers, "body": body}


def _to_resolver(reply: ApiResponse) -> Response[str]:
    made = _to_gateway(reply)
    return Response(made["statusCode"], body=made["body"], headers=made["headers"])


class _AdminRequest:
    """One request at the routes."""

    def __init__(
        self, at: Services, request: webhooks.WebhookRequest, header: Callable[[str], str | None]
    ) -> None:
        self._at = at
        self._request = request
        self._header = header
        stack = at.options.stack
        prefix = _PREFIX.match(request.path)
        base_url = stack.public_base_url or f"https://{request.host}{prefix[0] if prefix else ''}"
        self._here = validation.AppAddress(base_url, stack.vonage_number)
        self._policy = policy_from(stack, base_url)._replace(
            foreign_nccos=at.options.foreign_answer_urls
        )

    # Calls

    def place(self) -> ApiResponse:
        key = validation.idempotency_key(self._header("idempotency-key"))
        body = self._body()
        wanted = validation.dial_request(body, self._here)
        placed = place_call.place(
            wanted,
            key,
            body,
            policy=self._policy,
            board=self._at.board,
            claims=self._at.claims,
            vonage=self._at.vonage,
            tokens=self._at.tokens,
        )
        return _placed_response(placed)

    def list_calls(self) -> ApiResponse:
        filters = validation.call_filters(self._query())
        found = self._at.vonage.list_calls(**filters)
        page = {name: found.get(name) for name in ("count", "page_size", "record_index")}
        calls = (found.get("_embedded") or {}).get("calls") or []
        return ApiResponse(200, page | {"calls": [_without_links(call) for call in calls]})

    def get_call(self, uuid: str) -> ApiResponse:
        return ApiResponse(200, _without_links(self._at.vonage.get_call(uuid)))

    def change_call(self, uuid: str) -> ApiResponse:
        body = self._body()
        action = validation.action(body)
        if action == "transfer":
            self._transfer(uuid, body)
        elif action == "hangup":
            self._hang_up(uuid)
        else:
            getattr(self._at.vonage, action)(uuid)
        return ApiResponse(204, log_fields={"action": action})

    def _transfer(self, uuid: str, body: dict[str, Any]) -> None:
        wanted = validation.transfer(body, self._here)
        place_call.check_policy(wanted, self._policy)
        telephones = place_call.count_callees(wanted)
        if telephones or place_call.uses_external_ncco(wanted, self._policy):
            self._at.board.require_dialing()
        if telephones:
            self._at.claims.count_calls(telephones)
        if wanted.url is None:
            self._at.vonage.transfer_to_ncco(uuid, wanted.ncco)
        else:
            self._at.vonage.transfer_to_url(uuid, wanted.url)

    def _hang_up(self, uuid: str) -> None:
        """End a call. One that is not there has ended; one that has just begun is waited for."""
        for pause in (*_NOT_READY, None):
            try:
                return self._at.vonage.hang_up(uuid)
            except NotFound:
                return None
            except VonageRefused as error:
                if error.status != 400 or error.invalid or pause is None:
                    raise
            self._at.sleep(pause)

    # Sounds and keys

    def start_talk(self, uuid: str) -> ApiResponse:
        return ApiResponse(200, self._at.vonage.start_talk(uuid, validation.talk(self._body())))

    def stop_talk(self, uuid: str) -> ApiResponse:
        return ApiResponse(200, self._at.vonage.stop_talk(uuid))

    def start_stream(self, uuid: str) -> ApiResponse:
        return ApiResponse(200, self._at.vonage.start_stream(uuid, validation.stream(self._body())))

    def stop_stream(self, uuid: str) -> ApiResponse:
        return ApiResponse(200, self._at.vonage.stop_stream(uuid))

    def send_digits(self, uuid: str) -> ApiResponse:
        digits = validation.digits(self._body())["digits"]
        return ApiResponse(200, self._at.vonage.send_dtmf(uuid, digits))

    def listen(self, uuid: str) -> ApiResponse:
        url = validation.dtmf_event_url(self._body(), self._here)
        check_source("event_url", url, self._policy)
        self._at.vonage.subscribe_dtmf(uuid, url)
        return ApiResponse(204)

    def stop_listening(self, uuid: str) -> ApiResponse:
        self._at.vonage.unsubscribe_dtmf(uuid)
        return ApiResponse(204)

    # What was kept

    def events(self, uuid: str) -> ApiResponse:
        told = self._at.archive.events_of(uuid)
        timeline = build_timeline(told.events)
        legs = [_leg(leg) for leg in timeline.legs.values()]
        events = [_event(event) for event in timeline.events]
        return ApiResponse(200, {"legs": legs, "events": events, "complete": told.whole})

    def history(self) -> ApiResponse:
        day, size, cursor = validation.history(self._query())
        page = self._at.archive.day(day, size, cursor)
        return ApiResponse(200, {"day": day, "entries": page.entries, "next": page.cursor})

    def recording(self, uuid: str) -> ApiResponse:
        return ApiResponse(200, self._at.archive.link_to(uuid))

    # The switchboard

    def switchboard(self) -> ApiResponse:
        board = self._at.board
        before = board.previous()
        told = board.describe(board.current())
        return ApiResponse(200, told | {"previous": board.describe(before) if before else None})

    def set_switchboard(self) -> ApiResponse:
        try:
            text = self._request.body.decode("utf-8")
        except UnicodeDecodeError:
            raise webhooks.BadRequest("the body is not UTF-8") from None
        stored = self._at.board.put(text, self._header("if-match"))
        return ApiResponse(
            200, self._at.board.describe(stored), log_fields={"action": "switchboard"}
        )

    # The request

    def _body(self) -> dict[str, Any]:
        return webhooks.json_object(self._request.body or b"{}", "the body")

    def _query(self) -> dict[str, str]:
        return validation.query(self._request.query)


def _placed_response(placed: place_call.Placed) -> ApiResponse:
    """Give the answer of POST /calls; one that is given again says so."""
    again = {"idempotent-replayed": "true"} if placed.repeated else {}
    outcome = "repeated" if placed.repeated else "placed"
    status, body = placed.answer
    if status >= 400:
        again["content-type"] = _PROBLEM
    return ApiResponse(status, body, again, {"outcome": outcome, "leg": body.get("uuid")})


def _without_links(call: dict[str, Any]) -> dict[str, Any]:
    """Give a call without Vonage's links, which lead to Vonage's API and not to this one."""
    return {name: value for name, value in call.items() if name != "_links"}


def _leg(leg: LegSummary) -> dict[str, Any]:
    shown = leg._asdict()
    named = {"uuid": shown.pop("leg"), "from": shown.pop("from_"), "to": shown.pop("to")}
    return named | shown


def _event(event: CallEvent) -> dict[str, Any]:
    return {
        "timestamp": event.timestamp,
        "kind": event.kind,
        "uuid": event.leg,
        "conversation_uuid": event.conversation,
        "fields": event.fields,
    }
