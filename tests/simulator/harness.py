"""A simulator, and the webhook server of the application that it calls."""

import asyncio
import json
import time
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

# What the token of a Client SDK user allows (JWT and ACL guide).
CLIENT_ACL: dict[str, Any] = {
    "paths": {
        f"/*/{name}/**": {}
        for name in (
            "users", "conversations", "sessions", "devices", "image", "media", "applications",
            "push", "knocking", "legs",
        )
    }
}  # fmt: skip

CannedResponse = Any  # JSON, a web.Response, or a function from a HarnessWebhook to either


@dataclass(frozen=True)
class HarnessWebhook:
    """A webhook that the application's server received."""

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
        """The claims of its token, not verified."""
        token = self.headers["Authorization"].removeprefix("Bearer ")
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return claims


@dataclass
class SimulatorResponse:
    """A response of the simulator's APIs."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@dataclass
class SimulatorHarness:
    """The application's server, the simulator, and a client of its APIs."""

    private_key: RSAPrivateKey
    client: aiohttp.ClientSession
    base: str = ""
    received: list[HarnessWebhook] = field(default_factory=list)
    responses: dict[str, list[CannedResponse]] = field(default_factory=dict)
    simulator: Simulator = field(default_factory=Simulator)

    # The application's server

    def on(self, path: str, *responses: CannedResponse) -> None:
        """Set the responses of a path: one after the other, then the last one repeatedly."""
        self.responses[path] = list(responses)

    def url(self, path: str) -> str:
        """Return the URL of a path of the application's server."""
        return self.base + path

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Respond to a webhook."""
        webhook = HarnessWebhook(
            request.path,
            request.method,
            request.query_string,
            dict(request.headers),
            await request.read(),
        )
        self.received.append(webhook)
        queue = self.responses.get(request.path, [web.Response(status=204)])
        response = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(response):
            response = response(webhook)
        if asyncio.iscoroutine(response):
            response = await response
        if isinstance(response, web.Response):
            return web.Response(
                status=response.status, body=response.body, headers=response.headers
            )
        return web.json_response(response)

    def sent_to(self, path: str) -> list[HarnessWebhook]:
        """Return the webhooks that a path received."""
        return [webhook for webhook in self.received if webhook.path == path]

    def events(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the bodies that the event URL received, of those with these values."""
        bodies = [webhook.fields for webhook in self.sent_to("/event")]
        return [
            body
            for body in bodies
            if all(name in body and body[name] == value for name, value in fields.items())
        ]

    def statuses(self, uuid: str | None = None) -> list[str]:
        """Return the statuses that the event URL received, in order, of one leg or of all."""
        return [
            str(body["status"])
            for body in self.events()
            if "status" in body
            and (uuid is None or uuid in (body.get("uuid"), body.get("call_uuid")))
        ]

    # The simulator

    async def step(self, seconds: float) -> None:
        """Move the stopped clock forward."""
        await self.simulator.clock.step(seconds)

    async def control(self, method: str, path: str, body: Any = None) -> SimulatorResponse:
        """Send a request to the control API."""
        return await self.request(method, "/sim" + path, body)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        data: bytes | IO[bytes] | None = None,
    ) -> SimulatorResponse:
        """Send a request without credentials."""
        async with self.client.request(
            method, self.simulator.http_url + path, json=body, headers=headers, data=data
        ) as response:
            return SimulatorResponse(response.status, dict(response.headers), await response.read())

    def token(self, **changes: Any) -> str:
        """Create a token of the application; None omits a claim."""
        now = int(time.time())
        claims = {
            "application_id": self.simulator.application_id,
            "iat": now,
            "exp": now + 900,
            "jti": "a-token",
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.private_key, algorithm="RS256")

    async def api(self, method: str, path: str, body: Any = None) -> SimulatorResponse:
        """Send a request to the Voice API, as the application."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return await self.request(method, path, body, headers)

    async def receive_call(
        self, ncco: Any = None, caller: str | None = CALLER, to: str = NUMBER, **more: Any
    ) -> "HarnessCall":
        """Call the number; the answer URL returns the NCCO, if there is one."""
        if ncco is not None:
            self.on("/answer", ncco)
        response = await self.control("POST", "/calls", {"from": caller, "to": to} | more)
        assert response.status == 201, response.raw
        call = HarnessCall(self, response.json["uuid"], response.json["conversation_uuid"])
        await self.step(0)
        return call

    async def place_call(self, ncco: Any = None, **more: Any) -> "HarnessCall":
        """Place a call through the Voice API."""
        body = {
            "to": [{"type": "phone", "number": CALLEE}],
            "from": {"type": "phone", "number": NUMBER},
        } | more
        if "answer_url" not in body:
            body["ncco"] = ncco if ncco is not None else []
        response = await self.api("POST", "/v1/calls", body)
        assert response.status == 201, response.raw
        call = HarnessCall(self, response.json["uuid"], response.json["conversation_uuid"])
        await self.step(0)
        return call

    async def called_leg(self) -> "HarnessCall":
        """Return the newest outbound leg."""
        legs = (await self.control("GET", "/calls")).json["calls"]
        leg = [leg for leg in legs if leg["direction"] == "outbound"][-1]
        return HarnessCall(self, leg["uuid"], leg["conversation_uuid"])

    async def faults(self, **faults: Any) -> None:
        """Turn on exactly these faults."""
        response = await self.control("PUT", "/faults", faults)
        assert response.status == 200, response.raw

    async def entries(
        self, kind: str | None = None, uuid: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the journal entries of this kind or of all, of one leg or of all."""
        latest = (await self.control("GET", "")).json["entries"]
        entries: list[dict[str, Any]] = []
        async with self.client.get(self.simulator.http_url + "/sim/events") as response:
            while not entries or entries[-1]["id"] < latest:
                line = await response.content.readline()
                assert line, "the stream ended too early"
                if line.startswith(b"data: "):
                    entries.append(json.loads(line.removeprefix(b"data: ")))
        return [
            entry
            for entry in entries
            if kind in (None, entry["kind"]) and uuid in (None, entry.get("uuid"))
        ]

    async def callee(self, number: str = CALLEE, **behavior: Any) -> None:
        """Set how a number behaves when it is called."""
        response = await self.control("PUT", f"/callees/{number}", behavior)
        assert response.status == 200, response.raw


