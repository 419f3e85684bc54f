"""Write an event to DynamoDB once, with the overflow queue as fallback."""

from __future__ import annotations

import json

from voicekit.aws_client import AwsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from voicekit.aws_client import AwsClient


def store_event(
    aws: AwsClient, table: str, overflow: str, item: dict[str, str | int], *, within: float
) -> str:
    """Store an event in the table, or send it to the overflow queue if the table fails.

    Parameters
    ----------
    aws
        The AWS client.
    table, overflow
        The name of the table, and the URL of the queue.
    item
        The item from `records.event.event_item`.
    within
        Limit in seconds for the table, and again for the queue.

    Returns
    -------
    str
        ``kept`` if the event was stored, ``repeat`` if the table already had it, ``overflowed`` if
        it was sent to the queue.

    Raises
    ------
    AwsError
        If both failed: the event is not stored, and must not be acknowledged.
    """
    try:
        return "kept" if put_if_absent(aws, table, item, within=within) else "repeat"
    except AwsError:
        aws.send_message(overflow, json.dumps(item, separators=(",", ":")), within=within)
        return "overflowed"


def put_if_absent(aws: AwsClient, table: str, item: dict[str, str | int], *, within: float) -> bool:
    """Write an item unless its key exists, and return whether it was written.

    A retry after a lost response changes nothing.

    Raises
    ------
    AwsError
        If the write failed, or took longer than ``within`` seconds.
    """
    return aws.put_item(table, item, unless_exists="pk", within=within)
