"""``redrive``: what failed too often, with its reason, sent back to be tried again.

A message is received, sent, and only then deleted: killed in between, this leaves it on both
queues, and on neither is it lost. What is done twice then ends as if done once, since recordings
and events are kept once however often they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from voicectl import queues
from voicectl.call_commands import int_in_range
from voicectl.phone_numbers import fields_of

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context
    from voicectl.queues import Message, Queue

NAME = "redrive"
HELP = "show what failed too often on the queues, and send it back to be tried again"

# Why the queue itself gave a message up; what the function gives up says why.
_GIVEN_UP = {
    "recordings": "received too often: the function crashed or was cut off each time",
    "overflow": "received too often: the table did not take it, or it is no event",
}
_COLUMNS = ("queue", "reason", "detail", "attempts", "received", "age", "what")


class Dead(NamedTuple):
    """A message on a dead-letter queue, and the queue that it came from."""

    queue: Queue
    message: Message


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--all", action="store_true", help="send back all without asking for each")
    parser.add_argument(
        "--queue", choices=("recordings", "overflow"), help="only what this queue gave up"
    )
    parser.add_argument(
        "--most",
        type=int_in_range(1, 10_000),
        default=1000,
        metavar="N",
        help="messages of a queue that are looked at, to 10000 (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Show what was given up, and send back what is wanted; the rest stays where it is."""
    sqs = context.stack.aws("sqs")
    chosen = [one for one in queues.queues(context.stack, sqs) if options.queue in (None, one.name)]
    counted = _count(context, sqs, chosen)
    waiting: list[Dead] = []
    sent: list[str] = []
    lost: list[str] = []
    try:
        _hold(sqs, chosen, options.most, waiting)
        shown = {one.message.identifier: _described(one, context.now()) for one in waiting}
        if shown:
            context.output.table(_COLUMNS, [_row(one) for one in shown.values()])
        if len(waiting) >= options.most:
            context.output.line(f"there may be more than these {len(waiting)}: run this again")
        for dead in [] if options.dry_run else list(waiting):
            described = shown[dead.message.identifier]
            question = f"send back: {described['reason']}, {described['what']}?"
            if options.all or context.output.confirm(question):
                (sent if _send_back(sqs, dead) else lost).append(dead.message.identifier)
                waiting.remove(dead)
    finally:
        queues.release(sqs, [dead.message for dead in waiting])
    context.output.line(f"{len(sent)} sent back, {len(waiting)} left")
    if lost:
        context.output.warn(
            f"{len(lost)} were held no more, since the question stood for too long: run this again"
        )
    context.output.result(
        {"queues": counted, "messages": list(shown.values()), "sent": sent, "left": len(waiting)}
    )
    return 0


def _count(context: Context, sqs: Any, chosen: list[Queue]) -> list[dict[str, Any]]:
    """Say how full the queues are; what waits on them is tried again by itself."""
    counted = []
    for queue in chosen:
        own = queues.count(sqs, queue.url)
        counted.append({"queue": queue.name, "waiting": own.waiting, "hidden": own.hidden})
        context.output.line(
            f"{queue.name} queue: about {own.waiting} waiting, {own.hidden} being worked on or put"
            " off; these are tried again by themselves"
        )
        if queue.dead_url is None:
            context.output.line(f"{queue.name} queue: it has no dead-letter queue")
    return counted


def _hold(sqs: Any, chosen: list[Queue], most: int, waiting: list[Dead]) -> None:
    for queue in chosen:
        if queue.dead_url is not None:
            held = queues.receive(sqs, queue.dead_url, most)
            waiting += [Dead(queue, message) for message in held]


def _send_back(sqs: Any, dead: Dead) -> bool:
    """Send a message to the queue that it came from, then delete it; False if it is held no more.

    Its attempts begin anew; the reason is left behind, and a new one comes with a new failure.
    """
    if not queues.extend_visibility(sqs, dead.message):
        return False
    queues.send(sqs, dead.queue.url, dead.message.body)
    queues.delete(sqs, dead.message)
    return True


def _described(dead: Dead, now: float) -> dict[str, Any]:
    """Say what a message is: why it was given up, how old it is, and of which call."""
    told = dead.message.attributes
    return {
        "id": dead.message.identifier,
        "queue": dead.queue.name,
        "reason": told.get("reason") or _GIVEN_UP[dead.queue.name],
        "detail": told.get("detail", ""),
        "attempts": told.get("attempts"),
        "receive_count": dead.message.received,
        "age_seconds": max(0, round(now - dead.message.sent_at)),
        "what": _what(dead.message.body),
    }


def _what(body: str) -> str:
    """Say of which recording or event a message is; nothing of who called whom."""
    job = fields_of("POST", body)
    if not isinstance(job, dict):
        return "no JSON object"
    told = fields_of(job.get("method"), job.get("body"))
    fields = told if isinstance(told, dict) else {}
    names = ("status", "recording_uuid", "conversation_uuid")
    parts = [job.get("kind"), *(fields.get(name) for name in names)]
    return " ".join(str(one) for one in parts if one) or "nothing that is known"


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    names = ("queue", "reason", "detail", "attempts", "receive_count")
    return (*(one[name] for name in names), _age(one["age_seconds"]), one["what"])


def _age(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
