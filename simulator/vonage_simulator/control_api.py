"""The control API under /sim: place calls, send digits and speech, inspect state, inject faults."""

import asyncio
import json
import re
from dataclasses import asdict, replace
from typing import Any

from aiohttp import web

from . import audio, json_fields, leg_lifecycle, microphone, ncco_runner, playback, spoken_audio
from .account import Application
from .endpoints import Endpoint, phone_number
from .errors import ApiError, invalid, not_found
from .http_helpers import read_object
from .json_fields import FieldError
from .legs import AnswerCall, HangUp, Leg, Sound
from .settings import CalleeBehavior, WebhookTarget
from .state import SimulatorState

SIP_HEADER = re.compile(r"[A-Za-z0-9_-]{1,100}")
BEHAVIORS = (
    "answer",
    "busy",
    "reject",
    "no_answer",
    "machine",
    "unavailable",
    "invalid",
    "manual",
)
# In a path, the name for all callees that are not configured.
DEFAULT_CALLEE = "default"
WAV_BYTES = 16 * 1024 * 1024
# A comment line at this interval, in real seconds, keeps a stream of events open.
HEARTBEAT = 15.0


class ControlApi:
    """Request handlers of the control API."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """Return the routes under /sim."""
        return [
            web.post("/sim/calls", self.place_call),
            web.get("/sim/calls", self.calls),
            web.get("/sim/calls/{uuid}", self.call),
            web.get("/sim/calls/{uuid}/events", self.call_events),
            web.post("/sim/calls/{uuid}/digits", self.press_digits),
            web.post("/sim/calls/{uuid}/speech", self.speak),
            web.get("/sim/calls/{uuid}/audio", self.microphone),
            web.post("/sim/calls/{uuid}/audio", self.speak_audio),
            web.post("/sim/calls/{uuid}/answer", self.answer),
            web.post("/sim/calls/{uuid}/reject", self.reject),
            web.post("/sim/calls/{uuid}/hangup", self.hang_up),
            web.get("/sim/faults", self.faults),
            web.put("/sim/faults", self.set_faults),
            web.put("/sim/account", self.set_account),
            web.get("/sim/callees", self.callees),
            web.put("/sim/callees/{number}", self.set_callee),
            web.delete("/sim/callees/{number}", self.reset_callee),
            web.get("/sim/audio", self.audio_file),
            web.get("/sim/clock", self.clock),
            web.post("/sim/clock", self.set_clock),
            web.get("/sim/events", self.events),
            web.get("/sim", self.about),
        ]

    async def about(self, request: web.Request) -> web.Response:
        """Return the numbers, the applications, and counts."""
        state = self._state
        body = {
            "numbers": state.account.numbers,
            "applications": list(state.account.applications),
            "calls": state.calls,
            "calls_open": sum(not leg.is_over for leg in state.legs.values()),
            "calls_forgotten": state.forgotten,
            "entries": state.journal.count,
        }
        return web.json_response(body)

    async def place_call(self, request: web.Request) -> web.Response:
        """Call one of the numbers; `answer_url` is the answer URL of this call only."""
        fields = await read_object(request)
        state = self._state
        try:
            caller, answer_fields = _caller(fields)
            callee = _called_party(fields, caller)
            answer_url = json_fields.string(fields, "answer_url", 8192)
            if answer_url is not None and not json_fields.is_url(answer_url):
                raise FieldError("answer_url", "must be a URL")
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        application = self._called_application(fields, callee)
        leg = ncco_runner.new_inbound_leg(state, application, caller, callee)
        leg.answer_extra = answer_fields
        if answer_url is not None:
            default_target = application.answer or WebhookTarget(answer_url)
            leg.answer = replace(default_target, url=answer_url)
        ncco_runner.start_inbound_call(state, leg)
        body = {"uuid": leg.uuid, "conversation_uuid": leg.conversation.uuid}
        return web.json_response(body, status=201)

    async def calls(self, request: web.Request) -> web.Response:
        """Return every stored leg, oldest first."""
        calls = [_summary(leg) for leg in self._state.legs.values()]
        return web.json_response({"calls": calls, "forgotten": self._state.forgotten})

    async def call(self, request: web.Request) -> web.Response:
        """Return one leg: its state, what it heard and said, and its webhooks."""
        leg = self._leg(request)
        body = _summary(leg) | {
            "muted": leg.muted,
            "earmuffed": leg.earmuffed,
            "heard": [_sound(leg, sound) for sound in leg.heard],
            "said": [_sound(leg, sound) for sound in leg.said],
            "webhooks": list(leg.deliveries),
            "completed": leg.final,
        }
        return web.json_response(body)

    async def call_events(self, request: web.Request) -> web.Response:
        """Return the journal entries of one leg."""
        leg = self._leg(request)
        return web.json_response({"events": self._state.journal.entries(leg.uuid)})

    async def press_digits(self, request: web.Request) -> web.Response:
        """Press digits as the person on the leg."""
        leg = self._leg_in_progress(request)
        fields = await read_object(request)
        digits = fields.get("digits")
        if not isinstance(digits, str) or not json_fields.DIGITS.fullmatch(digits):
            raise invalid("digits", "can contain the digits 0-9, * and #, and p")
        playback.press_digits(self._state, leg, digits[:500])
        return web.Response(status=204)

    async def speak(self, request: web.Request) -> web.Response:
        """Speak as the person on the leg; it takes as long as the words do."""
        leg = self._leg_in_progress(request)
        fields = await read_object(request)
        text = fields.get("text")
        if not isinstance(text, str) or not text.strip() or len(text) > 10_000:
            raise invalid("text", "must be a string of 1 to 10000 characters")
        begin = self._state.clock.now()
        try:
            confidence = json_fields.number(fields, "confidence", None, 0, 1)
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        end = playback.say(self._state, leg, text, confidence)
        return web.json_response({"seconds": round(end - begin, 3)})

    async def speak_audio(self, request: web.Request) -> web.Response:
        """Speak a WAV file as the person on the leg; nothing recognizes it."""
        leg = self._leg_in_progress(request)
        if leg.websocket is not None:
            raise ApiError(409, {"title": "A WebSocket leg has no microphone"})
        content = bytearray()
        async for piece in request.content.iter_any():
            content += piece
            if len(content) > WAV_BYTES:
                raise invalid("body", f"can have up to {WAV_BYTES} bytes")
        pcm = audio.pcm_of(bytes(content))
        if not pcm:
            raise invalid("body", "must be a WAV file with 16-bit samples")
        begin = self._state.clock.now()
        end = spoken_audio.speak_audio(self._state, leg, pcm)
        return web.json_response({"seconds": round(end - begin, 3)})

    async def microphone(self, request: web.Request) -> web.WebSocketResponse:
        """Connect a microphone for the person on the leg, with the audio that they hear."""
        leg = self._leg_in_progress(request)
        if leg.websocket is not None:
            raise ApiError(409, {"title": "A WebSocket leg has no microphone"})
        if self._state.clock.speed != 1:
            raise ApiError(409, {"title": "A microphone requires a clock at speed 1"})
        return await microphone.serve(self._state, leg, request)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as the callee."""
        leg = self._ringing_leg(request)
        leg.commands.put(AnswerCall())
        return web.Response(status=204)

    async def reject(self, request: web.Request) -> web.Response:
        """Decline as the callee; {"reason": "busy"} reports busy."""
        leg = self._ringing_leg(request)
        fields = await read_object(request) if request.can_read_body else {}
        reason = fields.get("reason", "reject")
        if not isinstance(reason, str) or reason not in leg_lifecycle.DECLINES:
            raise invalid("reason", f"must be one of {', '.join(leg_lifecycle.DECLINES)}")
        leg.commands.put(leg_lifecycle.DECLINES[reason])
        return web.Response(status=204)

    async def hang_up(self, request: web.Request) -> web.Response:
        """Hang up as the person on the leg; a callee who has not answered declines."""
        leg = self._leg_in_progress(request)
        being_called = leg.direction == "outbound" and leg.answered_at is None
        leg.commands.put(leg_lifecycle.DECLINES["reject"] if being_called else HangUp("user"))
        return web.Response(status=204)

    async def faults(self, request: web.Request) -> web.Response:
        """Return which faults are on, and which exist."""
        return web.json_response(self._state.faults.view())

    async def set_faults(self, request: web.Request) -> web.Response:
        """Turn on exactly these faults."""
        fields = await read_object(request)
        try:
            self._state.faults.replace(fields)
        except ValueError as error:
            raise invalid("faults", str(error)) from error
        self._state.journal.write("faults")
        return web.json_response(self._state.faults.view())

    async def set_account(self, request: web.Request) -> web.Response:
        """Change what only Vonage's dashboard can change: the signature secret."""
        fields = await read_object(request)
        secret = fields.get("signature_secret")
        if set(fields) != {"signature_secret"} or not isinstance(secret, str) or not secret:
            raise invalid("signature_secret", "is required, and is the only field")
        self._state.account.signature_secret = secret
        return web.Response(status=204)

    async def callees(self, request: web.Request) -> web.Response:
        """Return how callees behave."""
        state = self._state
        body = {
            "default": asdict(state.default_callee),
            "callees": {number: asdict(callee) for number, callee in state.callees.items()},
        }
        return web.json_response(body)

    async def set_callee(self, request: web.Request) -> web.Response:
        """Set how a number or a user behaves when called; `default` sets all others."""
        fields = await read_object(request)
        try:
            callee = _callee(fields)
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        state, number = self._state, request.match_info["number"]
        if number == DEFAULT_CALLEE:
            state.default_callee = callee
        else:
            state.callees[number] = callee
        state.journal.write("callees")
        return web.json_response(asdict(callee))

    async def reset_callee(self, request: web.Request) -> web.Response:
        """Reset a number, or `default`, to the settings."""
        state, number = self._state, request.match_info["number"]
        if number == DEFAULT_CALLEE:
            state.default_callee = state.settings.default_callee
        else:
            state.callees.pop(number, None)
            if number in state.settings.callees:
                state.callees[number] = state.settings.callees[number]
        state.journal.write("callees")
        return web.Response(status=204)

    async def audio_file(self, request: web.Request) -> web.Response:
        """Return an audio file that a stream played recently; never fetch it."""
        content = self._state.audio_cache.played(request.query.get("url", ""))
        if content is None:
            raise not_found()
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return web.Response(body=content, content_type=audio.content_type(content), headers=headers)

    async def clock(self, request: web.Request) -> web.Response:
        """Return the time and its speed."""
        clock = self._state.clock
        return web.json_response({"now": clock.now(), "speed": clock.speed})

    async def set_clock(self, request: web.Request) -> web.Response:
        """Set the speed, or move a stopped clock forward."""
        fields = await read_object(request)
        clock = self._state.clock
        try:
            speed = json_fields.number(fields, "speed", None, 0, 10_000)
            step = json_fields.number(fields, "step", None, 0, 1e9)
            if (speed is None) == (step is None):
                raise FieldError("speed", "exactly one of speed and step is required")
            if speed is not None:
                clock.set_speed(speed)
            elif step is not None:
                await clock.step(step)
        except FieldError as error:
            raise invalid(error.name, error.reason) from error
        except ValueError as error:
            raise invalid("step", str(error)) from error
        self._state.journal.write("clock")
        return await self.clock(request)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream all journal entries as server-sent events; Last-Event-ID or `after` resumes."""
        after = request.headers.get("Last-Event-ID") or request.query.get("after", "0")
        if not after.isdecimal() or len(after) > 18:
            raise invalid("after", "must be the id of an entry")
        journal = self._state.journal
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        listener = journal.follow()
        try:
            stored_entries = journal.entries(after=int(after))
            await response.prepare(request)
            for entry in stored_entries:
                await response.write(_event_line(entry))
            while True:
                try:
                    entry = await asyncio.wait_for(listener.get(), HEARTBEAT)
                    await response.write(_event_line(entry))
                    if entry["kind"] == "end":
                        return response
                except TimeoutError:
                    await response.write(b": still here\n\n")
        except ConnectionError:
            return response
        finally:
            journal.leave(listener)

    def _called_application(self, fields: dict[str, Any], callee: Endpoint) -> Application:
        """Return the number's application; without a number, `application_id` or the first one."""
        account = self._state.account
        application = account.application_of(callee.address)
        if not callee.address:
            first = next(iter(account.applications), "")
            application = account.applications.get(str(fields.get("application_id", first)))
        if application is None:
            raise ApiError(404, {"title": "No application is linked to that number"})
        return application

    def _leg(self, request: web.Request) -> Leg:
        leg = self._state.legs.get(request.match_info["uuid"])
        if leg is None:
            raise not_found()
        return leg

    def _leg_in_progress(self, request: web.Request) -> Leg:
        leg = self._leg(request)
        if leg.is_over:
            raise ApiError(409, {"title": "The call has ended"})
        return leg

    def _ringing_leg(self, request: web.Request) -> Leg:
        leg = self._leg_in_progress(request)
        if leg.direction != "outbound" or leg.answered_at is not None or leg.websocket is not None:
            raise ApiError(409, {"title": "This leg is not ringing"})
        return leg


