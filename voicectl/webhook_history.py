"""What the table tells of webhooks that came: when the latest was kept, and which secret signed it.

Only what Vonage signed is kept, so each event confirms a signature secret.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from voicectl.stack import DeployedStack

_DAYS = 14  # that are looked back


class Seen(NamedTuple):
    """A webhook that was kept; ``signed_by`` is the fingerprint of the secret, where it is told."""

    received_at: datetime
    signed_by: str | None


def latest(stack: DeployedStack, now: float) -> Seen | None:
    """Give the latest beginning or end of a call in two weeks, None if there was none."""
    # Tomorrow too: a day is that of Vonage's clock.
    tomorrow = datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
    for back in range(_DAYS + 1):
        day = (tomorrow - timedelta(days=back)).isoformat()
        found = of_day(stack, day, at_most=1)
        if found:
            return found[0]
    return None


def of_day(stack: DeployedStack, day: str, at_most: int) -> list[Seen]:
    """Give the latest beginnings and ends of calls of a day (``2026-01-31``), latest first."""
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