@dataclass(frozen=True)
class HarnessCall:
    """A leg in the simulator."""

    harness: SimulatorHarness
    uuid: str
    conversation_uuid: str

    async def view(self) -> dict[str, Any]:
        """Return the leg's JSON of the control API."""
        leg: dict[str, Any] = (await self.harness.control("GET", f"/calls/{self.uuid}")).json
        return leg

    async def heard(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return what the leg heard, of one kind or all."""
        return [
            sound for sound in (await self.view())["heard"] if kind is None or sound["kind"] == kind
        ]

    async def texts(self) -> list[str]:
        """Return the texts that the simulator spoke to the leg."""
        return [sound["text"] for sound in await self.heard("talk")]

    async def status(self) -> str:
        return str((await self.view())["status"])

    async def press(self, digits: str) -> None:
        assert (await self._post("digits", {"digits": digits})).status == 204

    async def say(self, text: str) -> None:
        assert (await self._post("speech", {"text": text})).status == 200

    async def hang_up(self) -> None:
        """Hang up, and let it take effect."""
        assert (await self._post("hangup", {})).status == 204
        await self.harness.step(0)

    async def answer(self) -> None:
        """Answer as the callee, and let it take effect."""
        assert (await self._post("answer", {})).status == 204
        await self.harness.step(0)

    async def put(self, body: Any, path: str = "") -> SimulatorResponse:
        """Send a PUT to the leg's path of the Voice API, and let it take effect."""
        response = await self.harness.api("PUT", f"/v1/calls/{self.uuid}{path}", body)
        await self.harness.step(0)
        return response

    async def _post(self, path: str, body: Any) -> SimulatorResponse:
        return await self.harness.control("POST", f"/calls/{self.uuid}/{path}", body)


def talk(text: str, **more: Any) -> dict[str, Any]:
    return {"action": "talk", "text": text} | more


def words(count: int) -> str:
    """Return a text of `count` words, each of which takes 375 ms at 160 words a minute."""
    return " ".join(["word"] * count)
