"""Faults of each step from the stored event to the mail: no event untold, no secret digit anywhere.

AWS is moto behind a proxy that throttles, fails, cuts off and kills. An event that is told twice
has the same ``id`` and content.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.moto_server import MotoServer
from local.testing.phone import Phone
from local.testing.platform_thread import PlatformThread
from tests.support.faulty_proxy import FaultyAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from local.testing.phone_call import PhoneCall

ROOT = Path(__file__).parents[2]
DIGITS = "73519462880147359264"
# Asks for a secret number, tells whether it is right, and rings the second number.
FLOW = f"""
from voicekit import ncco


def answer(call):
    digits = ncco.dtmf(max_digits=20, time_out=5)
    url = call.url("dtmf", secret=True)
    return [ncco.talk("Your number?", barge_in=True), ncco.input(dtmf=digits, event_url=url)]


def dtmf(call, input):
    call.emit("number.checked", {{"right": input.digits == "{DIGITS}"}})
    return [ncco.connect(ncco.phone(call.settings.second_number), timeout=20)]
"""
# Every operation that publish_events uses to publish.
STEPS = ("SendMessageBatch", "PutEvents", "Publish", "Query")
FAULTY_REQUESTS = 3  # of each operation: more than one invocation makes by itself


class FaultyPlatform:
    """The platform with the flow ``pin``, its AWS behind a proxy, and the bodies that passed."""

    def __init__(self, thread: PlatformThread, aws: FaultyAws) -> None:
        self.thread = thread
        self.aws = aws
        self.bodies: list[bytes] = []
        aws.saw = lambda operation, body: self.bodies.append(body)

    def kill(self) -> None:
        """Kill the processes of publish_events."""
        for process_id in self.thread.platform.lambdas.process_ids:
            variables = Path(f"/proc/{process_id}/environ").read_bytes()
            if b"FUNCTION_NAME=voice-local-PublishEventsFunction" in variables:
                os.kill(process_id, signal.SIGKILL)

    def everything(self) -> str:
        """Return every store, log and page, as text."""
        platform, client = self.thread.platform, self.thread.platform.moto.client
        pages = client("dynamodb").get_paginator("scan")
        items = list(pages.paginate(TableName=platform.stack.outputs["TableName"]))
        sqs = client("sqs")
        messages = [
            sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
            for url in sqs.list_queues()["QueueUrls"]
        ]
        folder = platform.folder
        files = [one.read_bytes().decode() for one in folder.rglob("*.log") if one.is_file()]
        lines = [
            line.text for name in platform.stack.functions for line in platform.lambdas.log(name)
        ]
        requests = [f"/api/exchanges/{one.id}" for one in platform.gateway.request_log]
        pages_ = [self._page(path) for path in ("/api/outbox", "/api/events", *requests)]
        legs = json.loads(self._page("/sim/calls"))["calls"]
        views = [self._page(f"/sim/calls/{leg['uuid']}") for leg in legs]
        bodies = [body.decode("utf-8", "replace") for body in self.bodies]
        parts = [items, messages, files, lines, pages_, views, self.thread.journal, bodies]
        return json.dumps(parts, default=str)

    def _page(self, path: str) -> str:
        with urllib.request.urlopen(self.thread.platform.phone.url + path, timeout=10) as response:
            return str(response.read().decode())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyPlatform]:
    """The platform, whose messages become visible again after two seconds."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "functions", root / "functions")
    (root / "functions" / "flows" / "pin.py").write_text(FLOW)
    template = (ROOT / "template.yaml").read_text()
    (root / "template.yaml").write_text(
        re.sub(r"VisibilityTimeout: \d+ ", "VisibilityTimeout: 2 ", template)
    )
    (root / "layers").symlink_to(ROOT / "layers")
    (root / ".local").mkdir()
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (root / ".local" / "layers").symlink_to(ROOT / ".local" / "layers")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        proxies: list[FaultyAws] = []
        direct = MotoServer.url

        def url(server: MotoServer) -> str:
            if not proxies:
                proxies.append(stack.enter_context(FaultyAws(str(direct.__get__(server)))))
            return proxies[0].url

        patch.setattr(MotoServer, "url", property(url))
        thread = PlatformThread(root, tmp_path_factory.mktemp("voice"))
        thread.start()
        stack.callback(thread.stop)
        yield FaultyPlatform(thread, proxies[0])


