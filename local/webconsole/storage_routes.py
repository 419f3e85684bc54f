"""What the application has kept: the items of its table, the objects of its bucket."""

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
from local.webconsole.responses import HttpError

if TYPE_CHECKING:
    from local.webconsole.responses import JsonResponder

_KEY = re.compile(r"[A-Za-z0-9._-]{1,128}")
_ITEMS = 2000  # of one conversation
_PIECE = 4 * 1024 * 1024  # bytes that are asked of S3 at once: nothing stays open in between
_HARMLESS = ("application/json", "text/plain")
_KINDS = {"archive": "record", "transcript": "transcription"}


class StorageRoutes:
    """The handlers.

    Parameters
    ----------
    dynamodb, s3
        boto3 clients.
    table, bucket
        Their names, None where the template has none.
    answers
        Writes JSON without secrets.
    """

    def __init__(
        self, dynamodb: Any, s3: Any, table: str | None, bucket: str | None, answers: JsonResponder
    ) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket
        self._answers = answers

    def routes(self) -> list[web.RouteDef]:
        """Give every path of what was kept."""
        recording = "/api/recordings/{uuid}"
        return [
            web.get("/api/conversations/{uuid}/items", self._conversation, allow_head=False),
            web.get(recording, self._recording, allow_head=False),
            web.get(f"{recording}/audio", self._audio, allow_head=False),
            web.get(f"{recording}/transcript", self._transcript, allow_head=False),
        ]

    async def _conversation(self, request: web.Request) -> web.Response:
        return self._answers.json({"items": await self._items(_uuid(request))})

    async def _recording(self, request: web.Request) -> web.Response:
        return self._answers.json(await self._archived(request))

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        return await self._object(request, "archive")

    async def _transcript(self, request: web.Request) -> web.StreamResponse:
        return await self._object(request, "transcript")

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
            PaginationConfig={"MaxItems": _ITEMS},
        )
        return [plain_item(item) for page in pages for item in page["Items"]]

    async def _archived(self, request: web.Request) -> dict[str, dict[str, Any] | None]:
        found = {item.get("sk"): item for item in await self._items(f"recording#{_uuid(request)}")}
        return {name: found.get(kind) for name, kind in _KINDS.items()}

    async def _object(self, request: web.Request, name: str) -> web.StreamResponse:
        item = (await self._archived(request))[name]
        if item is None or "key" not in item or self._bucket is None:
            raise HttpError(404, "Not Found", f"no {name} of this recording is kept")
        where = {"Bucket": self._bucket, "Key": str(item["key"])}
        try:
            return await self._send(request, where)
        except (BotoCoreError, ClientError) as error:
            raise HttpError(502, "The bucket cannot be read", str(error)) from None

    async def _send(self, request: web.Request, where: dict[str, str]) -> web.StreamResponse:
        head = await asyncio.to_thread(self._s3.head_object, **where)
        size, tag = head["ContentLength"], head["ETag"]
        # A page that has another object's beginning gets all of this one.
        is_same = request.headers.get("If-Range", tag) == tag
        header = request.headers.get("Range") if is_same else None
        headers = {"Accept-Ranges": "bytes", "ETag": tag}
        try:
            wanted = byte_ranges.part(header, size)
        except byte_ranges.OutOfRange:
            headers["Content-Range"] = f"bytes */{size}"
            return web.Response(status=416, headers=headers)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
        response.content_type = _content_type(head.get("ContentType", ""))
        wanted = wanted or range(size)
        response.content_length = len(wanted)
        await response.prepare(request)
        for begin in range(wanted.start, wanted.stop, _PIECE):
            end = min(begin + _PIECE, wanted.stop)
            await response.write(await asyncio.to_thread(self._piece, where, begin, end))
        await response.write_eof()
        return response

    def _piece(self, where: dict[str, str], begin: int, end: int) -> bytes:
        answer = self._s3.get_object(**where, Range=f"bytes={begin}-{end - 1}")
        with answer["Body"] as body:
            return bytes(body.read())


def plain_item(item: dict[str, Any]) -> dict[str, Any]:
    """Make plain JSON of an item of DynamoDB; bytes become base64, sets lists in order."""
    read = TypeDeserializer()
    return {name: _plain(read.deserialize(value)) for name, value in item.items()}


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


def _content_type(given: str) -> str:
    """Give the type of an object, unless a browser could take it for a page or a program."""
    kind = given.partition(";")[0].strip().lower()
    return kind if kind in _HARMLESS or kind.startswith("audio/") else "application/octet-stream"
