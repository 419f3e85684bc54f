"""Read stored data: a call's events, a day's calls, a month's voicemails, links to recordings."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from records.event import normalized_leg, parse_event
from records.outcome import caller_of
from records.recording_item import VOICEMAIL, item_key
from records.timeline import ENDED
from records.transcript import transcript_text
from voicekit.signature import parameters
from voicekit.webhook_fields import is_vonage_field, parse_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from records.event import CallEvent

LINK_LIFETIME = 300
"""Seconds for which a link to a recording is valid."""
_DAY_CURSOR = ("day", "pk", "sk")
_CALL_CURSOR = ("pk", "sk")
# What a timeline needs of an item: parsing responses takes most of its time.
_EVENT = {
    "ProjectionExpression": "sk, #method, #body",
    "ExpressionAttributeNames": {"#method": "method", "#body": "body"},
}
_MAX_KEY = 1024  # bytes (DynamoDB quotas: sort key)
_BATCH = 100  # items (DynamoDB quotas: BatchGetItem)
_BATCH_ATTEMPTS = 3  # DynamoDB leaves items out if it is throttled, or beyond 16 MB
_TEXT_FIELDS = ("content_type", "sha256", "start_time", "end_time", "stored_at")
_NUMBER_FIELDS = ("size", "seconds", "channels")
_ROW = ("status", "direction", "from", "to", "duration")
_LARGEST_TRANSCRIPT = 1_000_000  # bytes; a message of an hour has less
_FIRST_WORDS = 120  # characters
_MISSING_OBJECT = ("NoSuchKey", "AccessDenied")  # the second without the right to list the bucket


class RecordNotFound(Exception):
    """No such record is stored; the text says which."""


class InvalidCursor(Exception):
    """A cursor that this application did not issue for this day or call."""


class TimelineEntry(NamedTuple):
    """An event, and the key of its item."""

    event: CallEvent
    key: tuple[str, ...]

    @property
    def cursor(self) -> str:
        """The cursor after which the next event follows."""
        return _cursor_from(self.key)


class HistoryPage(NamedTuple):
    """A page of calls or voicemails, with the cursor of the next one (None at the end)."""

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

    def events_of(
        self, leg: str, cursor: str | None = None, known: str | None = None
    ) -> Iterator[TimelineEntry]:
        """Yield the events of each conversation that a leg was in, in order of time.

        Parameters
        ----------
        leg
            Its UUID, with or without dashes.
        cursor
            The cursor of the event after which to continue, None for the start.
        known
            A conversation that the leg was in, read even if the index, which is eventually
            consistent, does not have it yet.

        Raises
        ------
        RecordNotFound
            If no event names the leg.
        InvalidCursor
            If the cursor is not of this call.
        """
        # The items of the other legs and of recordings have the conversation as their key.
        of_leg = self._of_leg(leg, ProjectionExpression="pk")
        found = dict.fromkeys(item["pk"] for item in of_leg)
        conversations = list(found | ({known: None} if known else {}))
        if not conversations:
            raise RecordNotFound("No event of this call is stored.")
        after = None
        if cursor is not None:
            after = _key_from(cursor, _CALL_CURSOR)
            first = after["pk"]["S"]
            if first not in conversations:
                raise InvalidCursor
            conversations = conversations[conversations.index(first) :]
        for conversation in conversations:
            for item in self._pages(
                after,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": conversation}},
                **_EVENT,
            ):
                if "body" in item:
                    yield TimelineEntry(read(item), (conversation, item["sk"]))
            after = None

    def events_in(self, conversation: str) -> Iterator[CallEvent]:
        """Yield the events of a conversation, in order of time; none if it is unknown."""
        for item in self._partition(conversation):
            if "body" in item:
                yield read(item)

    def recording_items(self, recording: str) -> dict[str, dict[str, Any]]:
        """Return the items of a recording by sort key: ``record``, ``transcription``, ``lost``.

        The values of numbers are text. Just written items are in it.
        """
        return self._partition_items(item_key(recording)["pk"])

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        """Return the item with a key, None if there is none."""
        items = self._pages(
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk = :sk",
            ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": sk}},
        )
        return next(items, None)

    def vonage_uuid(self, leg: str) -> str | None:
        """Return the UUID of a leg as Vonage wrote it, None if no event names the leg.

        Vonage writes it with dashes or without, and its API knows a leg only by that form.

        Parameters
        ----------
        leg
            Its UUID in any form.
        """
        items = self._of_leg(leg, Limit=1)
        return next((read(item).uuid for item in items if "body" in item), None)

    def has_ended(self, leg: str) -> bool:
        """Return whether an event reports the end of a leg, under exactly this UUID."""
        events = (read(item) for item in self._of_leg(leg) if "body" in item)
        return any(event.uuid == leg and event.status in ENDED for event in events)

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
        items, following = self._of_day(day, most, cursor)
        uuids = self._uuids_of(items)
        return HistoryPage(
            [_row(item, uuids.get((item["pk"], item["sk"]))) for item in items], following
        )

    def voicemails(self, month: str, most: int, cursor: str | None) -> HistoryPage:
        """Return the voicemails stored in a month (UTC), oldest first within the page.

        Parameters
        ----------
        month
            Such as ``2026-01``.
        most
            Maximum number of voicemails on a page.
        cursor
            The cursor of the previous page, None for the first page.

        Raises
        ------
        InvalidCursor
            If the cursor is not of this month.
        """
        found, following = self._of_day(f"{VOICEMAIL}#{month}", most, cursor)
        recordings = (self._partition_items(item["pk"]) for item in found)
        # The index is eventually consistent: it can have an item that was deleted.
        entries = [self._voicemail(items) for items in recordings if "record" in items]
        return HistoryPage(sorted(entries, key=lambda one: str(one["at"])), following)

    def transcript(self, item: Mapping[str, Any] | None) -> str | None:
        """Return the text of a stored transcript.

        Parameters
        ----------
        item
            The transcript's item, None without one.

        Returns
        -------
        str | None
            None without a transcript, or if it is too large to read. It is empty if nothing was
            recognized.
        """
        if item is None or float(item["size"]) > _LARGEST_TRANSCRIPT:
            return None
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=item["key"])
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING_OBJECT:
                return None
            raise
        with found["Body"] as body:
            return transcript_text(body.read())

    def _voicemail(self, items: dict[str, dict[str, Any]]) -> dict[str, Any]:
        stored = items["record"]
        caller = caller_of(self.events_in(stored["conversation"]), stored.get("start_time"))
        return {
            "recording_uuid": stored["recording"],
            "conversation_uuid": stored["conversation"],
            "at": stored.get("start_time", stored["stored_at"]),
            "from": caller.from_ if caller else None,
            "to": caller.to if caller else None,
            "line": stored.get("line"),
            "seconds": float(stored["seconds"]) if "seconds" in stored else None,
            "size": int(stored["size"]),
            "transcript": _first_words(self.transcript(items.get("transcription"))),
        }

    def _of_day(
        self, day: str, most: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of the index by-day, and the cursor of the next one."""
        start = {}
        if cursor is not None:
            start = {"ExclusiveStartKey": _key_from(cursor, _DAY_CURSOR, [day])}
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
        return (
            [_plain(item) for item in response["Items"]],
            last and _cursor_from([last[name]["S"] for name in _DAY_CURSOR]),
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
        items = self.recording_items(recording)
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

    def _uuids_of(self, items: list[dict[str, Any]]) -> dict[tuple[str, str], str | None]:
        """Return the UUIDs of the legs as Vonage wrote them, by item; the index lacks them."""
        found: dict[tuple[str, str], str | None] = {}
        for start in range(0, len(items), _BATCH):
            keys = [
                {name: {"S": item[name]} for name in ("pk", "sk")}
                for item in items[start : start + _BATCH]
            ]
            pending = {self._table: {"Keys": keys}}
            for _ in range(_BATCH_ATTEMPTS):
                response = self._dynamodb.batch_get_item(RequestItems=pending)
                for item in map(_plain, response["Responses"].get(self._table, [])):
                    found[item["pk"], item["sk"]] = read(item).uuid
                pending = response.get("UnprocessedKeys") or {}
                if not pending:
                    break
        return found

    def _of_leg(self, leg: str, **query: Any) -> Iterator[dict[str, Any]]:
        return self._pages(
            IndexName="by-leg",
            KeyConditionExpression="leg = :leg",
            ExpressionAttributeValues={":leg": {"S": normalized_leg(leg)}},
            **query,
        )

    def _partition_items(self, pk: str) -> dict[str, dict[str, Any]]:
        return {item["sk"]: item for item in self._partition(pk)}

    def _partition(self, pk: str) -> Iterator[dict[str, Any]]:
        return self._pages(
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )

    def _pages(self, after: dict[str, Any] | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the items that a query finds, after the item with the key ``after``."""
        start = {"ExclusiveStartKey": after} if after else {}
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


def _row(item: dict[str, Any], uuid: str | None) -> dict[str, Any]:
    """Return an entry of the list of a day; without a UUID, its leg is in our own form."""
    fields = {name: item[name] for name in _ROW if name in item}
    return {
        "time": item["sk"].partition("#")[0],
        "uuid": uuid or item.get("leg"),
        "conversation_uuid": item["pk"],
        **fields,
    }


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without DynamoDB's type tags; the table has only strings and numbers."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _cursor_from(values: Sequence[str]) -> str:
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key_from(cursor: str, names: tuple[str, ...], first: Sequence[str] = ()) -> dict[str, Any]:
    """Return the key in a cursor, which must begin with the values ``first``."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        sizes = [len(value.encode()) for value in values]
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InvalidCursor from None
    is_ours = isinstance(values, list) and len(values) == len(names)
    if not is_ours or values[: len(first)] != list(first):
        raise InvalidCursor
    if not all(0 < size <= _MAX_KEY for size in sizes):
        raise InvalidCursor
    return {name: {"S": value} for name, value in zip(names, values, strict=True)}


def _first_words(text: str | None) -> str | None:
    if text is None or len(text) <= _FIRST_WORDS:
        return text
    return f"{text[: _FIRST_WORDS - 1]}…"
