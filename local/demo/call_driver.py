"""Drive the simulated callers and the admin API of a scenario."""

from __future__ import annotations

import asyncio
import io
import json
import time
import uuid
import wave
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from local.local_platform import LocalPlatform

CALLER = "447700900123"
PATIENCE = 30.0  # seconds of real time to wait for any condition


class ScenarioFailed(Exception):
    """A call did not proceed as expected; the message states the difference."""


@dataclass(frozen=True)
class CallerLeg:
    """A leg on the simulated Vonage, from the point of view of its party."""

    http: aiohttp.ClientSession
    url: str
    uuid: str

    async def details(self) -> dict[str, Any]:
        """Return the leg's details from the simulator's control API."""
        async with self.http.get(f"{self.url}/sim/calls/{self.uuid}") as response:
            response.raise_for_status()
            found: dict[str, Any] = await response.json()
            return found

    async def has_heard(self, sound: str) -> bool:
        """Return whether a text, or a sound of a kind, was played to the end."""
        heard = [one for one in (await self.details())["heard"] if one["to_ms"] is not None]
        return any(sound == one["kind"] or sound in words(one) for one in heard)

    async def hear(self, sound: str) -> None:
        """Wait until a text, or a sound of a kind, was played to the end."""
        await until(lambda: self.has_heard(sound), f"{sound!r} was not heard in time")

    async def press(self, digits: str) -> None:
        """Press DTMF digits."""
        await self._do("digits", digits=digits)

    async def say(self, text: str) -> None:
        """Speak a text."""
        await self._do("speech", text=text)

    async def hang_up(self) -> None:
        """Hang up, and wait until the call has ended."""
        await self._do("hangup")
        await self.over()

    async def over(self) -> None:
        """Wait until the call has ended."""
        await until(self._is_over, "the call did not end in time")

    async def _do(self, action: str, **body: str) -> None:
        url = f"{self.url}/sim/calls/{self.uuid}/{action}"
        async with self.http.post(url, json=body) as response:
            if response.status >= 400:
                raise ScenarioFailed(f"{action}: {await response.text()}")

    async def _is_over(self) -> bool:
        return bool((await self.details())["over"])


@dataclass
class CallDriver:
    """The legs of a scenario, the number that callers dial, and the admin API."""

    platform: LocalPlatform
    http: aiohttp.ClientSession
    number: str
    legs: list[CallerLeg] = field(default_factory=list)
    earlier_mails: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.earlier_mails = list(self.platform.outbox.mails)

    @property
    def vonage(self) -> str:
        """The URL of the simulated Vonage."""
        return self.platform.vonage.http_url

    @property
    def second_number(self) -> str:
        """The number that flows and the admin API call."""
        return self.platform.template.parameters["SecondNumber"]

    async def call(self, caller: str = CALLER) -> CallerLeg:
        """Call the number."""
        body = {"from": caller, "to": self.number}
        async with self.http.post(f"{self.vonage}/sim/calls", json=body) as response:
            response.raise_for_status()
            return self._add_leg((await response.json())["uuid"])

    async def set_callee(self, behavior: str) -> None:
        """Set the behavior of the second number when it is called."""
        url = f"{self.vonage}/sim/callees/{self.second_number}"
        async with self.http.put(url, json={"behaviour": behavior, "after": 2}) as response:
            response.raise_for_status()

    async def callee(self) -> CallerLeg:
        """Wait until a callee answers, and return the callee's leg."""
        return self._add_leg(await until(self._answered, "no callee answered in time"))

    async def ringing_callee(self) -> None:
        """Wait until a callee's phone rings."""
        await until(self._is_ringing, "no callee rang in time")

    async def mail(self, subject: str) -> dict[str, Any]:
        """Wait for the scenario's mail with the beginning of a subject, and return it."""

        async def find() -> dict[str, Any] | None:
            return next((one for one in self.mails() if one["subject"].startswith(subject)), None)

        return dict(await until(find, f"no mail {subject!r} was sent in time"))

    def mails(self) -> list[dict[str, Any]]:
        """Return the mails about the number since the beginning of the scenario."""
        mails = [one for one in self.platform.outbox.mails if one["line"] == self.number]
        return [one for one in mails if one not in self.earlier_mails]

    async def place(self, **body: Any) -> CallerLeg:
        """Call the second number through the admin API, and return the callee's leg."""
        await self.set_callee("answer")
        to = [{"type": "phone", "number": self.second_number}]
        await self.request("POST", "/calls", {"to": to, **body})
        return await self.callee()

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a signed request to the admin API and return the JSON of its response."""
        url = f"{self.platform.api_url}{path}"
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        signed = self.platform.signed(method, path, content, headers)
        async with self.http.request(method, url, data=content, headers=signed) as response:
            text = await response.text()
            if response.status >= 400:
                raise ScenarioFailed(f"{method} {path}: {response.status} {text}")
            return json.loads(text) if text else None

    async def upload_sound(self) -> str:
        """Upload one second of silence and return a URL from which Vonage can fetch it."""
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(bytes(2 * 16000))
        s3, bucket = self.platform.moto.client("s3"), self.platform.stack.outputs["BucketName"]
        target = {"Bucket": bucket, "Key": "sounds/silence.wav"}
        await asyncio.to_thread(s3.put_object, **target, Body=content.getvalue())
        return str(s3.generate_presigned_url("get_object", target))

    async def _callees(self) -> list[dict[str, Any]]:
        async with self.http.get(f"{self.vonage}/sim/calls") as response:
            legs = (await response.json())["calls"]
        return [leg for leg in legs if leg["direction"] == "outbound" and not leg["over"]]

    async def _answered(self) -> str | None:
        return next((leg["uuid"] for leg in await self._callees() if leg["answered_at"]), None)

    async def _is_ringing(self) -> bool:
        return any(leg["status"] == "ringing" for leg in await self._callees())

    def _add_leg(self, uuid: str) -> CallerLeg:
        self.legs.append(CallerLeg(self.http, self.vonage, uuid))
        return self.legs[-1]


def words(sound: dict[str, Any]) -> str:
    """Return the text of a sound; empty if it has none."""
    return str(sound.get("text", ""))


async def until(condition: Callable[[], Awaitable[Any]], problem: str) -> Any:
    """Wait until a condition is true and return its value.

    Raises
    ------
    ScenarioFailed
        If it is not true in time; ``problem`` is the message.
    """
    end = time.monotonic() + PATIENCE
    while not (found := await condition()):
        if time.monotonic() > end:
            raise ScenarioFailed(problem)
        await asyncio.sleep(0.1)
    return found
