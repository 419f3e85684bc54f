"""Checks of what follows a call: the table's stream, the event bus, mails, and dead letters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from voicectl import queues
from voicectl.check_result import CheckResult
from voicectl.command_line import command_line
from voicectl.output import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicectl.stack import DeployedStack

_DEPLOY = "Deploy this checkout (sam build && sam deploy)."
_LATE = 60  # seconds behind the table
_RECENT = timedelta(minutes=15)
_RUNNING = ("Enabled", "Enabling", "Creating", "Updating")
_PENDING = "PendingConfirmation"
_DELETED = "Deleted"  # shown for a while after somebody has unsubscribed


def event_bus(stack: DeployedStack) -> Iterator[CheckResult]:
    """Check that the event bus exists."""
    name = stack.output("EventBusName")
    try:
        stack.aws("events").describe_event_bus(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        yield CheckResult("event bus", "fail", f"{name} does not exist. {_DEPLOY}")
        return
    yield CheckResult("event bus", "ok", f"{name} exists")


def stream(stack: DeployedStack, now: float) -> Iterator[CheckResult]:
    """Check that a function reads the table's stream, without errors and in time."""
    table = stack.aws("dynamodb").describe_table(TableName=stack.table)["Table"]
    arn = table.get("LatestStreamArn")
    if not arn or not table.get("StreamSpecification", {}).get("StreamEnabled"):
        yield CheckResult(
            "stream", "fail", f"the table has none, so no events are published. {_DEPLOY}"
        )
        return
    if stack.local:
        yield CheckResult("stream", "ok", "the local platform reads it")
        return
    client = stack.aws("lambda")
    mappings = client.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    if not mappings:
        yield CheckResult("stream", "fail", f"no function reads it. {_DEPLOY}")
    for mapping in mappings:
        yield _mapping_result(stack, mapping, now)


def _mapping_result(stack: DeployedStack, mapping: dict[str, Any], now: float) -> CheckResult:
    identifier, state = mapping["UUID"], mapping.get("State", "unknown")
    last = str(mapping.get("LastProcessingResult", ""))
    if state not in _RUNNING:
        return CheckResult(
            "stream",
            "fail",
            f"its event source mapping is {state}, and the stream keeps records for 24 hours only."
            f" Run `aws lambda update-event-source-mapping --enabled --uuid {identifier}`.",
        )
    if last.startswith("PROBLEM"):
        return CheckResult(
            "stream",
            "fail",
            f"the last batch failed ({last}). See the log group of the function publish_events;"
            " the stream keeps records for 24 hours.",
        )
    behind = _seconds_behind(stack, mapping["FunctionArn"].split(":")[6], now)
    if behind > _LATE:
        return CheckResult(
            "stream",
            "warn",
            f"events were published up to {behind} s late in the last 15 minutes."
            " See the log group of the function publish_events.",
        )
    return CheckResult("stream", "ok", f"its event source mapping is {state}")


def _seconds_behind(stack: DeployedStack, function: str, now: float) -> int:
    """Return the largest iterator age of the last minutes, 0 without records."""
    end = datetime.fromtimestamp(now, UTC)
    found = stack.aws("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="IteratorAge",
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=end - _RECENT,
        EndTime=end,
        Period=int(_RECENT.total_seconds()),
        Statistics=["Maximum"],
    )
    return round(max((one["Maximum"] for one in found["Datapoints"]), default=0) / 1000)


def mail(stack: DeployedStack) -> Iterator[CheckResult]:
    """Check that the address of NotifyEmail, and each other one, has confirmed its subscription."""
    address = stack.parameters.get("NotifyEmail")
    if not address:
        yield CheckResult(
            "mail", "ok", "off. Deploy with NotifyEmail to get a mail for each voicemail"
        )
        return
    topic = stack.output("NotificationTopicArn")
    pages = stack.aws("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    by_address = {
        one["Endpoint"]: one["SubscriptionArn"]
        for page in pages
        for one in page["Subscriptions"]
        if one["Protocol"] == "email"
    }
    subscribe = f"`aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint"
    confirmed = 0
    for one, subscription in ({address: _DELETED} | by_address).items():
        if subscription == _PENDING:
            yield CheckResult(
                "mail",
                "fail",
                f"{one} has not confirmed its subscription. Open the link in the mail from AWS;"
                f" {subscribe} {one}` sends it again.",
            )
        elif subscription == _DELETED:
            yield CheckResult(
                "mail",
                "fail" if one == address else "warn",
                f"{one} has unsubscribed, or has not confirmed in time."
                f" {subscribe} {one}` subscribes it again.",
            )
        else:
            confirmed += 1
    if confirmed:
        yield CheckResult("mail", "ok", f"{confirmed} confirmed: voicemails and missed calls")


def dead_letters(stack: DeployedStack) -> Iterator[CheckResult]:
    """Check that the dead-letter queues are empty."""
    sqs = stack.aws("sqs")
    any_found = False
    for queue in queues.queues(stack, sqs):
        waiting = queues.count(sqs, queue.dead_url).waiting if queue.dead_url else 0
        if waiting:
            any_found = True
            yield CheckResult(
                "dead-letter queues",
                "warn",
                f"about {counted(waiting, 'message')} from {queue.name}. Run"
                f" `{command_line('redrive')}` to see why.",
            )
    if not any_found:
        yield CheckResult("dead-letter queues", "ok", "empty")
