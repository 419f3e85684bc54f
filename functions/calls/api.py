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

from calls import asked, placing, problems
from records.timeline import fold
from voicekit import webhook as webhooks
from voicekit.dialling import judge_source, policy_of
from vonage_client import NotFound, VonageRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from calls.board import Board
    from calls.claims import Claims
    from calls.options import Options
    from records.event import Event
    from records.reading import Archive
    from records.timeline import Leg
    from vonage_client import Tokens, VoiceClient

log = logging.getLogger("voice")
log.setLevel(logging.INFO)  # some runtimes leave the root logger at WARNING

# Seconds before hanging up is tried again: a call placed less than two seconds ago cannot be ended
# yet (Vonage support article 10359615124380).
_NOT_READY = (0.5, 1.0, 1.5)
_PREFIX = re.compile("^/.+?(?=/(?:calls|history|recordings|switchboard)(?:/|$))")
_PROBLEM = "application/problem+json"


class Desk(NamedTuple):
    """What the routes work with."""

    options: Options
    board: Board
    claims: Claims
    archive: Archive
    vonage: VoiceClient
    tokens: Tokens
    sleep: Callable[[float], None]


class Reply(NamedTuple):
    """What goes back: a status, a JSON body where there is one, and what the log line says."""

    status: int
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012 - a tuple's default, which nobody changes
    noted: dict[str, Any] = {}  # noqa: RUF012


