"""tests.bench.aws: parse the REPORT lines of Lambda in CloudWatch Logs, with moto."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.bench.aws import LogSource, Report, log_sources, report, reports, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STACK = "voice-test"
TEMPLATE = {
    "Resources": {
        "ApiLogs": {"Type": "AWS::Logs::LogGroup"},
        "CallsLogs": {"Type": "AWS::Logs::LogGroup"},
        "WebhookLogs": {"Type": "AWS::Logs::LogGroup"},
        "AnswerRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Statement": {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                }
            },
        },
    }
    | {
        f"{name}Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["AnswerRole", "Arn"]},
                "Code": {"ZipFile": "def handler(event, context): pass"},
            },
        }
        for name in ("Answer", "Calls")
    }
}


def as_json(duration: float, **more: float) -> str:
    metrics = {"durationMs": duration, "memorySizeMB": 1769, "maxMemoryUsedMB": 61, **more}
    record = {"requestId": "1", "metrics": metrics, "status": "success"}
    return json.dumps({"time": "2026-03-29T21:20:05Z", "type": "platform.report", "record": record})


@pytest.fixture(scope="module")
def client() -> Iterator[Callable[[str], Any]]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    clients: list[Any] = []

    def make(service: str) -> Any:
        clients.append(
            boto3.client(
                service,
                endpoint_url=f"http://{host}:{port}",
                region_name="eu-west-2",
                aws_access_key_id="AKIDEXAMPLE",
                aws_secret_access_key="not-a-key",
            )
        )
        return clients[-1]

    yield make
    for client_ in clients:
        client_.close()
    server.stop()


@pytest.mark.parametrize(
    "message",
    [
        as_json(12.5, initDurationMs=101.25),
        "REPORT RequestId: 1\tDuration: 12.50 ms\tBilled Duration: 114 ms\tMemory Size: 1769 MB\t"
        "Max Memory Used: 61 MB\tInit Duration: 101.25 ms\t\n",
    ],
    ids=["json", "text"],
)
def test_a_report_is_parsed_in_both_formats(message: str) -> None:
    assert report(message) == Report(12.5, 101.25, 61, 1769)


def test_the_report_of_a_warm_start_has_no_init() -> None:
    assert report(as_json(1.5)) == Report(1.5, None, 61, 1769)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "START RequestId: 1 Version: 7",
        '{"type": "platform.start"}',
        '["platform.report"]',
        '{"message": "webhook", "outcome": "answered"}',
        '{"type": "platform.report", "record": {"status": "error"}}',
    ],
)
def test_any_other_line_is_not_a_report(message: str) -> None:
    assert report(message) is None


def test_a_function_has_a_log_group_with_its_name_or_that_of_the_webhooks(
    client: Callable[[str], Any],
) -> None:
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    resources = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    names = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
    assert log_sources(cloudformation, STACK) == {
        "Answer": LogSource(names["WebhookLogs"], names["AnswerFunction"]),
        "Calls": LogSource(names["CallsLogs"], names["CallsFunction"]),
    }


def test_reports_are_read_page_by_page_from_the_start_time(client: Callable[[str], Any]) -> None:
    # given more lines than a page of CloudWatch's response holds, and an old one
    logs, now = client("logs"), time.time()
    logs.create_log_group(logGroupName="many")
    stream = "2026/03/29/voice-answer[7]0123456789abcdef"
    logs.create_log_stream(logGroupName="many", logStreamName=stream)
    messages = [as_json(number) for number in range(10_500)]
    messages[7] = '{"message": "webhook"}'
    old = {"timestamp": int((now - 7200) * 1000), "message": as_json(-1)}
    events = [old]
    events += [
        {"timestamp": int(now * 1000) - 10_500 + i, "message": m} for i, m in enumerate(messages)
    ]
    for start in range(0, len(events), 5000):
        logs.put_log_events(
            logGroupName="many", logStreamName=stream, logEvents=events[start : start + 5000]
        )
    # when the last hour is read
    source = LogSource("many", "voice-answer")
    durations = [one.duration for one in reports(logs, source, now - 3600)]
    # then it has every report once
    assert durations == [float(number) for number in range(10_500) if number != 7]


def test_reports_of_other_functions_in_the_log_group_are_left_out(
    client: Callable[[str], Any],
) -> None:
    logs, now = client("logs"), time.time()
    logs.create_log_group(logGroupName="shared")
    for duration, function in ((1, "voice-answer"), (2, "voice-asr"), (3, "other-voice-asr")):
        stream = f"2026/03/29/{function}[7]0123456789abcdef"
        logs.create_log_stream(logGroupName="shared", logStreamName=stream)
        event = {"timestamp": int(now * 1000), "message": as_json(duration)}
        logs.put_log_events(logGroupName="shared", logStreamName=stream, logEvents=[event])
    found = reports(logs, LogSource("shared", "voice-asr"), now - 3600)
    assert [one.duration for one in found] == [2]


def test_the_table_separates_cold_and_warm_starts() -> None:
    found = {"Answer": [Report(10, 90, 60, 1769), *[Report(2, None, 61, 1769)] * 3], "Asr": []}
    lines = summary(found).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        *("Answer", "1", "90.0", "100", "3", "2.00 / 2.00 / 2.00", "61 of 1769")
    ]
    assert lines[3].split("|")[1].strip() == "Asr"
