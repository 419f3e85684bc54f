"""A simulator, and beside it the webhook server of somebody's application that it calls."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import parse_qsl

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from vonage_simulator import Simulator

NUMBER = "447700900001"
SECOND_NUMBER = "447700900002"
CALLER = "447700900999"
CALLEE = "447700900555"

SYNTAX_ERROR = "Syntax error in NCCO. Invalid value type or action."

Reply = Any  # JSON, a web.Response, or a function from Received to either


@dataclass(frozen=True)
class HarnessWebhook:
    """A webhook as the application's server got it."""

    path: str
    method: str
    query_string: str
    headers: dict[str, str]
    raw: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The fields, from the body or from the query."""
        if self.method == "GET":
            return dict(parse_qsl(self.query_string, keep_blank_values=True))
        body: dict[str, Any] = json.loads(self.raw)
        return body

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of its token, unchecked."""
        token = self.headers["Authorization"].removeprefix("Bearer ")
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return claims


@dataclass
class WebhookReply:
    """An answer of the simulator's own APIs."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.raw)


@dataclass
class SimulatorHarness:
    """Everything a test needs: the application's server, the simulator, and a client."""

    private_key: RSAPrivateKey
    client: aiohttp.ClientSession
    base: str = ""
    received: list[HarnessWebhook] = field(default_factory=list)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    simulator: Simulator = field(default_factory=Simulator)

    # The application's server

    def on(self, path: str, *replies: Reply) -> None:
        """What a path answers: one reply after the other, the last one again and again."""
        self.replies[path] = list(replies)

    def url(self, path: str) -> str:
        """The address of a path of the application's server."""
        return self.base + path

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a webhook."""
        got = HarnessWebhook(
            request.path,
            request.method,
            request.query_string,
            dict(request.headers),
            await request.read(),
        )
        self.received.append(got)
        queue = self.replies.get(request.path, [web.Response(status=204)])
        reply = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(reply):
            reply = reply(got)
        if asyncio.iscoroutine(reply):
            reply = await reply
        if isinstance(reply, web.Response):
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        return web.json_response(reply)

    def sent_to(self, path: str) -> list[HarnessWebhook]:
        """The webhooks that a path got."""
        return [got for got in self.received if got.path == path]

    def events(self, **wanted: Any) -> list[dict[str, Any]]:
        """The bodies that the event URL got, of those that have these values."""
        bodies = [got.fields for got in self.sent_to("/event")]
        return [
            body
            for body in bodies
            if all(name in body and body[name] == value for name, value in wanted.items())
        ]

    def statuses(self, uuid: str | None = None) -> list[str]:
        """The statuses that the event URL got, in order, of one leg or of all."""
        return [
            str(body["status"])
            for body in self.events()
            if "status" in body
            and (uuid is None or uuid in (body.get("uuid"), body.get("call_uuid")))
        ]

    # The simulator

    async def step(self, seconds: float) -> None:
        """Let time pass."""
        await self.simulator.clock.step(seconds)

    async def sim(self, method: str, path: str, body: Any = None) -> WebhookReply:
        """Speak to /sim."""
        return await self.request(method, "/sim" + path, body)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        data: bytes | IO[bytes] | None = None,
    ) -> WebhookReply:
        """Send a request, without credentials."""
        async with self.client.request(
            method, self.simulator.http_url + path, json=body, headers=headers, data=data
        ) as response:
            return WebhookReply(response.status, dict(response.headers), await response.read())

    def token(self, **changes: Any) -> str:
        """A token of the application; None takes a claim away."""
        now = int(time.time())
        claims = {
            "application_id": self.simulator.application_id,
            "iat": now,
            "exp": now + 900,
            "jti": "a-token",
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.private_key, algorithm="RS256")

    async def api(self, method: str, path: str, body: Any = None) -> WebhookReply:
        """Speak to the Voice API as the application."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return await self.request(method, path, body, headers)

    async def ring(
        self, ncco: Any = None, caller: str = CALLER, to: str = NUMBER, **more: Any
    ) -> "HarnessCall":
        """Call the number; the answer URL gives the NCCO, where one is given."""
        if ncco is not None:
            self.on("/answer", ncco)
        answered = await self.sim("POST", "/calls", {"from": caller, "to": to} | more)
        assert answered.status == 201, answered.raw
        call = HarnessCall(self, answered.json["uuid"], answered.json["conversation_uuid"])
        await self.step(0)
        return call

    async def place(self, ncco: Any = None, **more: Any) -> "HarnessCall":
        """Place a call through the API."""
        body = {
            "to": [{"type": "phone", "number": CALLEE}],
            "from": {"type": "phone", "number": NUMBER},
        } | more
        if "answer_url" not in body:
            body["ncco"] = ncco if ncco is not None else []
        answered = await self.api("POST", "/v1/calls", body)
        assert answered.status == 201, answered.raw
        call = HarnessCall(self, answered.json["uuid"], answered.json["conversation_uuid"])
        await self.step(0)
        return call

    async def called_leg(self) -> "HarnessCall":
        """The newest leg that the platform called."""
        legs = (await self.sim("GET", "/calls")).json["calls"]
        leg = [leg for leg in legs if leg["direction"] == "outbound"][-1]
        return HarnessCall(self, leg["uuid"], leg["conversation_uuid"])

    async def faults(self, **knobs: Any) -> None:
        """Turn exactly these faults on."""
        answered = await self.sim("PUT", "/faults", knobs)
        assert answered.status == 200, answered.raw

    async def entries(self, kind: str, uuid: str | None = None) -> list[dict[str, Any]]:
        """What the journal tells of this kind, of one leg or of all."""
        latest = (await self.sim("GET", "")).json["entries"]
        found: list[dict[str, Any]] = []
        async with self.client.get(self.simulator.http_url + "/sim/events") as response:
            while not found or found[-1]["id"] < latest:
                line = await response.content.readline()
                assert line, "the stream ended too early"
                if line.startswith(b"data: "):
                    found.append(json.loads(line.removeprefix(b"data: ")))
        return [
            entry
            for entry in found
            if entry["kind"] == kind and (uuid is None or entry.get("uuid") == uuid)
        ]

    async def callee(self, number: str = CALLEE, **how: Any) -> None:
        """Set how a number behaves when it is called."""
        answered = await self.sim("PUT", f"/callees/{number}", how)
        assert answered.status == 200, answered.raw