def serving(desk: Callable[[], Desk]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
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
        noted: dict[str, Any] = {"route": event.get("routeKey"), "outcome": "answered"}
        try:
            _needs_signature(event)
            one = _Request(desk(), webhooks.read(event), functools.partial(_header, event))
            resolver.context |= {"one": one, "noted": noted}
            answer: dict[str, Any] = resolver.resolve(event, context)
        except Exception as error:
            answer = _to_gateway(_refusal(error, noted))
        noted["status"] = answer["statusCode"]
        noted["ms"] = round((time.monotonic() - started) * 1000, 1)
        noted["version"] = getattr(context, "function_version", None)
        log.log(logging.ERROR if noted["status"] >= 500 else logging.INFO, "api", extra=noted)
        return answer

    return handle


def _resolver() -> APIGatewayHttpResolver:
    """Make the routes."""
    # A custom domain may serve this API below a path of its own.
    resolver = APIGatewayHttpResolver(strip_prefixes=[_PREFIX])

    def answering(method: str, path: str, answer: Callable[..., Reply]) -> None:
        @resolver.route(path, method)
        def respond(**parameters: str) -> Response[str]:
            noted = resolver.context["noted"]
            if "uuid" in parameters:
                noted["leg"] = asked.leg(parameters["uuid"])
            reply = answer(resolver.context["one"], **parameters)
            noted |= reply.noted
            return _to_resolver(reply)

    answering("POST", "/calls", _Request.place)
    answering("GET", "/calls", _Request.list_calls)
    answering("GET", "/calls/<uuid>", _Request.get_call)
    answering("PUT", "/calls/<uuid>", _Request.change_call)
    answering("PUT", "/calls/<uuid>/talk", _Request.start_talk)
    answering("DELETE", "/calls/<uuid>/talk", _Request.stop_talk)
    answering("PUT", "/calls/<uuid>/stream", _Request.start_stream)
    answering("DELETE", "/calls/<uuid>/stream", _Request.stop_stream)
    answering("PUT", "/calls/<uuid>/dtmf", _Request.send_digits)
    answering("PUT", "/calls/<uuid>/input/dtmf", _Request.listen)
    answering("DELETE", "/calls/<uuid>/input/dtmf", _Request.stop_listening)
    answering("GET", "/calls/<uuid>/events", _Request.events)
    answering("GET", "/history", _Request.history)
    answering("GET", "/recordings/<uuid>", _Request.recording)
    answering("GET", "/switchboard", _Request.switchboard)
    answering("PUT", "/switchboard", _Request.set_switchboard)

    # What no handler takes, the resolver would log with all of its text.
    def refuse(error: Exception) -> Response[str]:
        return _to_resolver(_refusal(error, resolver.context["noted"]))

    resolver.exception_handler(Exception)(refuse)
    resolver.not_found(lambda _error: refuse(problems.NoRoute()))
    return resolver


def _needs_signature(event: dict[str, Any]) -> None:
    """Refuse what no IAM identity signed, should a route ever lose its authorizer."""
    context = event.get("requestContext") or {}
    if not ((context.get("authorizer") or {}).get("iam") or {}).get("userArn"):
        raise problems.NotSigned


def _header(event: dict[str, Any], name: str) -> str | None:
    given = event.get("headers") or {}
    found: str | None = next((text for key, text in given.items() if key.lower() == name), None)
    return found


def _refusal(error: Exception, noted: dict[str, Any]) -> Reply:
    found = problems.problem(error)
    noted["outcome"] = found.outcome
    if found.status >= 500:
        noted |= webhooks.describe(error)
    return Reply(found.status, found.body, {"content-type": _PROBLEM} | found.headers)


def _to_gateway(reply: Reply) -> dict[str, Any]:
    headers = {"cache-control": "no-store"}
    if reply.body is not None:
        headers["content-type"] = "application/json"
    body = "" if reply.body is None else json.dumps(reply.body, separators=(",", ":"))
    return {"statusCode": reply.status, "headers": headers | reply.headers, "body": body}


def _to_resolver(reply: Reply) -> Response[str]:
    made = _to_gateway(reply)
    return Response(made["statusCode"], body=made["body"], headers=made["headers"])


class _Request:
    """One request at the routes."""

    def __init__(
        self, at: Desk, request: webhooks.Request, header: Callable[[str], str | None]
    ) -> None:
        self._at = at
        self._request = request
        self._header = header
        stack = at.options.stack
        prefix = _PREFIX.match(request.path)
        base_url = stack.public_base_url or f"https://{request.host}{prefix[0] if prefix else ''}"
        self._here = asked.Place(base_url, stack.vonage_number)
        self._policy = policy_of(stack, base_url)._replace(
            foreign_nccos=at.options.foreign_answer_urls
        )

    # Calls

    def place(self) -> Reply:
        key = asked.idempotency_key(self._header("idempotency-key"))
        body = self._body()
        wanted = asked.call(body, self._here)
        placed = placing.place(
            wanted,
            key,
            body,
            policy=self._policy,
            board=self._at.board,
            claims=self._at.claims,
            vonage=self._at.vonage,
            tokens=self._at.tokens,
        )
        return _first_answer(placed)

    def list_calls(self) -> Reply:
        filters = asked.filters(self._query())
        found = self._at.vonage.list_calls(**filters)
        page = {name: found.get(name) for name in ("count", "page_size", "record_index")}
        calls = (found.get("_embedded") or {}).get("calls") or []
        return Reply(200, page | {"calls": [_without_links(call) for call in calls]})

    def get_call(self, uuid: str) -> Reply:
        return Reply(200, _without_links(self._at.vonage.get_call(uuid)))

    def change_call(self, uuid: str) -> Reply:
        body = self._body()
        action = asked.action(body)
        if action == "transfer":
            self._transfer(uuid, body)
        elif action == "hangup":
            self._hang_up(uuid)
        else:
            getattr(self._at.vonage, action)(uuid)
        return Reply(204, noted={"action": action})

    def _transfer(self, uuid: str, body: dict[str, Any]) -> None:
        wanted = asked.transfer(body, self._here)
        placing.judge(wanted, self._policy)
        telephones = placing.telephones(wanted)
        if telephones or placing.leads_elsewhere(wanted, self._policy):
            self._at.board.needs_dialling()
        if telephones:
            self._at.claims.count(telephones)
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

    def start_talk(self, uuid: str) -> Reply:
        return Reply(200, self._at.vonage.start_talk(uuid, asked.talk(self._body())))

    def stop_talk(self, uuid: str) -> Reply:
        return Reply(200, self._at.vonage.stop_talk(uuid))

    def start_stream(self, uuid: str) -> Reply:
        return Reply(200, self._at.vonage.start_stream(uuid, asked.stream(self._body())))

    def stop_stream(self, uuid: str) -> Reply:
        return Reply(200, self._at.vonage.stop_stream(uuid))

    def send_digits(self, uuid: str) -> Reply:
        digits = asked.digits(self._body())["digits"]
        return Reply(200, self._at.vonage.send_dtmf(uuid, digits))

    def listen(self, uuid: str) -> Reply:
        url = asked.listening(self._body(), self._here)
        judge_source("event_url", url, self._policy)
        self._at.vonage.subscribe_dtmf(uuid, url)
        return Reply(204)

    def stop_listening(self, uuid: str) -> Reply:
        self._at.vonage.unsubscribe_dtmf(uuid)
        return Reply(204)

    # What was kept

    def events(self, uuid: str) -> Reply:
        told = self._at.archive.events_of(uuid)
        timeline = fold(told.events)
        legs = [_leg(leg) for leg in timeline.legs.values()]
        events = [_event(event) for event in timeline.events]
        return Reply(200, {"legs": legs, "events": events, "complete": told.whole})

    def history(self) -> Reply:
        day, size, cursor = asked.history(self._query())
        page = self._at.archive.day(day, size, cursor)
        return Reply(200, {"day": day, "entries": page.entries, "next": page.cursor})

    def recording(self, uuid: str) -> Reply:
        return Reply(200, self._at.archive.link_to(uuid))

    # The switchboard

    def switchboard(self) -> Reply:
        board = self._at.board
        before = board.previous()
        told = board.told(board.current())
        return Reply(200, told | {"previous": board.told(before) if before else None})

    def set_switchboard(self) -> Reply:
        try:
            text = self._request.body.decode("utf-8")
        except UnicodeDecodeError:
            raise webhooks.BadRequest("the body is not UTF-8") from None
        stored = self._at.board.put(text, self._header("if-match"))
        return Reply(200, self._at.board.told(stored), noted={"action": "switchboard"})

    # The request

    def _body(self) -> dict[str, Any]:
        return webhooks.json_object(self._request.body or b"{}", "the body")

    def _query(self) -> dict[str, str]:
        return asked.query(self._request.query)


def _first_answer(placed: placing.Placed) -> Reply:
    """Give the answer of POST /calls; one that is given again says so."""
    again = {"idempotent-replayed": "true"} if placed.repeated else {}
    outcome = "repeated" if placed.repeated else "placed"
    status, body = placed.answer
    if status >= 400:
        again["content-type"] = _PROBLEM
    return Reply(status, body, again, {"outcome": outcome, "leg": body.get("uuid")})


def _without_links(call: dict[str, Any]) -> dict[str, Any]:
    """Give a call without Vonage's links, which lead to Vonage's API and not to this one."""
    return {name: value for name, value in call.items() if name != "_links"}


def _leg(leg: Leg) -> dict[str, Any]:
    shown = leg._asdict()
    named = {"uuid": shown.pop("leg"), "from": shown.pop("from_"), "to": shown.pop("to")}
    return named | shown


def _event(event: Event) -> dict[str, Any]:
    return {
        "timestamp": event.timestamp,
        "kind": event.kind,
        "uuid": event.leg,
        "conversation_uuid": event.conversation,
        "fields": event.fields,
    }
