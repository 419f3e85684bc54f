"""What the tests of this function share: its storage, a Vonage with files, and its process."""

from __future__ import annotations

import hashlib
import random
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support.function_process import FunctionProcesses, InvocationResult
from tests.support.recording_stack import RecordingStack, message
from tests.support.vonage_files import VonageFiles
from tests.support.webhooks import conversation, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = Path(boto3.__file__).parents[1]


def wav(size: int) -> bytes:
    """Give a wav file of so many bytes: one channel, 16 bits, 16 kHz; its sound is noise."""
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


SMALL, LARGE = wav(32_044), wav(20 * 1024 * 1024)


@dataclass
class SampleRecording:
    """A recording at Vonage, and the event that reports it."""

    uuid: str
    conversation: str
    content: bytes
    fields: dict[str, Any]

    @property
    def body(self) -> str:
        """The message that asks for it."""
        return message(self.fields)

    @property
    def key(self) -> str:
        """Where it is to be stored."""
        return f"recordings/{self.conversation}/{self.uuid}"

    @property
    def sha256(self) -> str:
        """What is to be stored."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class FetchHarness:
    """The function with all that it works with."""

    storage: RecordingStack
    files: VonageFiles
    functions: FunctionProcesses

    def recording(self, content: bytes = SMALL, **changes: Any) -> SampleRecording:
        """Make a recording."""
        made, of = str(uuid.uuid4()), conversation()
        url = self.files.put(f"file-{made}", content)
        fields = recorded(of, recording_uuid=made, recording_url=url, size=len(content))
        return SampleRecording(made, of, content, fields | changes)

    def deliver(
        self, *bodies: str, attempt: int = 1, seconds_left: float = 300.0
    ) -> InvocationResult:
        """Hand a batch of messages to the function."""
        records = [self.storage.record(body, attempt) for body in bodies]
        return self.functions("fetch_recording", {"Records": records}, seconds_left)

    def failed(self, *bodies: str, **how: Any) -> int:
        """Hand a batch to the function, and count the messages that it leaves on the queue."""
        outcome = self.deliver(*bodies, **how)
        assert outcome.raised is None
        return len(outcome.reply["batchItemFailures"])

    def until_done(self, body: str) -> int:
        """Deliver a message until it is done, as the queue would; give how many times it took."""
        for attempt in range(1, 9):
            if not self.failed(body, attempt=attempt):
                return attempt
        raise AssertionError("the message was left on the queue eight times")


@pytest.fixture(scope="module")
def storage() -> Iterator[RecordingStack]:
    with RecordingStack() as made:
        yield made


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VonageFiles]:
    with VonageFiles(tmp_path_factory.mktemp("files")) as made:
        yield made


@pytest.fixture(scope="module")
def functions(storage: RecordingStack, files: VonageFiles) -> Iterator[FunctionProcesses]:
    with FunctionProcesses(storage.environment(files), PACKAGES) as made:
        yield made


@pytest.fixture
def workshop(
    storage: RecordingStack, files: VonageFiles, functions: FunctionProcesses
) -> Iterator[FetchHarness]:
    """The function, with nothing at fault and empty queues."""
    storage.aws.reset()
    files.faults.clear()
    files.asked.clear()
    storage.dead()
    yield FetchHarness(storage, files, functions)
    storage.aws.reset()
