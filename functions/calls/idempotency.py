"""Idempotency records and the daily call limit, written in one transaction.

A call is placed once for each Idempotency-Key. Before the request to Vonage, one transaction claims
the key and counts the callees; both happen, or neither::

    (unused) ──▶ claimed ──▶ placed     Vonage placed the call: a repeat gets the same response
                    │
                    ├──────▶ refused    Vonage refused it or was not reached: likewise
                    │
                    ├──────▶ unknown    the response was lost: a repeat gets 409
                    │
                    └── (killed)        the function died: the record stays claimed, a repeat
                                        gets 409

A state never changes back: if no call was placed, the client sends the request with a new key. A
record expires when events do, but not before `_MIN_KEEP_DAYS`.

The items are in the table of events, under keys that no conversation has:

    dialling / 2026-01-31     calls: the callees of this API on that day (UTC)
    idempotency#… / claim     an idempotency record
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from records.idempotency_item import daily_count_key, idempotency_key

if TYPE_CHECKING:
    from collections.abc import Callable

_MIN_KEEP_DAYS = 30
_DAY = 86400
_ATTEMPTS = 7  # of a transaction that conflicts with another one, and so was not carried out
_PAUSE = 0.05  # seconds: the longest pause before the second attempt; doubles with each attempt
_CONFLICTS = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")

CLAIMED, PLACED, REFUSED, UNKNOWN = "claimed", "placed", "refused", "unknown"


class DailyLimitReached(Exception):
    """The daily call limit is reached."""


class KeyInUse(Exception):
    """The key was used before."""


class StoreUnavailable(Exception):
    """The table did not accept the write; nothing was dialed."""


class StoredResponse(NamedTuple):
    """The response to a request that places a call: a status and a JSON object."""

    status: int
    body: dict[str, Any]


class IdempotencyRecord(NamedTuple):
    """What is stored for a key.

    Attributes
    ----------
    state
        ``claimed``, ``placed``, ``refused`` or ``unknown``.
    request
        The digest of the request that claimed the key.
    since
        When, UTC.
    response
        The response to that request; None if it is unknown.
    """

    state: str
    request: str
    since: str
    response: StoredResponse | None


def digest(body: object) -> str:
    """Return the SHA-256 of the canonical JSON of a body."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class IdempotencyStore:
    """The idempotency records and the daily call limit of a stack.

    Parameters
    ----------
    dynamodb
        The DynamoDB client of boto3.
    table
        The name of the table.
    calls_per_day
        The daily call limit.
    keep_days
        After how many days events expire.
    now, sleep, chance
        Returns the seconds since 1970, makes a pause, and returns a random number below 1.
    """

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        calls_per_day: int,
        keep_days: int,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._calls_per_day = calls_per_day
        self._lifetime = max(_MIN_KEEP_DAYS, keep_days) * _DAY
        self._now = now
        self._sleep = sleep
        self._chance = chance

    def find(self, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, or None if the key is unused.

        Raises
        ------
        StoreUnavailable
            If the table cannot be read.
        """
        try:
            items = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk = :sk",
                ExpressionAttributeValues={f":{name}": it for name, it in _item_key(key).items()},
                ConsistentRead=True,
            )["Items"]
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("the table could not be read") from error
        return _record(items[0]) if items else None

    def claim(self, key: str, request: str, callees: int) -> None:
        """Claim a key for a call and count its callees, if the daily call limit allows them.

        Raises
        ------
        KeyInUse, DailyLimitReached
            If the key is used or the limit reached; nothing is written then.
        StoreUnavailable
            If the table did not accept the write.
        """
        item = {
            **_item_key(key),
            "state": {"S": CLAIMED},
            "request": {"S": request},
            "since": {"S": _utc(self._now())},
            "expires_at": {"N": str(int(self._now()) + self._lifetime)},
        }
        put = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",  # the key is unused
        }
        self._write(callees, [(KeyInUse, {"Put": put})])

    def count_calls(self, callees: int) -> None:
        """Count callees of a request that has no key, such as a transfer.

        Raises
        ------
        DailyLimitReached, StoreUnavailable
            As `claim`.
        """
        self._write(callees, [])

    def record_outcome(self, key: str, state: str, response: StoredResponse | None) -> None:
        """Store the outcome of a claimed key.

        Raises
        ------
        StoreUnavailable
            If the table did not accept the write: the record stays claimed.
        """
        names = {"#state": "state"}
        values = {":state": {"S": state}, ":claimed": {"S": CLAIMED}}
        update = "SET #state = :state"
        if response is not None:
            names["#answer"] = "answer"
            values[":answer"] = {"S": json.dumps(response, separators=(",", ":"))}
            update += ", #answer = :answer"
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_item_key(key),
                UpdateExpression=update,
                ConditionExpression="#state = :claimed",  # a state never changes back
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            # Otherwise an earlier attempt stored it, and its response was lost.
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise StoreUnavailable("the outcome could not be stored") from error
        except BotoCoreError as error:
            raise StoreUnavailable("the outcome could not be stored") from error

    def _write(self, callees: int, parts: list[tuple[type[Exception], dict[str, Any]]]) -> None:
        """Write the parts and the count in one transaction.

        The exception beside each part is raised if the condition of that part fails.
        """
        if callees > self._calls_per_day:
            raise DailyLimitReached
        parts = [*parts, (DailyLimitReached, self._day(callees))]
        for attempt in range(_ATTEMPTS):
            try:
                self._dynamodb.transact_write_items(TransactItems=[part for _, part in parts])
                return
            except ClientError as error:
                reason, code = _cancellation(error, [failure for failure, _ in parts])
                if code not in _CONFLICTS:
                    raise reason from error
            except BotoCoreError as error:
                raise StoreUnavailable("the table could not be reached") from error
            self._sleep(_PAUSE * 2**attempt * self._chance())
        raise StoreUnavailable("too many calls were placed at the same time")

    def _day(self, callees: int) -> dict[str, Any]:
        now = self._now()
        update = {
            "TableName": self._table,
            "Key": _typed(daily_count_key(_utc(now)[:10])),
            "UpdateExpression": "SET expires_at = :expires ADD calls :callees",
            # The first call of the day, or within the limit.
            "ConditionExpression": "attribute_not_exists(calls) OR calls <= :room",
            "ExpressionAttributeValues": {
                ":callees": {"N": str(callees)},
                ":room": {"N": str(self._calls_per_day - callees)},
                ":expires": {"N": str(int(now) + self._lifetime)},
            },
        }
        return {"Update": update}


def _cancellation(error: ClientError, failures: list[type[Exception]]) -> tuple[Exception, str]:
    """Return the exception for a canceled transaction, and the code of DynamoDB.

    The first part that failed decides: while another request claims the same key, a failed count
    is not final.
    """
    for failure, part in zip(failures, error.response.get("CancellationReasons", []), strict=False):
        code = part.get("Code", "None")
        if code == "ConditionalCheckFailed":
            return failure(), code
        if code != "None":
            return StoreUnavailable("the idempotency record could not be written"), code
    return StoreUnavailable("the idempotency record could not be written"), ""


def _item_key(key: str) -> dict[str, Any]:
    return _typed(idempotency_key(key))


def _typed(key: dict[str, str]) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}


def _record(item: dict[str, Any]) -> IdempotencyRecord:
    response = StoredResponse(*json.loads(item["answer"]["S"])) if "answer" in item else None
    return IdempotencyRecord(item["state"]["S"], item["request"]["S"], item["since"]["S"], response)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
