"""Who takes part in a demo call: people on the simulated Vonage's lines, and the owner."""

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
PATIENCE = 30.0  # seconds of real time within which anything that is waited for must happen


class ScenarioFailed(Exception):
    """What should have happened on a call did not; the text says what."""


@dataclass(frozen=True)
class CallerLeg:
    """A leg on the simulated Vonage, as the person on it has it in the hand."""

    http: aiohttp.ClientSession
    url: str
    uuid: str

    async def look(self) -> dict[str, Any]:
        """Say what happened on this leg so far."""
        async with self.http.get(f"{self.url}/sim/calls/{self.uuid}") as response:
            response.raise_for_status()
            found: dict[str, Any] = await response.json()
            return found

    async def has_heard(self, what: str) -> bool:
        """Say whether these words, or a sound of this kind, were heard to the end."""
        sounds = [sound for sound in (await self.look())["heard"] if sound["to_ms"] is not None]
        return any(what == sound["kind"] or what in words(sound) for sound in sounds)

    async def hear(self, what: str) -> None:
        """Wait until these words, or a sound of this kind, have been heard to the end."""
        await until(lambda: self.has_heard(what), f"{what!r} was not heard on the line in time")

    async def press(self, digits: str) -> None:
        """Press keys."""
        await self._do("digits", digits=digits)

    async def say(self, text: str) -> None:
        """Say something."""
        await self._do("speech", text=text)

    async def hang_up(self) -> None:
        """Hang up, and wait until the call has ended."""
        await self._do("hangup")
        await self.over()

    async def over(self) -> None:
        """Wait until the call has ended."""
        await until(self._is_over, "the call did not end in time")

    async def _do(self, what: str, **body: str) -> None:
        async with self.http.post(f"{self.url}/sim/calls/{self.uuid}/{what}", json=body) as reply:
            if reply.status >= 400:
                raise ScenarioFailed(f"{what}: {await reply.text()}")

    async def _is_over(self) -> bool:
        return bool((await self.look())["over"])


@dataclass
class CallDriver:
    """Where a call is played: its people, the number that they ring, and the owner's API."""

    platform: LocalPlatform
    http: aiohttp.ClientSession
    number: str
    lines: list[CallerLeg] = field(default_factory=list)

    @property
    def vonage(self) -> str:
        """The address of the simulated Vonage."""
        return self.platform.vonage.http_url

    @property
    def second_number(self) -> str:
        """The number that flows and the owner call."""
        return self.platform.template.parameters["SecondNumber"]

    async def ring(self, caller: str = CALLER) -> CallerLeg:
        """Ring the number."""
        body = {"from": caller, "to": self.number}
        async with self.http.post(f"{self.vonage}/sim/calls", json=body) as response:
            response.raise_for_status()
            return self._line((await response.json())["uuid"])

    async def second_number_is(self, behaviour: str) -> None:
        """Set what happens when the second number is called."""
        url = f"{self.vonage}/sim/callees/{self.second_number}"
        async with self.http.put(url, json={"behaviour": behaviour, "after": 2}) as response:
            response.raise_for_status()

    async def called(self) -> CallerLeg:
        """Give the line of whoever was called and answered, waiting for it."""
        return self._line(await until(self._answered, "nobody who was called answered in time"))

    async def place(self, **body: Any) -> CallerLeg:
        """Have the owner call the second number; give the line of whoever answers there."""
        await self.second_number_is("answer")
        to = [{"type": "phone", "number": self.second_number}]
        await self.owner("POST", "/calls", {"to": to, **body})
        return await self.called()

    async def owner(self, method: str, path: str, body: Any = None) -> Any:
        """Use the owner's API, signed as the owner of the AWS account signs; give its answer."""
        address = f"{self.platform.api_url}{path}"
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        signed = self.platform.signed(method, path, content, headers)
        async with self.http.request(method, address, data=content, headers=signed) as reply:
            text = await reply.text()
            if reply.status >= 400:
                raise ScenarioFailed(f"{method} {path}: {reply.status} {text}")
            return json.loads(text) if text else None

    async def sound(self) -> str:
        """Put a sound of a second where Vonage can fetch it; give its address."""
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(bytes(2 * 16000))
        s3, bucket = self.platform.cloud.client("s3"), self.platform.stack.outputs["BucketName"]
        where = {"Bucket": bucket, "Key": "sounds/silence.wav"}
        await asyncio.to_thread(s3.put_object, **where, Body=content.getvalue())
        return str(s3.generate_presigned_url("get_object", where))

    async def _answered(self) -> str | None:
        async with self.http.get(f"{self.vonage}/sim/calls") as response:
            legs = (await response.json())["calls"]
        for leg in legs:
            if leg["direction"] == "outbound" and leg["answered_at"] and not leg["over"]:
                return str(leg["uuid"])
        return None

    def _line(self, leg: str) -> CallerLeg:
        self.lines.append(CallerLeg(self.http, self.vonage, leg))
        return self.lines[-1]


def words(sound: dict[str, Any]) -> str:
    """Give the words of a sound, empty where it has none."""
    return str(sound.get("text", ""))


async def until(holds: Callable[[], Awaitable[Any]], otherwise: str) -> Any:
    """Wait until something is so, and give it.

    Raises
    ------
    Disappointment
        If it is not so in time.
    """
    end = time.monotonic() + PATIENCE
    while not (found := await holds()):
        if time.monotonic() > end:
            raise ScenarioFailed(otherwise)
        await asyncio.sleep(0.1)
    return found
