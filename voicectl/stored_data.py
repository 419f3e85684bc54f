"""Find and delete everything a stack stores about a phone number.

A call with the number is deleted as a whole: the events of all its legs, its recordings and
transcripts, and its idempotency record. Other events that contain the number, such as digits that
another caller entered or data that a flow emitted, are deleted individually.

The whole table is scanned, since any event can contain a number and no index has them all. The
items that the search starts from are deleted last, so that a second run finds what a first one
left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from records.event import UNKNOWN_PREFIX, normalized_leg
from records.idempotency_item import IDEMPOTENCY_PREFIX
from records.recording_item import FOLDERS, SAFE_NAME, UNKNOWN_CONVERSATION, item_key
from voicectl import queues
from voicectl.errors import VoicectlError
from voicectl.output import counted
from voicectl.phone_numbers import Mentions, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from voicectl.queues import Message
    from voicectl.stack import DeployedStack

_MAX_MESSAGES = 10_000  # inspected in each queue
_ITEMS, _OBJECTS = 25, 1000  # the maximum of one delete request to DynamoDB and S3
_ATTEMPTS = 8  # to delete what was left unprocessed
_PAUSE = 0.1  # seconds before the second attempt, doubled for each further one

Key = tuple[str, str]
"""The key of an item: partition and sort key."""


class StoredConversation(NamedTuple):
    """A stored conversation: its first event's time, and the numbers of its parts."""

    conversation: str
    since: str
    events: int
    legs: int
    recordings: int


