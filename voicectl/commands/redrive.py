"""``redrive``: show the messages of dead-letter queues, and send them back to their queues.

A message is received, sent, and only then deleted. If the command is killed in between, the message
is in both queues. Processing it twice is harmless: events and recordings are stored once, and an
event that is published twice has the same `id`. A mail can be sent twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from voicectl import queues
from voicectl.call_commands import Choice
from voicectl.cli import command
from voicectl.output import counted
from voicectl.phone_numbers import fields_of

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context
    from voicectl.queues import Message, Queue

# Why SQS moved a message; a message that the function moved has its reason as an attribute.
_MOVED_BY_SQS = {
    "recordings": "received too often: the function crashed, timed out or was throttled each time",
    "overflow": "received too often: it could not be stored, or is not an event",
    "call-events": "the event could not be published, or the mail not sent",
}
# What says what a message of the queue of call events is about.
_CALL_EVENT = ("what", "about", "detail-type", "name", "leg", "recording", "conversation", "pk")
_COLUMNS = ("queue", "reason", "detail", "attempts", "received", "age", "what")
_LEAST_IMPORTANT = ("received", "attempts", "age", "detail")


class FailedMessage(NamedTuple):
    """A message in a dead-letter queue, and its source queue."""

    queue: Queue
    message: Message


@command(
    "redrive",
    help="show the messages in dead-letter queues, and send them back for a retry",
    examples=("voicectl redrive --dry-run", "voicectl redrive --queue recordings --all"),
)
@click.option("--all", is_flag=True, help="send back all without prompting")
@click.option(
    "--queue", type=Choice(tuple(queues.SOURCES)), help="show only messages from this queue"
)
@click.option(
    "--most",
    type=click.IntRange(1, 10_000),
    default=1000,
    metavar="N",
    help="show up to this many messages of a queue",
    show_default=True,
)
def redrive(options: SimpleNamespace, context: Context) -> int:
    """Show the messages, and send back those that are confirmed; the others stay."""
    sqs = context.stack.aws("sqs")
    if options.queue is not None:
        context.stack.output(queues.SOURCES[options.queue])  # raises if it was never deployed
    chosen = [one for one in queues.queues(context.stack, sqs) if options.queue in (None, one.name)]
    in_queues = _count(context, sqs, chosen)
    pending: list[FailedMessage] = []
    sent: list[str] = []
    lost: list[str] = []
    try:
        _receive(sqs, chosen, options.most, pending)
        shown = {one.message.identifier: _described(one, context.now()) for one in pending}
        if shown:
            rows = [_row(one) for one in shown.values()]
            context.output.table(_COLUMNS, rows, _LEAST_IMPORTANT)
        if len(pending) >= options.most:
            context.output.line(
                f"there may be more than these {len(pending)}. Run the command again."
            )
        for failed in [] if options.dry_run else list(pending):
            described = shown[failed.message.identifier]
            question = f"Send back: {described['reason']}, {described['what']}?"
            if options.all or context.output.confirm(question):
                (sent if _send_back(sqs, failed) else lost).append(failed.message.identifier)
                pending.remove(failed)
    finally:
        queues.release(sqs, [failed.message for failed in pending])
    context.output.line(f"{len(sent)} sent back, {len(pending)} left")
    if lost:
        context.output.warn(
            f"{counted(len(lost), 'message')} became visible again before you confirmed. Run the"
            " command again."
        )
    context.output.result(
        {"queues": in_queues, "messages": list(shown.values()), "sent": sent, "left": len(pending)}
    )
    return 0


def _count(context: Context, sqs: Any, chosen: list[Queue]) -> list[dict[str, Any]]:
    """Count and show the messages in the source queues."""
    found: list[dict[str, Any]] = []
    for queue in chosen:
        own = queues.count(sqs, queue.url)
        found.append({"queue": queue.name, "waiting": own.waiting, "hidden": own.hidden})
        context.output.line(
            f"{queue.name} queue: about {own.waiting} visible and"
            f" {counted(own.hidden, 'hidden message')}; these are retried automatically"
        )
        if queue.dead_url is None:
            context.output.line(f"{queue.name} queue: it has no dead-letter queue")
    return found


def _receive(sqs: Any, chosen: list[Queue], most: int, pending: list[FailedMessage]) -> None:
    for queue in chosen:
        if queue.dead_url is not None:
            received = queues.receive(sqs, queue.dead_url, most)
            pending += [FailedMessage(queue, message) for message in received]


def _send_back(sqs: Any, failed: FailedMessage) -> bool:
    """Send a message to its source queue, then delete it; return False if it is visible again.

    Its receive count starts from zero, and its old reason is dropped.
    """
    if not queues.extend_visibility(sqs, failed.message):
        return False
    queues.send(sqs, failed.queue.url, failed.message.body)
    queues.delete(sqs, failed.message)
    return True


def _described(failed: FailedMessage, now: float) -> dict[str, Any]:
    """Return a message's reason, age and content for display."""
    attributes = failed.message.attributes
    return {
        "id": failed.message.identifier,
        "queue": failed.queue.name,
        "reason": attributes.get("reason") or _MOVED_BY_SQS[failed.queue.name],
        "detail": attributes.get("detail", ""),
        "attempts": attributes.get("attempts"),
        "receive_count": failed.message.received,
        "age_seconds": max(0, round(now - failed.message.sent_at)),
        "what": _what(failed.message.body),
    }


def _what(body: str) -> str:
    """Return the recording or event that a message is about, without phone numbers."""
    job = fields_of("POST", body)
    if not isinstance(job, dict):
        return "not a JSON object"
    content = fields_of(job.get("method"), job.get("body"))
    fields = content if isinstance(content, dict) else {}
    names = ("status", "recording_uuid", "conversation_uuid")
    own = _CALL_EVENT if "body" not in job else ("kind",)
    parts = [*(job.get(name) for name in own), *(fields.get(name) for name in names)]
    return " ".join(str(one) for one in parts if one) or "unknown content"


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    names = ("queue", "reason", "detail", "attempts", "receive_count")
    return (*(one[name] for name in names), _age(one["age_seconds"]), one["what"])


def _age(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
