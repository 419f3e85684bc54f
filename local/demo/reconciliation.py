"""Compare what the simulated Vonage delivered with what the stack stored."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from local.demo.call_driver import CallerLeg

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

# The kinds of events. The table also stores the application's own records.
_EVENTS = frozenset(
    ("status", "record", "transcription", "input", "notify", "transfer", "error", "unknown")
)
# The only webhook that is not stored: an answer has no side effect.
_NOT_STORED = "/webhooks/answer"
_TOLERANCE = 1.5  # seconds by which a file's length may differ from the times in the event


class Reconciliation:
    """Counts of delivered and of stored events and recordings on one platform."""

    def __init__(self, platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._vonage = platform.vonage.http_url
        self._dynamodb = platform.moto.client("dynamodb")
        self._table = platform.stack.outputs["TableName"]
        self._s3 = platform.moto.client("s3")
        self._bucket = platform.stack.outputs["BucketName"]

    async def legs(self) -> list[dict[str, Any]]:
        """Return the details of every leg at the simulated Vonage, with its webhooks."""
        async with self._http.get(f"{self._vonage}/sim/calls") as response:
            uuids = [leg["uuid"] for leg in (await response.json())["calls"]]
        return [await CallerLeg(self._http, self._vonage, uuid).details() for uuid in uuids]

    async def acknowledged(self) -> int:
        """Return the number of acknowledged webhooks that must be stored."""
        webhooks = [webhook for leg in await self.legs() for webhook in leg["webhooks"]]
        return sum(acknowledged(one) and _NOT_STORED not in one["url"] for one in webhooks)

    async def events(self) -> list[dict[str, Any]]:
        """Return all events in the table."""
        return [item for item in await self._items() if item.get("kind") in _EVENTS]

    async def recordings(self) -> dict[str, dict[str, Any]]:
        """Return the table items of all recordings in the bucket, by recording UUID."""
        items = await self._items()
        return {item["recording"]: item for item in items if item.get("kind") == "archive"}

    async def problem_of(self, recording: dict[str, Any], channels: int) -> str | None:
        """Return a problem of a stored recording; None if there is none."""
        stored = await asyncio.to_thread(
            self._s3.head_object, Bucket=self._bucket, Key=recording["key"]
        )
        begin, end = (
            datetime.fromisoformat(recording[name]) for name in ("start_time", "end_time")
        )
        duration = (end - begin).total_seconds()
        if stored["ContentLength"] != int(recording["size"]):
            return f"the object has {stored['ContentLength']} bytes; expected {recording['size']}"
        if int(recording["channels"]) != channels:
            return f"the recording's channels: {recording['channels']}; expected {channels}"
        if abs(float(recording["seconds"]) - duration) > _TOLERANCE:
            return f"the recording lasts {recording['seconds']} s; expected {duration:.0f} s"
        return None

    async def _items(self) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table)
        found = await asyncio.to_thread(lambda: [item for page in pages for item in page["Items"]])
        return [
            {name: text for name, one in item.items() for text in one.values()} for item in found
        ]


def acknowledged(webhook: dict[str, Any]) -> bool:
    """Return whether the response to a webhook was a success."""
    return webhook["status"] in (200, 204)


def reported(leg: dict[str, Any], status: str) -> bool:
    """Return whether a leg's status was delivered."""
    return any(
        acknowledged(one) and json.loads(one["request"]["body"] or "{}").get("status") == status
        for one in leg["webhooks"]
    )