class StoredData(NamedTuple):
    """What is stored about a number.

    Attributes
    ----------
    calls
        The conversations with the number.
    events
        Their items, and others that contain the number; those that the search starts from are last.
    archives, claims
        The items of their recordings and transcripts, and their idempotency records.
    objects, uploads
        Keys and versions in the bucket, and incomplete uploads.
    messages
        Messages in queues, received and hidden.
    unreached
        Descriptions of what could not be searched.
    """

    calls: tuple[StoredConversation, ...]
    events: tuple[Key, ...]
    archives: tuple[Key, ...]
    claims: tuple[Key, ...]
    objects: tuple[tuple[str, str], ...]
    uploads: tuple[tuple[str, str], ...]
    messages: tuple[Message, ...]
    unreached: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of each kind."""
        names = ("calls", "events", "archives", "objects", "uploads", "claims", "messages")
        return {name: len(getattr(self, name)) for name in names}


class DataEraser:
    """Finds and deletes the data of a number in a stack.

    Parameters
    ----------
    stack
        The stack.
    progress
        Called with a line of text about the search.
    sleep
        Waits a number of seconds.
    wait
        Seconds without a message after which a queue counts as empty.
    """

    def __init__(
        self,
        stack: DeployedStack,
        progress: Callable[[str], None],
        sleep: Callable[[float], None],
        wait: int = queues.WAIT,
    ) -> None:
        self._table = stack.table
        self._bucket = stack.bucket
        self._dynamodb, self._s3, self._sqs = (
            stack.aws(service) for service in ("dynamodb", "s3", "sqs")
        )
        self._stack = stack
        self._progress = progress
        self._sleep = sleep
        self._wait = wait

    def find(self, number: str) -> StoredData:
        """Find what is stored about a number.

        Its messages stay hidden until `delete` or `release`; all others become visible again.
        """
        received: list[Message] = []
        try:
            unreached = self._receive_messages(received)
            search = _Search(Mentions(number))
            for message in received:
                search.add_message(message)
            self._read_table(search)
            found = self._collect(search)
            unreached += self._unnamed()
        except BaseException:
            queues.release(self._sqs, received)
            raise
        ours: list[Message] = []
        others: list[Message] = []
        for message in received:
            (ours if search.is_about(message) else others).append(message)
        queues.release(self._sqs, others)
        return found._replace(messages=tuple(ours), unreached=tuple(unreached))

    def release(self, found: StoredData) -> None:
        """Make the messages visible again, and delete nothing."""
        queues.release(self._sqs, found.messages)

    def delete(self, found: StoredData) -> int:
        """Delete what was found.

        Returns
        -------
        int
            How many messages became visible again before they were deleted.

        Raises
        ------
        VoicectlError
            If AWS did not delete all of it; a second run finds what is left.
        """
        lost = 0
        for message in found.messages:
            if queues.extend_visibility(self._sqs, message):
                queues.delete(self._sqs, message)
            else:
                lost += 1
        self._delete_objects(found.objects)
        for key, upload in found.uploads:
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
        self._delete_items(found.archives)
        self._delete_items(found.claims)
        self._delete_items(found.events)
        return lost

    # Finding

    def _receive_messages(self, received: list[Message]) -> list[str]:
        """Receive the messages of all queues; return descriptions of those that are hidden."""
        unreached = []
        for queue in queues.queues(self._stack, self._sqs):
            urls = {queue.name: queue.url, f"{queue.name} dead-letter": queue.dead_url}
            for name, url in urls.items():
                if url is None:
                    continue
                hidden = queues.count(self._sqs, url).hidden
                messages = queues.receive(self._sqs, url, _MAX_MESSAGES, self._wait)
                received += messages
                if len(messages) >= _MAX_MESSAGES:
                    unreached.append(
                        f"messages in the {name} queue after the first {_MAX_MESSAGES}"
                    )
                if hidden:
                    unreached.append(
                        f"about {hidden} hidden messages in the {name} queue, in progress or"
                        " waiting for a retry: run the command again later"
                    )
        return unreached

    def _read_table(self, search: _Search) -> None:
        scanned = 0
        for page in self._pages(
            "scan",
            ConsistentRead=True,
            FilterExpression=(
                "contains(#body, :number) OR contains(emits, :number) OR begins_with(pk, :claim)"
            ),
            ExpressionAttributeNames={"#body": "body"},
            ExpressionAttributeValues={
                ":number": {"S": search.mentions.number},
                ":claim": {"S": IDEMPOTENCY_PREFIX},
            },
        ):
            scanned += page["ScannedCount"]
            for item in map(_plain, page["Items"]):
                search.add_item(item)
            self._progress(f"scanned {scanned} items")

    def _collect(self, search: _Search) -> StoredData:
        """Return all that is stored of the legs and conversations of the search."""
        for leg in search.legs:
            for item in self._query("leg = :value", leg, IndexName="by-leg"):
                search.add_partition_of(item)
                search.events.setdefault(_key(item), None)
        calls: list[StoredConversation] = []
        for partition in search.partitions:
            items = list(self._query("pk = :value", partition))
            of_call = dict.fromkeys(filter(None, map(_recording, items)))
            search.recordings |= of_call
            search.events |= dict.fromkeys(map(_key, items))
            if items:
                calls.append(_call(partition, items, len(of_call)))
        objects, uploads = self._stored(search.partitions, search.recordings)
        search.recordings |= dict.fromkeys(key.rpartition("/")[2] for key, _ in objects)
        archives = [
            _key(item)
            for recording in search.recordings
            for item in self._query("pk = :value", item_key(recording)["pk"])
        ]
        starts = [key for key in search.events if key in search.starts]
        others = [key for key in search.events if key not in search.starts]
        return StoredData(
            calls=tuple(sorted(calls, key=lambda call: call.since)),
            events=(*others, *starts),
            archives=tuple(archives),
            claims=tuple(search.claims_of_calls()),
            objects=tuple(objects),
            uploads=tuple(uploads),
            messages=(),
            unreached=(),
        )

    def _stored(
        self, conversations: Iterable[str], recordings: Iterable[str]
    ) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the objects of calls in all versions, and incomplete uploads."""
        # The folder of a conversation; if Vonage named none, the key of one recording.
        named = [
            one for one in conversations if SAFE_NAME.fullmatch(one) and one != UNKNOWN_CONVERSATION
        ]
        prefixes = [f"{folder}/{one}/" for folder in FOLDERS.values() for one in named]
        whole = [
            f"{folder}/{UNKNOWN_CONVERSATION}/{one}"
            for folder in FOLDERS.values()
            for one in recordings
            if SAFE_NAME.fullmatch(one)
        ]
        objects: list[tuple[str, str]] = []
        uploads: list[tuple[str, str]] = []
        for prefix in [*prefixes, *whole]:
            fits = prefix.__eq__ if prefix in whole else lambda _key: True
            for page in self._listed("list_object_versions", prefix):
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                objects += [(one["Key"], one["VersionId"]) for one in found if fits(one["Key"])]
            for page in self._listed("list_multipart_uploads", prefix):
                found = page.get("Uploads", [])
                uploads += [(one["Key"], one["UploadId"]) for one in found if fits(one["Key"])]
        return objects, uploads

    def _unnamed(self) -> list[str]:
        """Return a description of recordings that cannot be attributed, if there are any."""
        listed = [
            self._s3.list_objects_v2(
                Bucket=self._bucket, Prefix=f"{folder}/{UNKNOWN_CONVERSATION}/", MaxKeys=1
            )
            for folder in FOLDERS.values()
        ]
        if not any(one.get("KeyCount") for one in listed):
            return []
        return [
            "recordings for which Vonage named no conversation: they are under unknown/ in the"
            " bucket, and nothing identifies their callers"
        ]

    def _listed(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        yield from self._s3.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=prefix)

    def _query(self, condition: str, value: str, **more: Any) -> Iterator[dict[str, Any]]:
        own = {} if "IndexName" in more else {"ConsistentRead": True}
        for page in self._pages(
            "query",
            KeyConditionExpression=condition,
            ExpressionAttributeValues={":value": {"S": value}},
            **own,
            **more,
        ):
            yield from map(_plain, page["Items"])

    def _pages(self, operation: str, **query: Any) -> Iterator[dict[str, Any]]:
        paginator = self._dynamodb.get_paginator(operation)
        yield from paginator.paginate(TableName=self._table, **query)

    # Deleting

    def _delete_items(self, keys: Sequence[Key]) -> None:
        for start in range(0, len(keys), _ITEMS):
            left = [
                {"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": sk}}}}
                for pk, sk in keys[start : start + _ITEMS]
            ]
            for attempt in range(_ATTEMPTS):
                response = self._dynamodb.batch_write_item(RequestItems={self._table: left})
                left = response.get("UnprocessedItems", {}).get(self._table, [])
                if not left:
                    break
                self._sleep(_PAUSE * 2**attempt)
            if left:
                raise _incomplete(f"{counted(len(left), 'item')} of the table")

    def _delete_objects(self, objects: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(objects), _OBJECTS):
            left = [
                {"Key": key, "VersionId": version}
                for key, version in objects[start : start + _OBJECTS]
            ]
            for attempt in range(_ATTEMPTS):
                response = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": left, "Quiet": True}
                )
                errors = response.get("Errors", [])
                left = [{name: one[name] for name in ("Key", "VersionId")} for one in errors]
                if not left:
                    break
                self._sleep(_PAUSE * 2**attempt)
            if left:
                raise _incomplete(
                    f"{counted(len(left), 'object')} of the bucket ({errors[0].get('Code')})"
                )


