"""What is written before anything is dialled: the claim to a key, and the calls of the day.

A call is placed once for each Idempotency-Key. Before Vonage is asked, one transaction takes the
key and counts the telephones that will ring; both happen, or nothing does::

    (unused) ──▶ claimed ──▶ placed     Vonage placed the call: a repeat gets the first answer
                    │
                    ├──────▶ refused    Vonage said no or was never reached: a repeat gets that
                    │
                    ├──────▶ unknown    the answer got lost: a repeat gets 409
                    │
                    └── (killed)        the function died: it stays claimed, a repeat gets 409

Nothing leads back. Whoever finds out that nothing rang sends the request with a new key. A key is
forgotten as long after as events are, but not before `_REMEMBERED`.

The items stand in the table of events, under keys that no conversation has:

    dialling / 2026-01-31     calls: how many telephones this API rang that day (UTC)
    idempotency#… / claim     a claim
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

_REMEMBERED = 30  # days at least
_DAY = 86400
_ATTEMPTS = 7  # at a transaction that met another one, which is then sure not to have happened
_PAUSE = 0.05  # seconds before the second attempt at most, twice as many before the third, …
_MET_ANOTHER = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")

CLAIMED, PLACED, REFUSED, UNKNOWN = "claimed", "placed", "refused", "unknown"


class DailyLimitReached(Exception):
    """As many telephones as a day allows have rung."""


class KeyInUse(Exception):
    """The key was used before."""


class StoreUnavailable(Exception):
    """The table did not take it; nothing was dialled."""


class StoredResponse(NamedTuple):
    """What a request to place a call got: a status and a JSON object."""

    status: int
    body: dict[str, Any]


class IdempotencyRecord(NamedTuple):
    """What is known of a key.

    Attributes
    ----------
    state
        ``claimed``, ``placed``, ``refused`` or ``unknown``.
    request
        The digest of the request that took it.
    since
        When, UTC.
    answer
        What that request got, None where it is not known.
    """

    state: str
    request: str
    since: str
    answer: StoredResponse | None


def digest(body: object) -> str:
    """Give what tells one request from another: SHA-256 of its canonical JSON."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class IdempotencyStore:
    """The claims and the cap of a stack.

    Parameters
    ----------
    dynamodb
        boto3's client.
    table
        The table's name.
    calls_per_day
        The cap.
    keep_days
        Days that events are kept.
    now, sleep, chance
        The time in seconds since 1970, how pauses are made, and a random source for their length.
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
        self._kept = max(_REMEMBERED, keep_days) * _DAY
        self._now = now
        self._sleep = sleep
        self._chance = chance

    def find(self, key: str) -> IdempotencyRecord | None:
        """Give what is known of a key, None where it is unused.

        Raises
        ------
        NotWritten
            If the table does not say.
        """
        try:
            items = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk = :sk",
                ExpressionAttributeValues={":pk": _name(key)["pk"], ":sk": _name(key)["sk"]},
                ConsistentRead=True,
            )["Items"]
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("the table could not be read") from error
        return _record(items[0]) if items else None

    def claim(self, key: str, request: str, telephones: int) -> None:
        """Take a key for a call, if the day has room for these telephones.

        Raises
        ------
        KeyTaken, CapSpent
            If not; nothing is written then.
        NotWritten
            If the table did not take it.
        """
        claim = {
            **_name(key),
            "state": {"S": CLAIMED},
            "request": {"S": request},
            "since": {"S": _utc(self._now())},
            "expires_at": {"N": str(int(self._now()) + self._kept)},
        }
        put = {
            "TableName": self._table,
            "Item": claim,
            "ConditionExpression": "attribute_not_exists(pk)",  # the key is unused
        }
        self._write(telephones, [(KeyInUse, {"Put": put})])

    def count_calls(self, telephones: int) -> None:
        """Count telephones that ring without a key, as a transfer makes them ring.

        Raises
        ------
        CapSpent, NotWritten
            As `take`.
        """
        self._write(telephones, [])

    def record_outcome(self, key: str, state: str, answer: StoredResponse | None) -> None:
        """Write down what came of a claim.

        Raises
        ------
        NotWritten
            If the table did not take it: the claim stays as it is.
        """
        names = {"#state": "state"}
        values = {":state": {"S": state}, ":claimed": {"S": CLAIMED}}
        change = "SET #state = :state"
        if answer is not None:
            names["#answer"] = "answer"
            values[":answer"] = {"S": json.dumps(answer, separators=(",", ":"))}
            change += ", #answer = :answer"
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_name(key),
                UpdateExpression=change,
                ConditionExpression="#state = :claimed",  # nothing leads back
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            # Settled by an attempt whose answer got lost.
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise StoreUnavailable("the claim could not be settled") from error
        except BotoCoreError as error:
            raise StoreUnavailable("the claim could not be settled") from error

    def _write(self, telephones: int, first: list[tuple[type[Exception], dict[str, Any]]]) -> None:
        """Write in one transaction. Which condition failed is told in the order of its parts."""
        if telephones > self._calls_per_day:
            raise DailyLimitReached
        parts: list[tuple[type[Exception], dict[str, Any]]] = [
            *first,
            (DailyLimitReached, self._day(telephones)),
        ]
        for attempt in range(_ATTEMPTS):
            try:
                self._dynamodb.transact_write_items(TransactItems=[part for _, part in parts])
                return
            except ClientError as error:
                reason, code = _reason(error, [failing for failing, _ in parts])
                if code not in _MET_ANOTHER:
                    raise reason from error
            except BotoCoreError as error:
                raise StoreUnavailable("the table could not be reached") from error
            self._sleep(_PAUSE * 2**attempt * self._chance())
        raise StoreUnavailable("too many calls were being placed at once")

    def _day(self, telephones: int) -> dict[str, Any]:
        now = self._now()
        update = {
            "TableName": self._table,
            "Key": {"pk": {"S": "dialling"}, "sk": {"S": _utc(now)[:10]}},
            "UpdateExpression": "SET expires_at = :expires ADD calls :telephones",
            # The first of the day, or there is room for these.
            "ConditionExpression": "attribute_not_exists(calls) OR calls <= :room",
            "ExpressionAttributeValues": {
                ":telephones": {"N": str(telephones)},
                ":room": {"N": str(self._calls_per_day - telephones)},
                ":expires": {"N": str(int(now) + self._kept)},
            },
        }
        return {"Update": update}


def _reason(error: ClientError, failures: list[type[Exception]]) -> tuple[Exception, str]:
    """Give what a cancelled transaction means, and DynamoDB's code for it.

    The first part that failed decides: while another request is taking the same key, a day that is
    spent tells nothing yet.
    """
    for failing, part in zip(failures, error.response.get("CancellationReasons", []), strict=False):
        code = part.get("Code", "None")
        if code == "ConditionalCheckFailed":
            return failing(), code
        if code != "None":
            return StoreUnavailable("the claim could not be written"), code
    return StoreUnavailable("the claim could not be written"), ""


def _name(key: str) -> dict[str, Any]:
    return {"pk": {"S": f"idempotency#{key}"}, "sk": {"S": "claim"}}


def _record(item: dict[str, Any]) -> IdempotencyRecord:
    answer = StoredResponse(*json.loads(item["answer"]["S"])) if "answer" in item else None
    return IdempotencyRecord(item["state"]["S"], item["request"]["S"], item["since"]["S"], answer)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