def _caller(fields: dict[str, Any]) -> tuple[Endpoint, dict[str, Any]]:
    """Return the caller, and further fields of the answer webhook.

    The caller is a number, null if it is withheld, a SIP URI with `sip_headers`, or a Client SDK
    user with `custom_data`.
    """
    answer_fields: dict[str, Any] = {}
    user = json_fields.string(fields, "from_user")
    if user is not None:
        custom = json_fields.mapping(fields, "custom_data")
        return Endpoint("app", user), {} if custom is None else {"custom_data": custom}
    sender = fields.get("from")
    if isinstance(sender, str) and sender.startswith(("sip:", "sips:")):
        for name, value in (json_fields.mapping(fields, "sip_headers") or {}).items():
            if not isinstance(value, str) or not SIP_HEADER.fullmatch(name):
                raise FieldError("sip_headers", "must be an object with string values")
            if name == "User-to-User":
                answer_fields[f"SipHeader_{name}"] = value[:256]
            elif name.startswith("X-") and not name.startswith("X-Nexmo"):
                answer_fields[f"SipHeader_{name}"] = value
        return Endpoint("sip", sender), answer_fields
    if sender is None and "from" in fields:
        return Endpoint("phone", ""), answer_fields
    return Endpoint("phone", phone_number(fields, "from")), answer_fields


