"""Read stored data: a call's events, a day's calls, and presigned links to recordings."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from records.event import normalized_leg, parse_event
from records.recording_item import item_key
from voicekit.signature import parameters
from voicekit.webhook_fields import is_vonage_field, parse_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from records.event import CallEvent

LINK_LIFETIME = 300
"""Seconds for which a link to a recording is valid."""
_MAX_BYTES = 3 * 1024 * 1024  # of events in one response: Lambda's limit is 6 MB, and JSON escapes
_CURSOR_FIELDS = ("day", "pk", "sk")
_TEXT_FIELDS = ("content_type", "sha256", "start_time", "end_time", "stored_at")
_NUMBER_FIELDS = ("size", "seconds", "channels")
_ROW = ("status", "direction", "from", "to", "duration")


class RecordNotFound(Exception):
    """No such record is stored; the text says which."""


class InvalidCursor(Exception):
    """A cursor that this application did not issue for this day."""


class CallEvents(NamedTuple):
    """The events of a call, unordered. ``whole`` is False if one response can't hold all."""

    events: list[CallEvent]
    whole: bool


class HistoryPage(NamedTuple):
    """A page of a day's calls, oldest first, with the cursor of the next one (None at the end)."""

    entries: list[dict[str, Any]]
    cursor: str | None


class RecordReader:
    """Read access to the table and the bucket of a stack.

    Parameters
    ----------
    dynamodb, s3
        boto3 clients.
    table, bucket
        Their names.
    """

    def __init__(self, dynamodb: Any, s3: Any, table: str, bucket: str) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket

    def events_of(self, leg: str) -> CallEvents:
        """Return the events of a leg, and those of every conversation that it was in.

        Parameters
        ----------
        leg
            Its UUID, with or without dashes.

        Raises
        ------
        RecordNotFound
            If no event names the leg.
        """
        of_leg, whole = self._collect(
            IndexName="by-leg",
            KeyConditionExpression="leg = :leg",
            ExpressionAttributeValues={":leg": {"S": normalized_leg(leg)}},
        )
        if not of_leg:
            raise RecordNotFound("No event of this call is stored.")
        found = {_item_key(item): item for item in of_leg}
        # The items of the other legs and of recordings have the conversation as their key.
        for conversation in dict.fromkeys(item["pk"] for item in of_leg):
            items, is_complete = self._collect(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": conversation}},
            )
            found |= {_item_key(item): item for item in items}
            whole = whole and is_complete
        return CallEvents([read(item) for item in found.values() if "body" in item], whole)

    def day(self, day: str, most: int, cursor: str | None) -> HistoryPage:
        """Return the starts and ends of calls on a day (UTC), oldest first.

        Parameters
        ----------
        day
            Such as ``2026-01-31``.
        most
            Maximum number of entries on a page.
        cursor
            The cursor of the previous page, None for the first page.

        Raises
        ------
        InvalidCursor
            If the cursor is not of this day.
        """
        start = {} if cursor is None else {"ExclusiveStartKey": _key_from(cursor, day)}
        try:
            response = self._dynamodb.query(
                TableName=self._table,
                IndexName="by-day",
                KeyConditionExpression="#day = :day",
                ExpressionAttributeNames={"#day": "day"},
                ExpressionAttributeValues={":day": {"S": day}},
                Limit=most,
                **start,
            )
        except ClientError as error:
            # DynamoDB rejects a key that is not possible in the index: the cursor is not ours.
            if cursor and error.response["Error"]["Code"] == "ValidationException":
                raise InvalidCursor from None
            raise
        last = response.get("LastEvaluatedKey")
        return HistoryPage(
            [_row(_plain(item)) for item in response["Items"]], last and _cursor_from(last)
        )

    def link_to(self, recording: str) -> dict[str, Any]:
        """Return a link to a recording with its metadata, and a link to its transcript, if any.

        Anyone who has a link can use it for `LINK_LIFETIME` seconds.

        Parameters
        ----------
        recording
            The ``recording_uuid`` of Vonage's event.

        Raises
        ------
        RecordNotFound
            If it is not stored: not yet, no longer, or never.
        """
        items = {
            item["sk"]: item
            for item in self._pages(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": item_key(recording)["pk"]}},
            )
        }
        stored = items.get("record")
        if stored is None:
            raise RecordNotFound(
                "This recording is not stored: it was not fetched yet, or it does not exist."
            )
        result: dict[str, Any] = {name: stored[name] for name in _TEXT_FIELDS if name in stored}
        result |= {name: float(stored[name]) for name in _NUMBER_FIELDS if name in stored}
        result |= {"url": self._link(stored["key"]), "expires_in": LINK_LIFETIME}
        if "transcription" in items:
            result["transcript_url"] = self._link(items["transcription"]["key"])
        return {"uuid": recording, "conversation_uuid": stored["conversation"], **result}

    def _link(self, key: str) -> str:
        link: str = self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=LINK_LIFETIME
        )
        return link

    def _collect(self, **query: Any) -> tuple[list[dict[str, Any]], bool]:
        """Return the items that a query finds, and whether these are all."""
        items: list[dict[str, Any]] = []
        size = 0
        for item in self._pages(**query):
            size += len(item.get("body", ""))
            if size > _MAX_BYTES:
                return items, False
            items.append(item)
        return items, True

    def _pages(self, **query: Any) -> Iterator[dict[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            response = self._dynamodb.query(TableName=self._table, **query, **start)
            yield from map(_plain, response["Items"])
            if "LastEvaluatedKey" not in response:
                return
            start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def read(item: dict[str, Any]) -> CallEvent:
    """Parse the event in an item."""
    return parse_event(fields_of(item["method"], item["body"]))


def fields_of(method: str, body: str) -> dict[str, Any]:
    """Return Vonage's fields from a stored body, or from the query string of a GET request.

    A query string also contains the parameters of our own URL, which are left out.
    """
    own = (
        []
        if method != "GET"
        else [name for name, _ in parameters(body) if not is_vonage_field(name)]
    )
    return parse_fields(method, body, own)


def _row(item: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the list of a day."""
    fields = {name: item[name] for name in _ROW if name in item}
    return {
        "time": item["sk"].partition("#")[0],
        "uuid": item.get("leg"),
        "conversation_uuid": item["pk"],
        **fields,
    }


def _item_key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"], item["sk"]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without DynamoDB's type tags; the table has only strings and numbers."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _cursor_from(key: dict[str, Any]) -> str:
    text = json.dumps([key[name]["S"] for name in _CURSOR_FIELDS], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key_from(cursor: str, day: str) -> dict[str, Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise InvalidCursor from None
    is_of_day = isinstance(values, list) and len(values) == 3 and values[0] == day
    if not is_of_day or not all(isinstance(value, str) and value for value in values):
        raise InvalidCursor
    return {name: {"S": value} for name, value in zip(_CURSOR_FIELDS, values, strict=True)}
