"""The mails and the events of a stack, from the queue that its topics and buses send them to."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from local.aws.lambda_service import Result

MAILS = 500
EVENTS = 2000


class Outbox:
    """The latest mails and events, limited in number.

    Attributes
    ----------
    mails
        For each email: ``subject``, ``text``, ``at`` (ISO 8601), ``line`` (the called number) and
        ``id`` (of the event that it follows); these two are None without a message attribute.
    events
        The events as EventBridge delivers them.
    """

    def __init__(self) -> None:
        self.mails: deque[dict[str, Any]] = deque(maxlen=MAILS)
        self.events: deque[dict[str, Any]] = deque(maxlen=EVENTS)

    async def receive(self, function: str, event: dict[str, Any]) -> Result:
        """Add the messages of an event that an SQS queue delivers, in place of a function."""
        for record in event["Records"]:
            message = json.loads(record["body"])
            if message.get("Type") == "Notification":
                self.mails.append(_mail(message))
            else:
                self.events.append(message)
        return Result(function, None, None, (), 0.0)


def _mail(message: dict[str, Any]) -> dict[str, Any]:
    attributes = message.get("MessageAttributes", {})
    return {
        "subject": message.get("Subject"),
        "text": message["Message"],
        "at": message["Timestamp"],
        "line": attributes.get("line", {}).get("Value"),
        "id": attributes.get("id", {}).get("Value"),
    }
