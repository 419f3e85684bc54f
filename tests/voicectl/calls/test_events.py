"""`voicectl events tail`: the events of the bus, with nothing left behind."""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import pytest_asyncio

from tests.support.faulty_proxy import FaultyAws
from tests.voicectl.calls.call_helpers import with_stack_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIMIT = 30.0  # seconds


class OwnBus(NamedTuple):
    """A terminal of a stack with an event bus of its own."""

    terminal: CliTerminal
    name: str

    def client(self, service: str) -> Any:
        return self.terminal.platform.moto.client(service)

    def put(self, kind: str, **detail: Any) -> None:
        """Put an event on the bus."""
        entry = {"EventBusName": self.name, "Source": "voice", "DetailType": kind}
        self.client("events").put_events(Entries=[entry | {"Detail": json.dumps(detail)}])

    def left(self) -> list[str]:
        """Return the names of rules of the bus, of queues for it, and of files for `restore`."""
        rules = self.client("events").list_rules(EventBusName=self.name)["Rules"]
        queues = self.client("sqs").list_queues(QueueNamePrefix="local-tail-").get("QueueUrls", [])
        files = (self.terminal.folder / ".connect").glob("tail-*.json")
        return [
            *(one["Name"] for one in rules),
            *(one.rpartition("/")[2] for one in queues),
            *(one.name for one in files),
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def bus(terminal: CliTerminal, tmp_path: Path) -> AsyncIterator[OwnBus]:
    name = f"bus-{uuid.uuid4()}"
    terminal.platform.moto.client("events").create_event_bus(Name=name)
    outputs = {"EventBusName": name}
    yield OwnBus(with_stack_file(terminal, tmp_path / "own", outputs=outputs), name)
    terminal.platform.moto.client("events").delete_event_bus(Name=name)


async def started(terminal: CliTerminal, *words: str) -> asyncio.subprocess.Process:
    """Start the command, and return it when it listens."""
    running = await terminal.start("events", "tail", "--json", *words)
    assert running.stderr is not None
    line = await asyncio.wait_for(running.stderr.readline(), LIMIT)
    assert line.startswith(b"listening"), line + await running.stderr.read()
    return running


async def next_event(running: asyncio.subprocess.Process) -> Any:
    assert running.stdout is not None
    return json.loads(await asyncio.wait_for(running.stdout.readline(), LIMIT))


async def stop(running: asyncio.subprocess.Process, number: int) -> int:
    running.send_signal(number)
    await asyncio.wait_for(running.communicate(), LIMIT)
    assert running.returncode is not None
    return running.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_events_are_shown_until_a_signal_and_nothing_is_left(
    bus: OwnBus, number: int
) -> None:
    running = await started(bus.terminal)
    assert len(bus.left()) == 3
    bus.put("voice.call.completed", summary="Missed call")
    bus.put("appointment.cancelled", data={"customer": "4711"})
    events = [await next_event(running), await next_event(running)]
    assert [(one["detail-type"], one["detail"]) for one in events] == [
        ("voice.call.completed", {"summary": "Missed call"}),
        ("appointment.cancelled", {"data": {"customer": "4711"}}),
    ]
    assert await stop(running, number) == 0
    assert bus.left() == []


async def test_only_the_selected_types_are_shown(bus: OwnBus) -> None:
    running = await started(bus.terminal, "--type", "voice.call.*")
    for kind in ("voice.voicemail.left", "voice.call.started", "Voice.Call.x", "voice.call.ended"):
        bus.put(kind)
    assert (await next_event(running))["detail-type"] == "voice.call.started"
    assert (await next_event(running))["detail-type"] == "voice.call.ended"
    assert await stop(running, signal.SIGINT) == 0


async def test_an_event_is_one_line_of_text(bus: OwnBus) -> None:
    running = await bus.terminal.start("events", "tail")
    assert running.stdout is not None
    await asyncio.wait_for(running.stdout.readline(), LIMIT)
    time = "2026-01-31T14:02:11.120Z"
    bus.put("voice.call.completed", summary="Missed call from 447700900123", time=time)
    bus.put("stock.low", loaves=2)
    first, second = [
        (await asyncio.wait_for(running.stdout.readline(), LIMIT)).decode() for _ in range(2)
    ]
    assert first == "14:02:11.120  voice.call.completed  Missed call from 447700900123\n"
    assert second.endswith('  stock.low  {"loaves":2}\n')
    assert await stop(running, signal.SIGINT) == 0


async def test_restore_removes_what_a_killed_command_left(bus: OwnBus) -> None:
    running = await started(bus.terminal)
    running.kill()
    await running.communicate()
    assert len(bus.left()) == 3
    warned = await bus.terminal("calls")
    assert "`voicectl --local restore` to remove them" in warned.err
    shown = await bus.terminal("restore", "--dry-run")
    assert "left by `events tail`" in shown.out
    assert len(bus.left()) == 3
    assert (await bus.terminal.json("restore", "--yes"))["changed"] is True
    assert bus.left() == []
    assert "events tail" not in (await bus.terminal("calls")).err


async def test_restore_leaves_a_running_command_alone(bus: OwnBus) -> None:
    running = await started(bus.terminal)
    assert "events tail" not in (await bus.terminal("calls")).err
    assert "removed" not in await bus.terminal.json("restore")
    assert len(bus.left()) == 3
    assert await stop(running, signal.SIGINT) == 0


async def test_restore_works_after_the_stack_was_deleted(bus: OwnBus) -> None:
    running = await started(bus.terminal)
    running.kill()
    await running.communicate()
    (name,) = {one.removesuffix(".json").removeprefix("tail-") for one in bus.left()}
    events = bus.client("events")
    events.remove_targets(Rule=name, EventBusName=bus.name, Ids=["tail"])
    events.delete_rule(Name=name, EventBusName=bus.name)
    sqs = bus.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    assert (await bus.terminal("restore", "--yes")).status == 0
    assert bus.left() == []


async def test_a_rule_that_is_refused_leaves_no_queue(bus: OwnBus) -> None:
    with FaultyAws(bus.terminal.platform.moto.url) as faulty:
        faulty.faults["PutRule"] = "refuse"
        folder = bus.terminal.folder / "faulty"
        ran = await with_stack_file(bus.terminal, folder, aws_url=faulty.url)("events", "tail")
    assert (ran.status, "not allowed to call PutRule" in ran.err) == (1, True), ran
    assert bus.left() == []


async def test_what_cannot_be_removed_is_left_to_restore(bus: OwnBus) -> None:
    with FaultyAws(bus.terminal.platform.moto.url) as faulty:
        faulty.faults["DeleteRule"] = "refuse"
        other = with_stack_file(bus.terminal, bus.terminal.folder / "other", aws_url=faulty.url)
        running = await started(other)
        running.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(running.communicate(), LIMIT)
        assert "--local restore" in json.loads(out)["error"]
        faulty.faults.clear()
        assert (await other.json("restore", "--yes"))["changed"] is True
    assert bus.left() == []


async def test_a_dry_run_creates_nothing(bus: OwnBus) -> None:
    ran = await bus.terminal("events", "tail", "--dry-run")
    assert (ran.status, bus.name in ran.out) == (0, True), ran
    assert bus.left() == []


async def test_a_stack_without_a_bus_is_to_be_deployed(terminal: CliTerminal) -> None:
    content = json.loads((terminal.folder / ".local" / "stack.json").read_text())
    content["outputs"].pop("EventBusName", None)
    terminal.change_stack_file(outputs=content["outputs"])
    ran = await terminal("events", "tail")
    assert ran.status == 1
    assert "has no output EventBusName. Deploy this checkout" in ran.err
