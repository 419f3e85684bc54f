"""Routes for the application's DynamoDB items and S3 objects."""

from __future__ import annotations

import asyncio
import base64
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web
from boto3.dynamodb.types import Binary, TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from local.webconsole import byte_ranges
from vonage_simulator.console.responses import HttpError

if TYPE_CHECKING:
    from vonage_simulator.console.responses import JsonResponder

_KEY = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MAX_ITEMS = 2000  # of one conversation
_CHUNK = 4 * 1024 * 1024  # bytes per request to S3; no S3 connection stays open between chunks
_SAFE_TYPES = ("application/json", "text/plain")
_SORT_KEYS = {"archive": "record", "transcript": "transcription"}


class StorageRoutes:
    """Routes for stored events, recordings and transcripts.

    Parameters
    ----------
    dynamodb, s3
        boto3 clients.
    table, bucket
        The names of the table and the bucket; None if the template has none.
    responder
        Builds JSON responses without secrets.
    """

    def __init__(
        self,
        dynamodb: Any,
        s3: Any,
        table: str | None,
        bucket: str | None,
        responder: JsonResponder,
    ) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket
        self._responder = responder

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of stored data."""
        recording = "/api/recordings/{uuid}"
        return [
            web.get("/api/conversations/{uuid}/items", self._conversation, allow_head=False),
            web.get(recording, self._recording, allow_head=False),
            web.get(f"{recording}/audio", self._audio, allow_head=False),
            web.get(f"{recording}/transcript", self._transcript, allow_head=False),
        ]

    async def _conversation(self, request: web.Request) -> web.Response:
        return self._responder.json({"items": await self._items(_uuid(request))})

    async def _recording(self, request: web.Request) -> web.Response:
        return self._responder.json(await self._recording_items(request))

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        return await self._send_object(request, "archive")

    async def _transcript(self, request: web.Request) -> web.StreamResponse:
        return await self._send_object(request, "transcript")

    async def _items(self, partition: str) -> list[dict[str, Any]]:
        if self._table is None:
            return []
        try:
            return await asyncio.to_thread(self._query, self._table, partition)
        except (BotoCoreError, ClientError) as error:
            raise HttpError(502, "The table cannot be read", str(error)) from None

    def _query(self, table: str, partition: str) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            PaginationConfig={"MaxItems": _MAX_ITEMS},
        )
        return [plain_item(item) for page in pages for item in page["Items"]]

    async def _recording_items(self, request: web.Request) -> dict[str, dict[str, Any] | None]:
        items = {item.get("sk"): item for item in await self._items(f"recording#{_uuid(request)}")}
        return {name: items.get(sort_key) for name, sort_key in _SORT_KEYS.items()}

    async def _send_object(self, request: web.Request, name: str) -> web.StreamResponse:
        item = (await self._recording_items(request))[name]
        if item is None or "key" not in item or self._bucket is None:
            raise HttpError(404, "Not Found", f"no {name} is stored for this recording")
        location = {"Bucket": self._bucket, "Key": str(item["key"])}
        try:
            return await self._stream_object(request, location)
        except (BotoCoreError, ClientError) as error:
            raise HttpError(502, "The bucket cannot be read", str(error)) from None

    async def _stream_object(
        self, request: web.Request, location: dict[str, str]
    ) -> web.StreamResponse:
        head = await asyncio.to_thread(self._s3.head_object, **location)
        size, tag = head["ContentLength"], head["ETag"]
        # If the page has the start of another version, it gets the whole object.
        is_same = request.headers.get("If-Range", tag) == tag
        header = request.headers.get("Range") if is_same else None
        headers = {"Accept-Ranges": "bytes", "ETag": tag}
        try:
            selected = byte_ranges.parse_range(header, size)
        except byte_ranges.RangeNotSatisfiable:
            headers["Content-Range"] = f"bytes */{size}"
            return web.Response(status=416, headers=headers)
        if selected is not None:
            headers["Content-Range"] = f"bytes {selected.start}-{selected.stop - 1}/{size}"
        response = web.StreamResponse(status=200 if selected is None else 206, headers=headers)
        response.content_type = _safe_type(head.get("ContentType", ""))
        selected = selected or range(size)
        response.content_length = len(selected)
        await response.prepare(request)
        for start in range(selected.start, selected.stop, _CHUNK):
            stop = min(start + _CHUNK, selected.stop)
            await response.write(await asyncio.to_thread(self._read, location, start, stop))
        await response.write_eof()
        return response

    def _read(self, location: dict[str, str], start: int, stop: int) -> bytes:
        response = self._s3.get_object(**location, Range=f"bytes={start}-{stop - 1}")
        with response["Body"] as body:
            return bytes(body.read())


def plain_item(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a DynamoDB item to plain JSON: bytes to base64, sets to sorted lists."""
    deserializer = TypeDeserializer()
    return {name: _plain(deserializer.deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Binary):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, set):
        return sorted(_plain(one) for one in value)
    return value


def _uuid(request: web.Request) -> str:
    uuid = request.match_info["uuid"]
    if not _KEY.fullmatch(uuid):
        raise web.HTTPNotFound
    return uuid


def _safe_type(content_type: str) -> str:
    """Return the content type, or application/octet-stream if a browser could run the content."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind if kind in _SAFE_TYPES or kind.startswith("audio/") else "application/octet-stream"
