"""What a stack keeps of a number: where it can be, and how it is found and deleted.

A call that the number took part in is kept, and so forgotten, as a whole: the events of all its
legs, its recordings and transcripts, the claim to its Idempotency-Key. What only names the number
elsewhere, such as the keys that another caller typed, is forgotten alone.

The table is read from end to end, since a number can stand in any event, and no index holds all of
them. What leads to the rest is deleted last, so that a second run finds what a first one left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from records.event import UNKNOWN_PREFIX, normalized_leg
from records.idempotency_item import IDEMPOTENCY_PREFIX
from records.recording_item import FOLDERS, SAFE_NAME, UNKNOWN_CONVERSATION, item_key
from voicectl import queues
from voicectl.errors import VoicectlError
from voicectl.phone_numbers import Mentions, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from voicectl.queues import Message
    from voicectl.stack import DeployedStack

_MOST_MESSAGES = 10_000  # of a queue that are looked at
_ITEMS, _OBJECTS = 25, 1000  # that DynamoDB and S3 delete at once
_ATTEMPTS = 8  # at what was not deleted at first
_PAUSE = 0.1  # seconds before the second attempt, twice as many before each that follows

Key = tuple[str, str]
"""The key of an item: partition and sort key."""


class StoredConversation(NamedTuple):
    """A conversation that is kept: since when, and how much of it."""

    conversation: str
    since: str
    events: int
    legs: int
    recordings: int


class StoredData(NamedTuple):
    """What is kept of a number.

    Attributes
    ----------
    calls
        The conversations that it took part in.
    events
        Their items, and those that only name it; what leads to others comes last.
    archives, claims
        The items of their recordings and transcripts, and of their Idempotency-Keys.
    objects, uploads
        Keys and versions in the bucket, and uploads that were not completed.
    messages
        What waits on queues, and is held.
    unreached
        What could not be looked at, in words.
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
        """Say how many there are of each."""
        names = ("calls", "events", "archives", "objects", "uploads", "claims", "messages")
        return {name: len(getattr(self, name)) for name in names}


