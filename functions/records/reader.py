"""Reading back what was kept: the events of a call, the calls of a day, the link to a recording.

Nothing here writes, and nothing here knows how a link or an answer is spoken of in HTTP.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from records.event import normalized_leg, parse_event
from records.recording_item import item_key
from voicekit.signature import parameters
from voicekit.webhook import is_vonage_field, parse_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from records.event import CallEvent

LINK_LIFETIME = 300
"""Seconds for which a link to a recording can be followed."""
_MOST_BYTES = 3 * 1024 * 1024  # of events in one answer; Lambda takes 6 MB, and JSON quotes
_CURSOR_FIELDS = ("day", "pk", "sk")
_TOLD = ("content_type", "sha256", "start_time", "end_time", "stored_at")
_MEASURED = ("size", "seconds", "channels")
_ROW = ("status", "direction", "from", "to", "duration")


class RecordNotFound(Exception):
    """Nothing of this name is kept; the text says what was looked for."""


class InvalidCursor(Exception):
    """A cursor is not one that this application gave for this day."""


class CallEvents(NamedTuple):
    """The events of a call, in no order; ``whole`` is False where there are more than one answer
    holds.
    """

    events: list[CallEvent]
    whole: bool


class HistoryPage(NamedTuple):
    """A page of the calls of a day, oldest first; ``cursor`` leads to the next, None at the end."""

    entries: list[dict[str, Any]]
    cursor: str | None


class RecordReader:
    """The table and the bucket of a stack, to be read.

    Parameters
    ----------
    dynamodb, s3
        boto3's clients.
    table, bucket
        Their names.
    """

    def __init__(self, dynamodb: Any, s3: Any, table: str, bucket: str) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._table = table
        self._bucket = bucket

    def events_of(self, leg: str) -> CallEvents:
        """Give the events of a leg, and those of each conversation that it was in.

        Parameters
        ----------
        leg
            Its identifier, with dashes or without.

        Raises
        ------
        NotKept
            If no event names the leg.
        """
        of_leg, whole = self._collect(
            IndexName="by-leg",
            KeyConditionExpression="leg = :leg",
            ExpressionAttributeValues={":leg": {"S": normalized_leg(leg)}},
        )
        if not of_leg:
            raise RecordNotFound("No event of this call is kept.")
        found = {_place(item): item for item in of_leg}
        # The conversation is what the others in it, and its recordings, are found under.
        for conversation in dict.fromkeys(item["pk"] for item in of_leg):
            items, all_of_it = self._collect(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": conversation}},
            )
            found |= {_place(item): item for item in items}
            whole = whole and all_of_it
        return CallEvents([read(item) for item in found.values() if "body" in item], whole)

    def day(self, day: str, most: int, cursor: str | None) -> HistoryPage:
        """Give what began and what ended on a day (UTC), oldest first.

        Parameters
        ----------
        day
            Such as ``2026-01-31``.
        most
            Entries on a page.
        cursor
            What an earlier page gave, None for the first.

        Raises
        ------
        BadCursor
            If the cursor is not one of this day.
        """
        start = {} if cursor is None else {"ExclusiveStartKey": _key_of(cursor, day)}
        try:
            answer = self._dynamodb.query(
                TableName=self._table,
                IndexName="by-day",
                KeyConditionExpression="#day = :day",
                ExpressionAttributeNames={"#day": "day"},
                ExpressionAttributeValues={":day": {"S": day}},
                Limit=most,
                **start,
            )
        except ClientError as error:
            # A place in the index where nothing can stand: somebody made the cursor up.
            if cursor and error.response["Error"]["Code"] == "ValidationException":
                raise InvalidCursor from None
            raise
        last = answer.get("LastEvaluatedKey")
        return HistoryPage(
            [_row(_plain(item)) for item in answer["Items"]], last and _cursor_of(last)
        )

    def link_to(self, recording: str) -> dict[str, Any]:
        """Give a link to a recording, and what is known of it; and one to its transcript, if any.

        The link can be followed by whoever has it, for `LINK_LIFETIME` seconds.

        Parameters
        ----------
        recording
            Its ``recording_uuid``, as Vonage's event has it.

        Raises
        ------
        NotKept
            If it is not in the bucket: not yet, no more, or never.
        """
        items = {
            item["sk"]: item
            for item in self._pages(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": item_key(recording)["pk"]}},
            )
        }
        kept = items.get("record")
        if kept is None:
            raise RecordNotFound(
                "This recording is not kept: it was not fetched yet, or there is none."
            )
        shown: dict[str, Any] = {name: kept[name] for name in _TOLD if name in kept}
        shown |= {name: float(kept[name]) for name in _MEASURED if name in kept}
        shown |= {"url": self._link(kept["key"]), "expires_in": LINK_LIFETIME}
        if "transcription" in items:
            shown["transcript_url"] = self._link(items["transcription"]["key"])
        return {"uuid": recording, "conversation_uuid": kept["conversation"], **shown}

    def _link(self, key: str) -> str:
        link: str = self._s3.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=LINK_LIFETIME
        )
        return link

    def _collect(self, **query: Any) -> tuple[list[dict[str, Any]], bool]:
        """Give the items that a query finds, and whether these are all."""
        items: list[dict[str, Any]] = []
        size = 0
        for item in self._pages(**query):
            size += len(item.get("body", ""))
            if size > _MOST_BYTES:
                return items, False
            items.append(item)
        return items, True

    def _pages(self, **query: Any) -> Iterator[dict[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb.query(TableName=self._table, **query, **start)
            yield from map(_plain, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def read(item: dict[str, Any]) -> CallEvent:
    """Give the event that an item keeps, as it was recognised when it came."""
    return parse_event(fields_of(item["method"], item["body"]))


def fields_of(method: str, body: str) -> dict[str, Any]:
    """Give what Vonage sent, out of what was kept: the body, or the query string of a GET request.

    Beside Vonage's fields, a query string holds the parameters of our own URL.
    """
    own = (
        []
        if method != "GET"
        else [name for name, _ in parameters(body) if not is_vonage_field(name)]
    )
    return parse_fields(method, body, own)


def _row(item: dict[str, Any]) -> dict[str, Any]:
    """Give an entry of the list of a day."""
    shown = {name: item[name] for name in _ROW if name in item}
    return {
        "time": item["sk"].partition("#")[0],
        "uuid": item.get("leg"),
        "conversation_uuid": item["pk"],
        **shown,
    }


def _place(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"], item["sk"]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Give an item without DynamoDB's types; of those, the table has texts and numbers alone."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _cursor_of(key: dict[str, Any]) -> str:
    text = json.dumps([key[name]["S"] for name in _CURSOR_FIELDS], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key_of(cursor: str, day: str) -> dict[str, Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise InvalidCursor from None
    right = isinstance(values, list) and len(values) == 3 and values[0] == day
    if not right or not all(isinstance(value, str) and value for value in values):
        raise InvalidCursor
    return {name: {"S": value} for name, value in zip(_CURSOR_FIELDS, values, strict=True)}
