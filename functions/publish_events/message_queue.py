"""Send messages to the queue of this function, in batches that say what was not sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BATCH = 10  # messages (SQS quotas: batched message IDs)


class NotSent(Exception):
    """SQS did not take some of the messages."""


def send(sqs: Any, url: str, bodies: Sequence[tuple[Mapping[str, Any], int]]) -> None:
    """Send messages, each with the seconds until it can be received.

    Raises
    ------
    NotSent
        If SQS refused some of them. Others may be sent.
    """
    for start in range(0, len(bodies), _BATCH):
        entries = [
            {
                "Id": str(index),
                "MessageBody": json.dumps(body, separators=(",", ":")),
                "DelaySeconds": delay,
            }
            for index, (body, delay) in enumerate(bodies[start : start + _BATCH])
        ]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
        if failed:
            codes = ", ".join(sorted({str(one.get("Code")) for one in failed}))
            raise NotSent(f"SQS refused {len(failed)} of {len(entries)} messages ({codes})")