class DataEraser:
    """The places of a stack where a number can be.

    Parameters
    ----------
    stack
        The stack.
    say
        Told how far the search has come.
    sleep
        Makes pauses, in seconds.
    wait
        Seconds after which a queue that gives nothing counts as empty.
    """

    def __init__(
        self,
        stack: DeployedStack,
        say: Callable[[str], None],
        sleep: Callable[[float], None],
        wait: int = queues.WAIT,
    ) -> None:
        self._table = stack.table
        self._bucket = stack.bucket
        self._dynamodb, self._s3, self._sqs = (
            stack.aws(service) for service in ("dynamodb", "s3", "sqs")
        )
        self._stack = stack
        self._say = say
        self._sleep = sleep
        self._wait = wait

    def find(self, number: str) -> StoredData:
        """Find what is kept of a number. Messages among it stay held; the others are given back."""
        held: list[Message] = []
        try:
            unreached = self._hold_messages(held)
            search = _Search(Mentions(number))
            for message in held:
                search.look_at_message(message)
            self._read_table(search)
            found = self._collect(search)
            unreached += self._unnamed()
        except BaseException:
            queues.release(self._sqs, held)
            raise
        ours: list[Message] = []
        others: list[Message] = []
        for message in held:
            (ours if search.is_about(message) else others).append(message)
        queues.release(self._sqs, others)
        return found._replace(messages=tuple(ours), unreached=tuple(unreached))

    def leave(self, kept: StoredData) -> None:
        """Give back the messages that are held, and delete nothing."""
        queues.release(self._sqs, kept.messages)

    def delete(self, kept: StoredData) -> int:
        """Delete what was found.

        Returns
        -------
        int
            How many messages were held no more, and so were not deleted.

        Raises
        ------
        ConnectError
            If AWS did not take some of it; a second run finds what is left.
        """
        lost = 0
        for message in kept.messages:
            if queues.extend_visibility(self._sqs, message):
                queues.delete(self._sqs, message)
            else:
                lost += 1
        self._delete_objects(kept.objects)
        for key, upload in kept.uploads:
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
        self._delete_items(kept.archives)
        self._delete_items(kept.claims)
        self._delete_items(kept.events)
        return lost

    # Finding

    def _hold_messages(self, held: list[Message]) -> list[str]:
        """Hold what is on the queues; say what is hidden there."""
        unreached = []
        for queue in queues.queues(self._stack, self._sqs):
            places = {queue.name: queue.url, f"{queue.name} dead-letter": queue.dead_url}
            for name, url in places.items():
                if url is None:
                    continue
                hidden = queues.count(self._sqs, url).hidden
                got = queues.receive(self._sqs, url, _MOST_MESSAGES, self._wait)
                held += got
                if len(got) >= _MOST_MESSAGES:
                    unreached.append(
                        f"messages on the {name} queue beyond the first {_MOST_MESSAGES}"
                    )
                if hidden:
                    unreached.append(
                        f"about {hidden} messages on the {name} queue are being worked on or put"
                        " off: run this again when they are through"
                    )
        return unreached

    def _read_table(self, search: _Search) -> None:
        looked_at = 0
        for page in self._pages(
            "scan",
            ConsistentRead=True,
            FilterExpression="contains(#body, :number) OR begins_with(pk, :claim)",
            ExpressionAttributeNames={"#body": "body"},
            ExpressionAttributeValues={
                ":number": {"S": search.mentions.number},
                ":claim": {"S": IDEMPOTENCY_PREFIX},
            },
        ):
            looked_at += page["ScannedCount"]
            for item in map(_plain, page["Items"]):
                search.look_at_item(item)
            self._say(f"looked at {looked_at} items")

    def _collect(self, search: _Search) -> StoredData:
        """Go from the legs and conversations of a number to all that is kept of them."""
        for leg in search.legs:
            for item in self._query("leg = :value", leg, IndexName="by-leg"):
                search.add_partition_of(item)
                search.events.setdefault(_key(item), None)
        calls: list[StoredConversation] = []
        recordings: dict[str, None] = {}
        for partition in search.partitions:
            items = list(self._query("pk = :value", partition))
            of_call = dict.fromkeys(filter(None, map(_recording, items)))
            recordings |= of_call
            search.events |= dict.fromkeys(map(_key, items))
            if items:
                calls.append(_call(partition, items, len(of_call)))
        objects, uploads = self._stored(search.partitions, recordings)
        recordings |= dict.fromkeys(key.rpartition("/")[2] for key, _ in objects)
        archives = [
            _key(item)
            for recording in recordings
            for item in self._query("pk = :value", item_key(recording)["pk"])
        ]
        leading = [key for key in search.events if key in search.leading]
        others = [key for key in search.events if key not in search.leading]
        return StoredData(
            calls=tuple(sorted(calls, key=lambda call: call.since)),
            events=(*others, *leading),
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
        """Give the objects of calls, with all versions, and uploads that were not completed."""
        # The folder of a conversation; where Vonage named none, that of one recording.
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
        """Say whether there are recordings that nobody can be told to be in."""
        listed = [
            self._s3.list_objects_v2(
                Bucket=self._bucket, Prefix=f"{folder}/{UNKNOWN_CONVERSATION}/", MaxKeys=1
            )
            for folder in FOLDERS.values()
        ]
        if not any(one.get("KeyCount") for one in listed):
            return []
        return [
            "recordings for which Vonage named no conversation: they lie under unknown/ in the"
            " bucket, and nothing tells who is heard in them"
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
                answer = self._dynamodb.batch_write_item(RequestItems={self._table: left})
                left = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not left:
                    break
                self._sleep(_PAUSE * 2**attempt)
            if left:
                raise _not_taken(f"{len(left)} items of the table")

    def _delete_objects(self, objects: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(objects), _OBJECTS):
            left = [
                {"Key": key, "VersionId": version}
                for key, version in objects[start : start + _OBJECTS]
            ]
            for attempt in range(_ATTEMPTS):
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": left, "Quiet": True}
                )
                errors = answer.get("Errors", [])
                left = [{name: one[name] for name in ("Key", "VersionId")} for one in errors]
                if not left:
                    break
                self._sleep(_PAUSE * 2**attempt)
            if left:
                raise _not_taken(f"{len(left)} objects of the bucket ({errors[0].get('Code')})")


class _Search:
    """What is known so far of a number; dicts stand for sets that keep their order."""

    def __init__(self, mentions: Mentions) -> None:
        self.mentions = mentions
        self.legs: dict[str, None] = {}
        self.partitions: dict[str, None] = {}
        self.events: dict[Key, None] = {}
        self.leading: set[Key] = set()
        self._claims: list[tuple[Key, Any]] = []

    def look_at_item(self, item: dict[str, Any]) -> None:
        """Note what an item of the table says."""
        if item["pk"].startswith(IDEMPOTENCY_PREFIX):
            self._claims.append((_key(item), fields_of("POST", item.get("answer"))))
        elif self._note(item):
            self.events[_key(item)] = None
            self.leading.add(_key(item))

    def look_at_message(self, message: Message) -> None:
        """Note what a message says: an event that waits to be kept, or a recording's."""
        self._note(_job(message))

    def add_partition_of(self, item: dict[str, Any]) -> None:
        """Note the conversation of an item; a day of events that name none is no conversation."""
        if not str(item.get("pk", UNKNOWN_PREFIX)).startswith(UNKNOWN_PREFIX):
            self.partitions[item["pk"]] = None

    def claims_of_calls(self) -> list[Key]:
        """Give the claims of the calls that were found, and those that name the number."""
        return [
            key
            for key, answer in self._claims
            if self.mentions.among([key[0].removeprefix(IDEMPOTENCY_PREFIX), answer])
            or self._placed(answer)
        ]

    def is_about(self, message: Message) -> bool:
        """Say whether a message is of the number, or of a call that it took part in."""
        job = _job(message)
        told = fields_of(job.get("method"), job.get("body"))
        return (
            job.get("pk") in self.partitions
            or job.get("leg") in self.legs
            or (isinstance(told, dict) and told.get("conversation_uuid") in self.partitions)
            or self.mentions.among([told, message.body if not job else None])
        )

    def _note(self, item: dict[str, Any]) -> bool:
        """Note an event if it names the number at all; say whether it does."""
        told = fields_of(item.get("method"), item.get("body"))
        if self.mentions.is_party(told):
            if item.get("leg"):
                self.legs[item["leg"]] = None
            self.add_partition_of(item)
        return self.mentions.among(told)

    def _placed(self, answer: Any) -> bool:
        if not isinstance(answer, list) or len(answer) != 2 or not isinstance(answer[1], dict):
            return False
        leg = normalized_leg(str(answer[1].get("uuid", "")))
        return answer[1].get("conversation_uuid") in self.partitions or leg in self.legs


def _job(message: Message) -> dict[str, Any]:
    job = fields_of("POST", message.body)
    return job if isinstance(job, dict) else {}


def _recording(item: dict[str, Any]) -> str | None:
    """Give the recording that an event reports."""
    if item.get("kind") not in FOLDERS:
        return None
    told = fields_of(item.get("method"), item.get("body"))
    recording = told.get("recording_uuid") if isinstance(told, dict) else None
    return recording if isinstance(recording, str) else None


def _call(conversation: str, items: list[dict[str, Any]], recordings: int) -> StoredConversation:
    times = [item["sk"].partition("#")[0] for item in items]
    legs = {item["leg"] for item in items if "leg" in item}
    return StoredConversation(conversation, min(times), len(items), len(legs), recordings)


def _key(item: dict[str, Any]) -> Key:
    return item["pk"], item["sk"]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Give an item without DynamoDB's types."""
    return {name: next(iter(value.values())) for name, value in item.items()}


def _not_taken(what: str) -> VoicectlError:
    return VoicectlError(f"AWS did not delete {what}. Run it again: it goes on with what is left.")
