"""Fixtures of this function: its storage, a file server of Vonage, and its process."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fetch_recording.bucket import PART
from tests.support.function_process import FunctionProcesses, InvocationResult
from tests.support.recording_stack import RecordingStack, message
from tests.support.vonage_files import VonageFiles
from tests.support.webhooks import conversation, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = Path(boto3.__file__).parents[1]


def wav(size: int) -> bytes:
    """Return a wav file of this size: noise, one channel, 16 bits, 16 kHz."""
    data = random.Random(size).randbytes(size - 44)
    return (
        b"RIFF"
        + (size - 8).to_bytes(4, "little")
        + b"WAVEfmt \x10\0\0\0\x01\0\x01\0"
        + (16000).to_bytes(4, "little")
        + (32000).to_bytes(4, "little")
        + b"\x02\0\x10\0data"
        + (size - 44).to_bytes(4, "little")
        + data
    )


# A large one has a first, a middle and a last part.
SMALL, LARGE = wav(32_044), wav(2 * PART + 100_000)


@dataclass
class SampleRecording:
    """A recording at Vonage, and the event that reports it."""

    uuid: str
    conversation: str
    content: bytes
    fields: dict[str, Any]
    state: dict[str, str] = field(default_factory=dict)
    received_at: float = field(default_factory=time.time)

    @property
    def body(self) -> str:
        """The queue message for it."""
        return message(self.fields, self.received_at, self.state)

    @property
    def key(self) -> str:
        """The expected key in the bucket."""
        return f"recordings/{self.conversation}/{self.uuid}"

    @property
    def sha256(self) -> str:
        """The expected SHA-256."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class FetchHarness:
    """The function with its storage and Vonage files."""

    storage: RecordingStack
    files: VonageFiles
    functions: FunctionProcesses

    def recording(self, content: bytes = SMALL, **changes: Any) -> SampleRecording:
        """Create a recording at Vonage."""
        recording, of = str(uuid.uuid4()), conversation()
        url = self.files.put(f"file-{recording}", content)
        fields = recorded(of, recording_uuid=recording, recording_url=url, size=len(content))
        return SampleRecording(recording, of, content, fields | changes)

    def deliver(
        self, *bodies: str, attempt: int = 1, seconds_left: float = 300.0
    ) -> InvocationResult:
        """Invoke the function with a batch of messages."""
        records = [self.storage.record(body, attempt) for body in bodies]
        return self.functions("fetch_recording", {"Records": records}, seconds_left)

    def failed(self, *bodies: str, **how: Any) -> int:
        """Deliver a batch, and return how many messages stay on the queue."""
        result = self.deliver(*bodies, **how)
        assert result.raised is None
        return len(result.reply["batchItemFailures"])

    def until_done(self, body: str) -> int:
        """Deliver a message until it is done, as SQS does; return the number of deliveries."""
        for attempt in range(1, 9):
            if not self.failed(body, attempt=attempt):
                return attempt
        raise AssertionError("the message stayed on the queue eight times")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VonageFiles]:
    with VonageFiles(tmp_path_factory.mktemp("files")) as started:
        yield started


@pytest.fixture(scope="module")
def storage(files: VonageFiles) -> Iterator[RecordingStack]:
    with RecordingStack(files) as started:
        yield started


@pytest.fixture(scope="module")
def functions(storage: RecordingStack) -> Iterator[FunctionProcesses]:
    with FunctionProcesses(storage.environment(), PACKAGES) as started:
        yield started


@pytest.fixture
def harness(
    storage: RecordingStack, files: VonageFiles, functions: FunctionProcesses
) -> Iterator[FetchHarness]:
    """Yield the function without faults and with empty queues."""
    storage.aws.reset()
    files.faults.clear()
    files.asked.clear()
    storage.dead()
    yield FetchHarness(storage, files, functions)
    storage.aws.reset()
