"""The one write of an event, and the queue on which it waits when the table does not take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from voicekit.aws_client import AwsError

if TYPE_CHECKING:
    from voicekit.aws_client import AwsClient


def store_event(
    aws: AwsClient, table: str, overflow: str, item: dict[str, str | int], *, within: float
) -> str:
    """Keep an event once, in the table or, where that fails, on the overflow queue.

    Parameters
    ----------
    aws
        How to reach DynamoDB and SQS.
    table, overflow
        The table's name and the queue's URL.
    item
        What `records.event.item` made.
    within
        Seconds that each of the two attempts may take.

    Returns
    -------
    str
        ``kept``; ``repeat`` if the same event was kept before, which then stays as it came first;
        ``overflowed`` if it waits on the queue.

    Raises
    ------
    AwsError
        If neither took it: it is not kept, and must not be acknowledged.
    """
    try:
        return "kept" if put_if_absent(aws, table, item, within=within) else "repeat"
    except AwsError:
        aws.send_message(overflow, json.dumps(item, separators=(",", ":")), within=within)
        return "overflowed"


def put_if_absent(aws: AwsClient, table: str, item: dict[str, str | int], *, within: float) -> bool:
    """Write an item unless it stands there already; say whether it was written.

    A repeat after an answer that got lost changes nothing.

    Raises
    ------
    AwsError
        If the table did not take it within so many seconds.
    """
    return aws.put_item(table, item, unless_exists="pk", within=within)
