"""What the simulated Vonage delivered and what the stack keeps of it, counted and compared."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.demo.call_driver import CallerLeg

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

# Beside the events, the table keeps what the application notes for itself.
_EVENTS = frozenset(
    ("status", "record", "transcription", "input", "notify", "transfer", "error", "unknown")
)
# The one door whose webhooks are not kept as events: an answer has no side effect.
_NOT_KEPT = "/webhooks/answer"
_NEAR = 1.5  # seconds by which a file's length may differ from the times that the event tells


class Reconciliation:
    """Counts on one platform."""

    def __init__(self, platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._vonage = platform.vonage.http_url
        self._dynamodb = platform.cloud.client("dynamodb")
        self._table = platform.stack.outputs["TableName"]
        self._s3 = platform.cloud.client("s3")
        self._bucket = platform.stack.outputs["BucketName"]

    async def legs(self) -> list[dict[str, Any]]:
        """Give every leg that Vonage knows, with its webhooks."""
        async with self._http.get(f"{self._vonage}/sim/calls") as response:
            uuids = [leg["uuid"] for leg in (await response.json())["calls"]]
        return [await CallerLeg(self._http, self._vonage, uuid).look() for uuid in uuids]

    async def acknowledged(self) -> int:
        """Count the webhooks that are to be kept and that the application acknowledged."""
        hooks = [hook for leg in await self.legs() for hook in leg["webhooks"]]
        return sum(acknowledged(hook) and _NOT_KEPT not in hook["url"] for hook in hooks)

    async def events(self) -> list[dict[str, Any]]:
        """Give all events of the table."""
        return [item for item in await self._items() if item.get("kind") in _EVENTS]

    async def recordings(self) -> dict[str, dict[str, Any]]:
        """Give what the table says of every recording in the bucket, by the recording's uuid."""
        items = await self._items()
        return {item["recording"]: item for item in items if item.get("kind") == "archive"}

    async def fault_of(self, recording: dict[str, Any], channels: int) -> str | None:
        """Say what is wrong with a recording that is kept, None if nothing is."""
        found = await asyncio.to_thread(
            self._s3.head_object, Bucket=self._bucket, Key=recording["key"]
        )
        begin, end = (
            datetime.fromisoformat(recording[name]) for name in ("start_time", "end_time")
        )
        lasted = (end - begin).total_seconds()
        if found["ContentLength"] != int(recording["size"]):
            return "the object has not the size that the table tells"
        if int(recording["channels"]) != channels:
            return f"the recording has {recording['channels']} channels and not {channels}"
        if abs(float(recording["seconds"]) - lasted) > _NEAR:
            return f"the recording has {recording['seconds']} s, the call told of {lasted:.0f}"
        return None

    async def _items(self) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
        found = await asyncio.to_thread(lambda: [item for page in pages for item in page["Items"]])
        return [
            {name: text for name, one in item.items() for text in one.values()} for item in found
        ]


def acknowledged(hook: dict[str, Any]) -> bool:
    """Say whether a webhook was answered well."""
    return hook["status"] in (200, 204)


def reported(leg: dict[str, Any], status: str) -> bool:
    """Say whether a leg's status was delivered."""
    return any(
        acknowledged(hook) and json.loads(hook["request"]["body"] or "{}").get("status") == status
        for hook in leg["webhooks"]
    )