@pytest.fixture
def faulty(running: FaultyPlatform) -> Iterator[FaultyPlatform]:
    """The platform without faults, before and after the test."""
    running.aws.reset()
    yield running
    running.aws.reset()


def play(phone: Phone) -> tuple[PhoneCall, PhoneCall]:
    """Play a call that is missed after a secret number, and one that leaves a message."""
    phone.callee().rings()
    missed = phone.call("pin").press(DIGITS)
    missed.hang_up()
    phone.callee().does_not_answer()
    message = phone.call("reception").say("Please call me back about the oven").press("#")
    assert message.is_over
    return missed, message


def check(faulty: FaultyPlatform, phone: Phone, calls: tuple[PhoneCall, PhoneCall]) -> None:
    """Check that everything is told, that repeats are equal, and that no secret is anywhere."""
    details: dict[str, list[Any]] = {}
    for event in phone.events:
        details.setdefault(event["detail-type"], []).append(event["detail"])
    told = {name: {one["id"]: one for one in found} for name, found in details.items()}
    assert {name: len(found) for name, found in told.items()} == {
        "voice.call.started": 2,
        "voice.call.completed": 2,
        "voice.voicemail.left": 1,
        "number.checked": 1,
    }
    for name, found in details.items():
        assert all(one == told[name][one["id"]] for one in found)
    (emitted,) = told["number.checked"].values()
    assert emitted["data"] == {"right": True}
    results = [one["missed"] for one in told["voice.call.completed"].values()]
    assert results == [True, True]
    subjects = {mail.subject.partition(" from ")[0] for mail in phone.mails}
    assert subjects == {"Missed call", "Voicemail"}
    everything = faulty.everything() + "".join(map(str, calls))
    assert "number.checked" in everything
    assert DIGITS not in everything
    assert hashlib.sha256(DIGITS.encode()).hexdigest() not in everything


def first_requests(
    when: str, fault: Callable[[], Any], operations: Sequence[str] = STEPS, requests: int = 1
) -> Callable[[str, int, Any], Any]:
    """Return a watch with a fault of the first requests of each operation."""

    def watch(operation: str, count: int, moment: str) -> Any:
        is_hit = operation in operations and moment == when and count <= requests
        return fault() if is_hit else None

    return watch


@pytest.mark.parametrize(
    ("when", "kind"),
    [
        ("before", "throttle"),
        ("before", "error"),
        ("before", "cut"),
        ("after", "cut"),
        ("before", "kill"),
        ("after", "kill"),
    ],
)
def test_every_step_that_fails_is_made_up_for(faulty: FaultyPlatform, when: str, kind: str) -> None:
    phone = Phone(faulty.thread)
    calls = play(phone)
    faulty.aws.reset()

    def fault() -> str:
        if kind == "kill":
            faulty.kill()
            return "cut"
        return kind

    requests = 1 if kind == "kill" else FAULTY_REQUESTS
    faulty.aws.watch = first_requests(when, fault, requests=requests)
    check(faulty, phone, calls)
    assert {name for name in STEPS if faulty.aws.asked[name]} == set(STEPS)
    phone.reset()


def test_messages_that_come_again_tell_nothing_new(faulty: FaultyPlatform) -> None:
    phone = Phone(faulty.thread)
    calls = play(phone)
    faulty.aws.reset()
    faulty.aws.watch = first_requests("before", lambda: "error", ["DeleteMessageBatch"], 2)
    check(faulty, phone, calls)
    phone.reset()


def test_events_that_went_through_the_overflow_queue_are_told(faulty: FaultyPlatform) -> None:
    faulty.aws.watch = first_requests("before", lambda: "throttle", ["PutItem"], 4)
    phone = Phone(faulty.thread)
    check(faulty, phone, play(phone))
    phone.reset()


def test_no_message_about_these_calls_was_given_up(faulty: FaultyPlatform) -> None:
    phone = Phone(faulty.thread)
    check(faulty, phone, play(phone))
    url = faulty.thread.platform.stack.outputs["CallEventsDeadLetterQueueUrl"]
    sqs = faulty.thread.platform.moto.client("sqs")
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    phone.reset()
