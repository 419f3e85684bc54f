"""A queue and a rule of the event bus for as long as `events tail` runs.

Their names are written to a file in .connect first, so that `restore` can remove what a killed
command left.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from voicectl import restore_points
from voicectl import stack as stacks
from voicectl.command_line import command_line, selected_options
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from voicectl.context import Context
    from voicectl.stack import DeployedStack

_TARGET = "tail"
_RETENTION = 3600  # seconds that the queue keeps an event; also limits what a killed command leaves
_EVERYTHING = {"source": [{"prefix": ""}]}
_MISSING = (
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
)
_STACK_NAME = 60  # characters of it in a name; a rule has at most 64 (EventBridge: PutRule)


class EventTail:
    """What `events tail` created: a rule and a queue of one name on an event bus."""

    def __init__(self, stack: DeployedStack, name: str, bus: str) -> None:
        self.name = name
        self._bus = bus
        self._events, self._sqs = stack.aws("events"), stack.aws("sqs")
        self._url = ""

    def create(self) -> None:
        """Create the queue and the rule that sends it every event of the bus."""
        attributes = {"MessageRetentionPeriod": str(_RETENTION)}
        self._url = self._sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        arn = found["Attributes"]["QueueArn"]
        rule = self._events.put_rule(
            Name=self.name,
            EventBusName=self._bus,
            EventPattern=json.dumps(_EVERYTHING),
            Description="voicectl events tail: remove it if that command no longer runs",
        )
        policy = {"Policy": json.dumps(_policy(arn, rule["RuleArn"]))}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes=policy)
        targets = [{"Id": _TARGET, "Arn": arn}]
        added = self._events.put_targets(Rule=self.name, EventBusName=self._bus, Targets=targets)
        if added.get("FailedEntryCount"):
            raise VoicectlError(
                f"EventBridge did not add the queue to the rule {self.name}"
                f" ({added['FailedEntries'][0].get('ErrorCode')}). Run the command again."
            )

    def receive(self, wait: int) -> Iterator[dict[str, Any]]:
        """Yield the events that arrive within ``wait`` seconds, each before it is deleted."""
        received = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=wait
        )
        for message in received.get("Messages", []):
            yield json.loads(message["Body"])
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def remove(self) -> None:
        """Remove the rule and the queue; what does not exist is skipped."""
        with _ignore_missing():
            self._events.remove_targets(Rule=self.name, EventBusName=self._bus, Ids=[_TARGET])
        with _ignore_missing():
            self._events.delete_rule(Name=self.name, EventBusName=self._bus)
        with _ignore_missing():
            url = self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
            self._sqs.delete_queue(QueueUrl=url)


@contextlib.contextmanager
def tailing(context: Context) -> Iterator[EventTail]:
    """Create a rule and a queue, and remove them when the context ends.

    Raises
    ------
    VoicectlError
        If the stack has no event bus, or they cannot be removed.
    """
    stack = context.stack
    name = f"{stack.name[: _STACK_NAME - 14]}-tail-{secrets.token_hex(4)}"
    tail = EventTail(stack, name, stack.output("EventBusName"))
    path = restore_points.path_of(context.folder, "tail", name)
    saved = {
        "name": name,
        "bus": stack.output("EventBusName"),
        "stack": stack.name,
        "region": stack.region,
        "local": stack.local,
        "profile": selected_options().get("profile"),
        **restore_points.this_process(),
    }
    restore_points.write(path, saved)
    try:
        tail.create()
        yield tail
    finally:
        try:
            tail.remove()
            path.unlink(missing_ok=True)
        except (ClientError, BotoCoreError) as error:
            raise VoicectlError(
                f"could not remove the rule and the queue {name}:"
                f" {stacks.explain_aws_error(error)} Then run `{restore_command(saved)}`."
            ) from None


def left_behind(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the files of commands that were killed, with their content."""
    return [
        (path, saved)
        for path, saved in restore_points.saved_files(folder, "tail")
        if not restore_points.is_running(saved)
    ]


def left_behind_in(context: Context) -> list[tuple[Path, dict[str, Any]]]:
    """Return the files of killed commands for the selected stack."""
    local = context.local is not None
    return [
        (path, saved)
        for path, saved in left_behind(context.folder)
        if saved["local"] == local
        and (saved["stack"], saved["region"]) == (context.stack.name, context.stack.region)
    ]


def remove_saved(context: Context, path: Path, saved: Mapping[str, Any]) -> None:
    """Remove what a killed command left, and then its file."""
    EventTail(context.stack, str(saved["name"]), str(saved["bus"])).remove()
    path.unlink(missing_ok=True)


def restore_command(saved: Mapping[str, Any]) -> str:
    """Return the command that removes what a killed command left."""
    return command_line("restore", {"local": True} if saved["local"] else saved)


def _policy(queue_arn: str, rule_arn: str) -> dict[str, Any]:
    """Return a queue policy that allows only this rule to send."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@contextlib.contextmanager
def _ignore_missing() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