class _Search:
    """What a search has found so far; the dicts are ordered sets."""

    def __init__(self, mentions: Mentions) -> None:
        self.mentions = mentions
        self.legs: dict[str, None] = {}
        self.partitions: dict[str, None] = {}
        self.recordings: dict[str, None] = {}
        self.events: dict[Key, None] = {}
        self.starts: set[Key] = set()
        self._claims: list[tuple[Key, Any]] = []

    def add_item(self, item: dict[str, Any]) -> None:
        """Add an item of the table."""
        if item["pk"].startswith(IDEMPOTENCY_PREFIX):
            self._claims.append((_key(item), fields_of("POST", item.get("answer"))))
        elif self._add_event(item):
            self.events[_key(item)] = None
            self.starts.add(_key(item))

    def add_message(self, message: Message) -> None:
        """Add a message of a queue: an event to store, or a recording to fetch."""
        self._add_event(_job(message))

    def add_partition_of(self, item: dict[str, Any]) -> None:
        """Add the conversation of an item, unless its partition is a day of unknown events."""
        if not str(item.get("pk", UNKNOWN_PREFIX)).startswith(UNKNOWN_PREFIX):
            self.partitions[item["pk"]] = None

    def claims_of_calls(self) -> list[Key]:
        """Return the idempotency records of the calls found, and those with the number."""
        return [
            key
            for key, answer in self._claims
            if self.mentions.among([key[0].removeprefix(IDEMPOTENCY_PREFIX), answer])
            or self._placed(answer)
        ]

    def is_about(self, message: Message) -> bool:
        """Return whether a message contains the number, or belongs to a call with it."""
        job = _job(message)
        fields = fields_of(job.get("method"), job.get("body"))
        return (
            job.get("pk") in self.partitions
            or job.get("leg") in self.legs
            or job.get("conversation") in self.partitions
            or job.get("recording") in self.recordings
            or (isinstance(fields, dict) and fields.get("conversation_uuid") in self.partitions)
            or self.mentions.among([fields, message.body if "body" not in job else None])
        )

    def _add_event(self, item: dict[str, Any]) -> bool:
        """Add the leg and conversation of an event; return whether it contains the number."""
        fields = fields_of(item.get("method"), item.get("body"))
        if self.mentions.is_party(fields):
            if item.get("leg"):
                self.legs[item["leg"]] = None
            self.add_partition_of(item)
        return self.mentions.among([fields, fields_of("POST", item.get("emits"))])

    def _placed(self, answer: Any) -> bool:
        if not isinstance(answer, list) or len(answer) != 2 or not isinstance(answer[1], dict):
            return False
        leg = normalized_leg(str(answer[1].get("uuid", "")))
        return answer[1].get("conversation_uuid") in self.partitions or leg in self.legs


def _job(message: Message) -> dict[str, Any]:
    job = fields_of("POST", message.body)
    return job if isinstance(job, dict) else {}


def _recording(item: dict[str, Any]) -> str | None:
    """Return the identifier of the recording that an event reports, or None."""
    if item.get("kind") not in FOLDERS:
        return None
    fields = fields_of(item.get("method"), item.get("body"))
    recording = fields.get("recording_uuid") if isinstance(fields, dict) else None
    return recording if isinstance(recording, str) else None


def _call(conversation: str, items: list[dict[str, Any]], recordings: int) -> StoredConversation:
    times = [item["sk"].partition("#")[0] for item in items]
    legs = {item["leg"] for item in items if "leg" in item}
    return StoredConversation(conversation, min(times), len(items), len(legs), recordings)


def _key(item: dict[str, Any]) -> Key:
    return item["pk"], item["sk"]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without DynamoDB's types."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _incomplete(what: str) -> VoicectlError:
    return VoicectlError(f"AWS did not delete {what}. Run the command again to delete the rest.")
