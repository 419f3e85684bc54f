"""The Voice API: /v1/calls and /v1/files.

Version 2 only creates calls: like version 1, with another status. Clients of server-client for
Node download recordings by id from /v3/files.
"""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from . import api_requests, authentication, json_fields, legs, ncco_runner, playback
from .account import Application
from .errors import (
    ApiError,
    bad_state,
    invalid,
    not_found,
    unauthorized,
    unsupported_media_type,
)
from .http_helpers import FAULTS, LEG_UUID, read_object
from .json_fields import FieldError
from .legs import UNANSWERED, Leg
from .settings import HOSTS_OF_REGIONS, WebhookTarget
from .state import SimulatorState

REGION_HOSTS = frozenset(HOSTS_OF_REGIONS.values())


class VoiceApi:
    """Request handlers of the Voice API."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the API's routes."""
        return [
            web.post("/v1/calls", self.create),
            web.post("/v2/calls", self.create),
            web.get("/v1/calls", self.list_calls),
            web.get("/v1/calls/{uuid}", self.get),
            web.put("/v1/calls/{uuid}", self.modify),
            web.put("/v1/calls/{uuid}/stream", self.start_stream),
            web.delete("/v1/calls/{uuid}/stream", self.stop_stream),
            web.put("/v1/calls/{uuid}/talk", self.start_talk),
            web.delete("/v1/calls/{uuid}/talk", self.stop_talk),
            web.put("/v1/calls/{uuid}/dtmf", self.send_digits),
            web.put("/v1/calls/{uuid}/input/dtmf", self.subscribe),
            web.delete("/v1/calls/{uuid}/input/dtmf", self.unsubscribe),
            web.get("/v1/files/{file_id}", self.download),
            web.get("/v3/files/{file_id}", self.download),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Place a call; version 2 returns 202."""
        state = self._state
        application = self._authorize(request)
        if not state.can_call(application):
            raise ApiError(429, None, "too many new calls in one second")
        fields = await _read_body(request)
        try:
            new_call = api_requests.new_call(
                fields,
                application,
                state.account,
                state.rng.choice,
                state.settings.websocket_header_bytes,
            )
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        leg = state.new_leg(
            application, "outbound", new_call.caller, new_call.callee, event=new_call.event
        )
        leg.ring_time = new_call.ring_time
        leg.limit = new_call.limit
        request[LEG_UUID] = leg.uuid
        state.journal.write("call", uuid=leg.uuid, direction="outbound", faults=leg.faults)
        ncco_runner.start_outbound_call(state, leg, new_call.source, new_call.detection)
        body = {
            "uuid": leg.uuid,
            "status": "started",
            "direction": "outbound",
            "conversation_uuid": leg.conversation.uuid,
        }
        return web.json_response(body, status=202 if request.path.startswith("/v2/") else 201)

    async def list_calls(self, request: web.Request) -> web.Response:
        """Return one page of the application's calls, filtered."""
        application = self._authorize_request(request)
        try:
            filters = api_requests.list_filter(dict(request.query))
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        matches = [
            leg
            for leg in self._state.legs.values()
            if leg.application is application and _matches(leg, filters)
        ]
        matches.sort(key=lambda leg: leg.created_at, reverse=filters.descending)
        page = matches[filters.record_index : filters.record_index + filters.page_size]
        body = {
            "count": len(matches),
            "page_size": filters.page_size,
            "record_index": filters.record_index,
            "_links": self._links(dict(request.query), filters, len(matches)),
            "_embedded": {"calls": [self._view(leg) for leg in page]},
        }
        return web.json_response(body)

    async def get(self, request: web.Request) -> web.Response:
        """Return one call, even after its end."""
        return web.json_response(self._view(self._leg(request)))

    async def modify(self, request: web.Request) -> web.Response:
        """Hang up, mute, earmuff, or transfer a leg."""
        leg = self._leg(request)
        fields = await _read_body(request)
        action = fields.pop("action", None)
        if action not in api_requests.LEG_ACTIONS:
            raise invalid("action", f"must be one of {', '.join(api_requests.LEG_ACTIONS)}")
        try:
            if action == "transfer":
                limit = self._state.settings.websocket_header_bytes
                source = api_requests.transfer_source(fields, limit)
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        self._require_open(request, leg)
        if action == "hangup":
            self._require_age(leg)
            leg.commands.put(legs.HangUp("platform"))
            return web.Response(status=204)
        self._require_answered(request, leg)
        if action == "transfer":
            ncco_runner.transfer(self._state, leg, source)
        elif action in ("mute", "unmute"):
            leg.muted = action == "mute"
        else:
            leg.earmuffed = action == "earmuff"
            if leg.earmuffed:
                now = self._state.clock.now()
                playback.stop_hearing(leg, now)
        self._state.journal.write("modified", uuid=leg.uuid, action=action)
        return web.Response(status=204)

    async def start_stream(self, request: web.Request) -> web.Response:
        """Play an audio file to a leg."""
        leg = self._leg(request)
        fields = await _read_body(request)
        try:
            loop = api_requests.check_playback(fields)
            url = json_fields.single_url(fields, "stream_url")
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        if url is None:
            raise invalid("stream_url", "is required")
        self._require_answered(request, leg)
        _stop_stream(leg)
        leg.stream_task = self._state.spawn(self._stream(leg, url, loop))
        return _message(leg, "Stream started")

    async def _stream(self, leg: Leg, url: str, loop: int) -> None:
        stream = await playback.play_stream(self._state, leg, url, loop)
        if stream is not None and leg.is_over:
            stream.stop()
        leg.stream = stream

    async def stop_stream(self, request: web.Request) -> web.Response:
        """Stop the audio file."""
        leg = self._leg(request)
        self._require_answered(request, leg)
        _stop_stream(leg)
        return _message(leg, "Stream stopped")

    async def start_talk(self, request: web.Request) -> web.Response:
        """Speak a text to a leg."""
        leg = self._leg(request)
        fields = await _read_body(request)
        try:
            loop = api_requests.check_playback(fields)
            text = json_fields.string(fields, "text", 100_000)
            language = json_fields.string(fields, "language") or "en-US"
            api_requests.check_style(fields)
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        if text is None:
            raise invalid("text", "is required")
        self._require_answered(request, leg)
        if leg.talk is not None:
            leg.talk.stop()
        leg.talk = playback.play_talk(self._state, leg, text, language, loop)
        return _message(leg, "Talk started")

    async def stop_talk(self, request: web.Request) -> web.Response:
        """Stop speaking."""
        leg = self._leg(request)
        self._require_answered(request, leg)
        if leg.talk is not None:
            leg.talk.stop()
        return _message(leg, "Talk stopped")

    async def send_digits(self, request: web.Request) -> web.Response:
        """Play DTMF tones to a leg."""
        leg = self._leg(request)
        fields = await _read_body(request)
        try:
            digits = api_requests.dtmf_digits(fields)
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        self._require_answered(request, leg)
        playback.send_digits(self._state, leg, digits)
        return _message(leg, "DTMF sent")

    async def subscribe(self, request: web.Request) -> web.Response:
        """Send each digit of a leg in asynchronous input to another URL."""
        leg = self._leg(request)
        fields = await _read_body(request)
        try:
            url = json_fields.single_url(fields, "event_url")
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        if url is None:
            raise invalid("event_url", "is required")
        self._require_answered(request, leg)
        leg.live_digits = WebhookTarget(url, "POST", read_ms=10_000)
        return web.Response(status=200)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """Stop sending digits."""
        leg = self._leg(request)
        self._require_answered(request, leg)
        leg.live_digits = None
        return web.Response(status=200)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Return a recording or a transcript to the application that made it."""
        application = self._authorize(request)
        stored = self._state.recordings.get(request.match_info["file_id"])
        if stored is None:
            raise not_found("no such file")
        if stored.application_id != application.id:
            raise unauthorized("the file belongs to another application")
        request[LEG_UUID] = stored.leg_uuid
        if self._state.faults.is_triggered("record_truncated", request[FAULTS]):
            return await _half(request, stored.path.read_bytes(), stored.content_type)
        response = web.FileResponse(stored.path, headers={"Content-Type": stored.content_type})
        return response

    # Shared by the handlers

    def _authorize(self, request: web.Request) -> Application:
        header = request.headers.get("Authorization")
        return authentication.application_of(self._state.account, header, self._state.wall_time())

    def _authorize_request(self, request: web.Request) -> Application:
        application = self._authorize(request)
        if not self._state.can_request(application):
            raise ApiError(429, None, "too many requests in one second")
        return application

    def _leg(self, request: web.Request) -> Leg:
        application = self._authorize_request(request)
        leg = self._state.legs.get(request.match_info["uuid"])
        if leg is None or leg.application is not application:
            raise not_found("the application has no such call")
        host = request.host.partition(".")[0].partition(":")[0]
        region = application.region or self._state.settings.region
        is_other_region = host in REGION_HOSTS and host != HOSTS_OF_REGIONS.get(region)
        faults = self._state.faults
        if is_other_region or faults.is_triggered("wrong_region", request[FAULTS]):
            raise not_found("the call is in another region")
        return leg

    def _require_open(self, request: web.Request, leg: Leg) -> None:
        if leg.is_over:
            raise not_found("the call has ended")
        if self._state.faults.is_triggered("not_ready", request[FAULTS]):
            raise bad_state("fault not_ready")

    def _require_age(self, leg: Leg) -> None:
        """Raise 400 for a hangup too soon after the API placed the call."""
        age = self._state.clock.now() - leg.created_at
        if leg.direction == "outbound" and age < self._state.settings.not_ready_for:
            raise bad_state("the call was placed too recently to hang up")

    def _require_answered(self, request: web.Request, leg: Leg) -> None:
        self._require_open(request, leg)
        if not leg.is_active:
            raise bad_state(f"the call is not in progress: {leg.status}")

    # Views

    def _view(self, leg: Leg) -> dict[str, Any]:
        body: dict[str, Any] = {
            "_links": {"self": {"href": f"{self._state.settings.href_prefix}/{leg.uuid}"}},
            "uuid": leg.uuid,
            "conversation_uuid": leg.conversation.uuid,
            "to": leg.callee.view(),
            "from": leg.caller.view(),
            "status": leg.status,
            "direction": leg.direction,
        }
        if leg.is_over:
            body |= {name: value for name, value in leg.final.items() if name != "sip_code"}
            if body["network"] is None:
                del body["network"]
            if leg.status in UNANSWERED:
                body |= {"start_time": "", "end_time": ""}  # java-sdk issue 443
        return body

    def _links(
        self, query: dict[str, str], filters: api_requests.Filter, count: int
    ) -> dict[str, dict[str, str]]:
        prefix = self._state.settings.href_prefix
        size = filters.page_size

        def link(index: int | None) -> dict[str, str]:
            parameters = {name: value for name, value in query.items() if name != "record_index"}
            parameters["page_size"] = str(size)
            if index is not None:
                parameters["record_index"] = str(index)
            return {"href": f"{prefix}?{urlencode(parameters)}"}

        last = max(0, (count - 1) // size * size)
        links = {"self": link(filters.record_index), "first": link(None), "last": link(last)}
        if filters.record_index > 0:
            links["prev"] = link(max(0, filters.record_index - size))
        if filters.record_index + size < count:
            links["next"] = link(filters.record_index + size)
        return links


async def _read_body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in a body; only forms are refused, JSON sent as text passes.

    That a POST is refused like a PUT is inferred.
    """
    if request.content_type == "application/x-www-form-urlencoded":
        raise unsupported_media_type()
    return await read_object(request)


def _matches(leg: Leg, filters: api_requests.Filter) -> bool:
    created = leg.created_at
    return (
        (filters.status is None or leg.status == filters.status)
        and (filters.since is None or created >= filters.since)
        and (filters.until is None or created <= filters.until)
        and (
            filters.conversation_uuid is None or leg.conversation.uuid == filters.conversation_uuid
        )
    )


def _stop_stream(leg: Leg) -> None:
    """Stop the audio file of PUT /stream, also while it is being fetched."""
    if leg.stream_task is not None:
        leg.stream_task.cancel()
    if leg.stream is not None:
        leg.stream.stop()


def _message(leg: Leg, message: str) -> web.Response:
    return web.json_response({"message": message, "uuid": leg.uuid})


async def _half(request: web.Request, content: bytes, content_type: str) -> web.StreamResponse:
    """Announce the whole file, send half of it, and close the connection."""
    headers = {"Content-Type": content_type, "Content-Length": str(len(content))}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
