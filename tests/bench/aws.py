"""``python -m tests.bench.aws STACK``: print a deployed stack's cold and warm latency.

Lambda logs a report for each invocation if SystemLogLevel in template.yaml is INFO. This command
reads the reports from CloudWatch Logs. It invokes and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tests.bench.stats import number, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Both formats of a report: lines of the log format Text, and records of JSON.
_PATTERN = '?"REPORT RequestId" ?"platform.report"'
_FIELD = re.compile(r"(?:^|\t)([A-Z][A-Za-z ]+): ([\d.]+) (?:ms|MB)")
_NAMES = {
    "durationMs": "Duration",
    "initDurationMs": "Init Duration",
    "maxMemoryUsedMB": "Max Memory Used",
    "memorySizeMB": "Memory Size",
}


class Report(NamedTuple):
    """Lambda's report of an invocation, in milliseconds and MB.

    ``init`` is None for a warm start.
    """

    duration: float
    init: float | None
    memory_used: int
    memory: int


class LogSource(NamedTuple):
    """The log group of a function, and the function's name in it."""

    group: str
    function: str


def log_sources(cloudformation: Any, stack: str) -> dict[str, LogSource]:
    """Return the log source of each function of a stack, by the function's name.

    A function has a log group with its name in the template (CallsFunction, CallsLogs), or it
    shares WebhookLogs.
    """
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    found = {
        one["LogicalResourceId"]: one
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] in ("AWS::Lambda::Function", "AWS::Logs::LogGroup")
    }
    sources = {}
    for name in found:
        function = name.removesuffix("Function")
        logs = f"{function}Logs" if f"{function}Logs" in found else "WebhookLogs"
        if function != name and logs in found:
            group = found[logs]["PhysicalResourceId"]
            sources[function] = LogSource(group, found[name]["PhysicalResourceId"])
    return sources


def reports(logs: Any, source: LogSource, since: float) -> Iterator[Report]:
    """Yield the reports of a function since a time (seconds since 1970), oldest first.

    In a log group that the template names, a stream is called
    ``YYYY/MM/DD/FUNCTION[VERSION]ENVIRONMENT`` (Lambda developer guide, "Configuring CloudWatch log
    groups").
    """
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=source.group, startTime=int(since * 1000), filterPattern=_PATTERN
    )
    for page in pages:
        for event in page["events"]:
            found = report(event["message"])
            if found and f"/{source.function}[" in event["logStreamName"]:
                yield found


def report(message: str) -> Report | None:
    """Parse a log line. Return None if it is not a report."""
    if message.startswith("REPORT "):
        fields = {name: float(value) for name, value in _FIELD.findall(message)}
    else:
        fields = _of_json(message)
    if "Duration" not in fields:
        return None
    return Report(
        duration=fields["Duration"],
        init=fields.get("Init Duration"),
        memory_used=int(fields.get("Max Memory Used", 0)),
        memory=int(fields.get("Memory Size", 0)),
    )


def _of_json(message: str) -> dict[str, float]:
    try:
        record = json.loads(message)
    except ValueError:
        return {}
    if not isinstance(record, dict) or record.get("type") != "platform.report":
        return {}
    metrics = record["record"].get("metrics", {})
    return {field: float(metrics[name]) for name, field in _NAMES.items() if name in metrics}


def summary(found: Mapping[str, Sequence[Report]]) -> str:
    """Return a table with each function's cold and warm latency."""
    rows = []
    for name, those in found.items():
        cold = [one.init + one.duration for one in those if one.init is not None]
        init = [one.init for one in those if one.init is not None]
        warm = [one.duration for one in those if one.init is None]
        used = max((one.memory_used for one in those), default=0)
        memory = f"{used} of {those[0].memory}" if those else ""
        rows.append(
            [
                name,
                len(cold),
                _percentiles(init),
                _percentiles(cold),
                len(warm),
                _percentiles(warm),
                memory,
            ]
        )
    head = ["function", "cold", "init, ms", "init + answer, ms", "warm", "answer, ms", "MB"]
    return table(head, rows) + "\n(median / 95 % / 99 %)"


def _percentiles(values: Sequence[float]) -> str:
    if len(values) < 2:
        return number(values[0]) if values else ""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return " / ".join(number(cuts[one - 1]) for one in (50, 95, 99))


def main() -> int:
    """Print the table of a stack; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.aws", description=__doc__)
    parser.add_argument("stack", help="stack name")
    parser.add_argument(
        "--hours", type=float, default=24, help="hours of logs to read (default: %(default)s)"
    )
    parser.add_argument("--region", help="AWS region (default: the configured one)")
    arguments = parser.parse_args()
    session = boto3.Session(region_name=arguments.region)
    since = time.time() - 3600 * arguments.hours
    try:
        sources = log_sources(session.client("cloudformation"), arguments.stack)
        logs = session.client("logs")
        found = {name: list(reports(logs, one, since)) for name, one in sources.items()}
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if not any(found.values()):
        sys.stderr.write(
            f"error: no report in the last {arguments.hours:g} hours. Set SystemLogLevel in"
            " template.yaml to INFO, deploy, call the number, and run this again.\n"
        )
        return 1
    sys.stdout.write(f"{summary(found)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