@dataclass(frozen=True)
class HarnessCall:
    """One leg."""

    stage: SimulatorHarness
    uuid: str
    conversation_uuid: str

    async def view(self) -> dict[str, Any]:
        """The leg as /sim shows it."""
        shown: dict[str, Any] = (await self.stage.sim("GET", f"/calls/{self.uuid}")).json
        return shown

    async def heard(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the leg heard, of one kind or all."""
        return [
            sound for sound in (await self.view())["heard"] if kind is None or sound["kind"] == kind
        ]

    async def texts(self) -> list[str]:
        """The texts that the leg heard the platform speak."""
        return [sound["text"] for sound in await self.heard("talk")]

    async def status(self) -> str:
        """The leg's status."""
        return str((await self.view())["status"])

    async def press(self, digits: str) -> None:
        """Press keys."""
        assert (await self._post("digits", {"digits": digits})).status == 204

    async def say(self, text: str) -> None:
        """Speak."""
        assert (await self._post("speech", {"text": text})).status == 200

    async def hang_up(self) -> None:
        """Hang up, and let it take effect."""
        assert (await self._post("hangup", {})).status == 204
        await self.stage.step(0)

    async def answer(self) -> None:
        """Answer by hand."""
        assert (await self._post("answer", {})).status == 204
        await self.stage.step(0)

    async def put(self, body: Any, path: str = "") -> WebhookReply:
        """PUT to the leg's path of the Voice API, and let it take effect."""
        answered = await self.stage.api("PUT", f"/v1/calls/{self.uuid}{path}", body)
        await self.stage.step(0)
        return answered

    async def _post(self, path: str, body: Any) -> WebhookReply:
        return await self.stage.sim("POST", f"/calls/{self.uuid}/{path}", body)


MakeStage = Callable[..., Any]


def talk(text: str, **more: Any) -> dict[str, Any]:
    """A talk action."""
    return {"action": "talk", "text": text} | more


def words(count: int) -> str:
    """A text that takes `count` times 375 ms to say, at 160 words a minute."""
    return " ".join(["word"] * count)