def _called_party(fields: dict[str, Any], caller: Endpoint) -> Endpoint:
    """Return the called number; only a Client SDK user can call without one."""
    if caller.kind == "app" and fields.get("to") is None:
        return Endpoint("app", "")
    return Endpoint("phone", phone_number(fields, "to"))


def _callee(fields: dict[str, Any]) -> CalleeBehavior:
    for name in fields:
        if name not in CalleeBehavior.__dataclass_fields__:
            raise FieldError(name[:100], "Unknown parameter")
    default = CalleeBehavior()
    after = json_fields.number(fields, "after", default.after, 0, 3600)
    behaviour: Any = json_fields.choice(fields, "behaviour", "answer", BEHAVIORS)
    beep_after = default.beep_after
    if "beep_after" in fields:
        beep_after = json_fields.number(fields, "beep_after", None, 0, 3600)
    return CalleeBehavior(
        behaviour=behaviour,
        after=default.after if after is None else after,
        detail=json_fields.string(fields, "detail", 100),
        greeting=json_fields.string(fields, "greeting") or default.greeting,
        beep_after=beep_after,
        says=json_fields.string(fields, "says"),
    )


def _summary(leg: Leg) -> dict[str, Any]:
    return {
        "uuid": leg.uuid,
        "conversation_uuid": leg.conversation.uuid,
        "application_id": leg.application.id,
        "direction": leg.direction,
        "from": leg.caller.view(),
        "to": leg.callee.view(),
        "status": leg.status,
        "over": leg.is_over,
        "created_at": leg.created_at,
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
    }


def _sound(leg: Leg, sound: Sound) -> dict[str, Any]:
    """Build a sound's JSON, with its times in milliseconds since the leg began."""
    end = sound.end
    return {
        "kind": sound.kind,
        **({} if sound.sound_id is None else {"sound_id": sound.sound_id}),
        **sound.details,
        "from_ms": round((sound.begin - leg.created_at) * 1000),
        "to_ms": None if end is None else round((end - leg.created_at) * 1000),
    }


def _event_line(entry: dict[str, Any]) -> bytes:
    return f"id: {entry['id']}\nevent: {entry['kind']}\ndata: {json.dumps(entry)}\n\n".encode()
