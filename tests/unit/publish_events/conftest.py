"""Fixtures of this function: its stack and its process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support import signing
from tests.support.function_process import FunctionProcesses
from tests.support.publish_stack import PublishStack, queue_record
from tests.support.webhooks import CALLED, CALLER, LEG, conversation, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.function_process import InvocationResult

PACKAGES = Path(boto3.__file__).parents[1]
SECOND_LEG = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


@dataclass
class PublishHarness:
    """The function with its stack."""

    stack: PublishStack
    functions: FunctionProcesses
    failed: tuple[str, ...] = ()

    def receive_stream(self, *records: dict[str, Any]) -> list[str]:
        """Deliver records of the stream, and return the sequence numbers that failed."""
        return self._deliver(list(records))

    def receive_queue(self, *bodies: object, seconds_left: float = 30.0) -> list[str]:
        """Deliver messages of the queue, and return the identifiers of those that failed."""
        records = [queue_record(body, str(n)) for n, body in enumerate(bodies)]
        return self._deliver(records, seconds_left)

    def run(self, *records: dict[str, Any]) -> None:
        """Deliver records of the stream, and all messages that follow, until none is left."""
        assert self.receive_stream(*records) == []
        while bodies := self.stack.queued():
            assert self.receive_queue(*bodies) == []

    def _deliver(self, records: list[dict[str, Any]], seconds_left: float = 30.0) -> list[str]:
        self.done = self.functions("publish_events", {"Records": records}, seconds_left)
        assert self.done.raised is None
        return [one["itemIdentifier"] for one in self.done.reply["batchItemFailures"]]

    done: InvocationResult | None = None


@pytest.fixture(scope="module")
def stack() -> Iterator[PublishStack]:
    with PublishStack(signing.account()) as started:
        yield started


@pytest.fixture(scope="module")
def functions(stack: PublishStack) -> Iterator[FunctionProcesses]:
    with FunctionProcesses(stack.environment(), PACKAGES) as started:
        yield started


@pytest.fixture
def harness(stack: PublishStack, functions: FunctionProcesses) -> PublishHarness:
    """The function without faults and with empty queues."""
    stack.reset()
    return PublishHarness(stack, functions)


def call(
    stack: PublishStack,
    *,
    of: str | None = None,
    leg: str = LEG,
    caller: str | None = CALLER,
    direction: str = "inbound",
    rung: bool = True,
) -> list[dict[str, Any]]:
    """Store the events of a call that nobody answers, and return their records in the stream."""
    of = of or conversation()
    begun: dict[str, Any] = {"uuid": leg, "from": caller, "to": CALLED, "direction": direction}
    other = {"uuid": SECOND_LEG, "direction": "outbound", "from": CALLED, "to": "447700900001"}
    at = "2026-03-29T21:20:{:02}.500Z".format
    fields = [
        status(of, "started", timestamp=at(0), **begun),
        status(of, "answered", timestamp=at(1), **begun),
    ]
    if rung:
        fields += [
            status(of, "started", timestamp=at(2), **other),
            status(of, "timeout", timestamp=at(22), **other),
            status(of, "completed", timestamp=at(22), duration="0", **other),
        ]
    fields.append(status(of, "completed", timestamp=at(38), duration="38", **begun))
    return [stack.event(one) for one in fields]
