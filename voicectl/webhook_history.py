"""The latest stored webhook, and which secret signed it.

Only verified webhooks are stored, so each event confirms a signature secret.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from voicectl.stack import DeployedStack

_DAYS = 14  # to search back


class Seen(NamedTuple):
    """A stored webhook; ``signed_by`` is the fingerprint of the secret, or None if not stored."""

    received_at: datetime
    signed_by: str | None


def latest(stack: DeployedStack, now: float) -> Seen | None:
    """Return the latest start or end of a call in two weeks, or None."""
    # Tomorrow too, since the day comes from Vonage's clock.
    tomorrow = datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
    for back in range(_DAYS + 1):
        day = (tomorrow - timedelta(days=back)).isoformat()
        found = of_day(stack, day, at_most=1)
        if found:
            return found[0]
    return None


def of_day(stack: DeployedStack, day: str, at_most: int) -> list[Seen]:
    """Return the latest starts and ends of calls of a day (``2026-01-31``), latest first."""
    dynamodb = stack.aws("dynamodb")
    listed = dynamodb.query(
        TableName=stack.table,
        IndexName="by-day",
        KeyConditionExpression="#day = :day",
        ExpressionAttributeNames={"#day": "day"},
        ExpressionAttributeValues={":day": {"S": day}},
        ScanIndexForward=False,
        Limit=at_most,
    )["Items"]
    seen = []
    for item in listed:
        key = {name: item[name] for name in ("pk", "sk")}
        whole = dynamodb.get_item(TableName=stack.table, Key=key).get("Item")
        if whole is not None and "received_at" in whole:
            signed_by = whole.get("signed_by", {}).get("S")
            seen.append(Seen(datetime.fromisoformat(whole["received_at"]["S"]), signed_by))
    return seen
