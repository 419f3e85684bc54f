"""The webhook functions in a child process, with an AWS that can fail."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import signing
from tests.support.fake_aws import FakeAws
from tests.support.function_process import FunctionProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A flow with faults: the URL parameter `how` selects one.
_FAULTY = """
import time

def answer(call):
    return _DO[call.state["how"]](call)

def asr(call, input):
    raise ValueError("cannot serve " + (call.from_ or "") + " who said " + repr(input.speech))

def dtmf(call, input):
    raise KeyError(input.digits)

def event(call, event):
    raise RuntimeError(f"what now, {call.from_}?")

def _raise(error):
    raise error

def _swallow(call):
    try:
        time.sleep(60)
    except BaseException:
        time.sleep(60)

def _recurse(call):
    return _recurse(call)

_DO = {
    "raise": lambda call: _raise(ValueError("cannot serve " + call.from_)),
    "raise half a character": lambda call: _raise(ValueError("\\ud800")),
    "exit": lambda call: _raise(SystemExit(call.from_)),
    "interrupt": lambda call: _raise(KeyboardInterrupt()),
    "recurse": _recurse,
    "hang": lambda call: time.sleep(60),
    "swallow": _swallow,
    "print": lambda call: print(call.from_) or _raise(ValueError()),
    "nothing": lambda call: None,
    "text": lambda call: "hello",
    "no action": lambda call: [{"text": "hello"}],
    "no number": lambda call: [{"action": "connect", "endpoint": [{"type": "phone",
        "number": "+" + call.from_}]}],
    "forbidden": lambda call: [{"action": "connect", "endpoint": [{"type": "phone",
        "number": call.from_}]}],
    "surrogate": lambda call: [{"action": "talk", "text": "\\ud800"}],
    "object": lambda call: [{"action": "talk", "text": object()}],
    "show": lambda call: [{"action": "talk", "text":
        f"{call.verified} {call.custom_data} {call.sip_headers}"}],
}
"""

# A flow with state, a secret input, and events of its own: `how` selects what it does.
_BOOKING = """
import time

from voicekit import ncco


def answer(call):
    if call.state.get("how") == "emit":
        call.emit("booking.asked", {})
    url = call.url("dtmf", state={"customer": "C-1"}, secret=True)
    return [ncco.talk("Your PIN?"), ncco.input(dtmf=ncco.dtmf(), event_url=url)]


def dtmf(call, input):
    return _respond(call, f"{input.digits} {[one.text for one in input.speech]}")


def asr(call, input):
    return dtmf(call, input)


def notification(call, payload):
    return _respond(call, str(payload))


def event(call, event):
    if event.status == "busy":
        call.emit("booking.failed", {"status": event.status})


def _respond(call, entered):
    how = call.state.get("how", "")
    if "emit" in how:
        call.emit("booking.cancelled", {"customer": "C-1", "seen": time.time()})
        call.emit("booking.counted", {})
    if "raise" in how:
        raise ValueError("cannot serve " + entered)
    if "hang" in how:
        time.sleep(60)
    return [ncco.talk(f"{dict(call.signed_state)} {entered}")]
"""

# A flow that says when it was loaded.
_LOADED = """
import time

_AT = time.time()

def answer(call):
    return [{"action": "talk", "text": str(_AT)}]
"""


@pytest.fixture(scope="package")
def cloud() -> Iterator[FakeAws]:
    with FakeAws(signing.account()) as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def _reset_faults(cloud: FakeAws) -> None:
    cloud.reset()


@pytest.fixture(scope="package")
def start(
    cloud: FakeAws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., FunctionProcesses]]:
    """Return a function that starts the functions, with changes to the environment."""
    code = tmp_path_factory.mktemp("code") / "functions"
    shutil.copytree(Path(__file__).parents[3] / "functions", code)
    (code / "flows" / "faulty.py").write_text(_FAULTY)
    (code / "flows" / "booking.py").write_text(_BOOKING)
    (code / "flows" / "loaded.py").write_text(_LOADED)
    with ExitStack() as running:
        yield lambda **changes: running.enter_context(
            FunctionProcesses(cloud.environment(FLOW_TIME_LIMIT="500", **changes), code=code)
        )


@pytest.fixture(scope="package")
def functions(start: Callable[..., FunctionProcesses]) -> FunctionProcesses:
    """The functions, shared by all tests and warm after the first invocation."""
    return start()
