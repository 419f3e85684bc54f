"""Flows that do everything a flow should not: the caller is answered, and no alarm is left."""

from __future__ import annotations

import importlib
import json
import signal
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

import flows
from dispatch.flow_runner import (
    APOLOGY,
    FlowFailed,
    FlowTimeout,
    apology,
    flow_names,
    run,
    select_flow,
)
from tests.unit.flows.calls import INBOUND, OURS, SECOND, a_call
from voicekit.dial_policy import DialRefused
from voicekit.ncco import NccoError
from voicekit.switchboard import Switchboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from voicekit.call import Call

# An alarm may come while garbage is collected, where Python reports what is raised and goes on; the
# next alarm stops the flow then.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONG = 5.0  # seconds: more than any flow here needs that is not meant to be stopped
SHORT = 0.05
TALK = [{"action": "talk", "text": "Hello"}]


@pytest.fixture(autouse=True)
def _no_alarm_is_left() -> Iterator[None]:
    """After each test, however its flow ended, nothing is armed and an alarm would do nothing."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    left, handler = signal.getitimer(signal.ITIMER_REAL), signal.getsignal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    assert left == (0.0, 0.0)
    assert handler in (signal.SIG_IGN, before)


@pytest.fixture
def a_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Call]]:
    """Add a flow as a user does, as a file; give a call that it answers."""
    monkeypatch.setattr(flows, "__path__", [*flows.__path__, str(tmp_path)])

    def add(source: str, name: str = "passing", **environment: str) -> Call:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        return a_call(name, INBOUND, {}, **environment)

    yield add
    for module in [module for module in sys.modules if module.startswith("flows.")]:
        if getattr(sys.modules[module], "__file__", "").startswith(str(tmp_path)):
            del sys.modules[module]
            delattr(flows, module.rpartition(".")[2])


def failure(call: Call, hook: str = "answer", within: float = LONG, **options: Any) -> FlowFailed:
    with pytest.raises(FlowFailed) as failed:
        run(hook, call, within=within, **options)
    return failed.value


# What goes well


def test_a_file_that_is_added_is_a_flow(a_flow: Callable[..., Call]) -> None:
    call = a_flow(f"def answer(call): return {TALK}")

    assert "passing" in flow_names()
    assert run("answer", call, within=LONG) == TALK


def test_only_the_flow_that_answers_is_loaded(a_flow: Callable[..., Call]) -> None:
    a_flow("raise SystemExit", name="other")

    run("answer", a_flow(f"def answer(call): return {TALK}"), within=LONG)

    assert {"flows.passing", "flows.other"} & set(sys.modules) == {"flows.passing"}


def test_a_module_whose_name_begins_with_an_underscore_is_no_flow(
    a_flow: Callable[..., Call],
) -> None:
    call = a_flow(f"def answer(call): return {TALK}", name="_shared")

    assert "_shared" not in flow_names()
    assert isinstance(failure(call).__cause__, LookupError)


def test_a_flow_is_given_the_call_and_what_came(a_flow: Callable[..., Call]) -> None:
    call = a_flow(
        """
        def notification(call, payload):
            return [{"action": "talk", "text": f"{call.to} {payload}"}]
        """
    )

    assert run("notification", call, "arrived", within=LONG) == [
        {"action": "talk", "text": f"{OURS} arrived"}
    ]


def test_an_empty_ncco_is_an_answer(a_flow: Callable[..., Call]) -> None:
    assert run("answer", a_flow("def answer(call): return []"), within=LONG) == []


@pytest.mark.parametrize("source", ["", "def event(call, event): return None"])
def test_a_flow_may_have_no_answer_to_an_event(source: str, a_flow: Callable[..., Call]) -> None:
    assert run("event", a_flow(source), None, within=LONG, optional=True) is None


def test_a_flow_that_ends_in_time_is_not_stopped_later(a_flow: Callable[..., Call]) -> None:
    run("answer", a_flow(f"def answer(call): return {TALK}"), within=SHORT)

    time.sleep(2 * SHORT)  # an alarm would come here


def test_an_alarm_of_the_flows_own_does_not_outlive_it(a_flow: Callable[..., Call]) -> None:
    call = a_flow(
        f"""
        import signal

        def answer(call):
            signal.setitimer(signal.ITIMER_REAL, {SHORT})
            return {TALK}
        """
    )

    assert run("answer", call, within=LONG) == TALK
    time.sleep(2 * SHORT)


def test_a_flow_runs_after_one_that_was_stopped(a_flow: Callable[..., Call]) -> None:
    failure(a_flow("def answer(call):\n    while True: pass", name="first"), within=SHORT)

    assert run("answer", a_flow(f"def answer(call): return {TALK}"), within=LONG) == TALK


# What raises


@pytest.mark.parametrize(
    "raised",
    [
        "Exception('no')",
        "SystemExit(1)",
        "KeyboardInterrupt",
        "RecursionError",
        "MemoryError",
        "GeneratorExit",
        "StopIteration",
        "BaseException",
        "BaseExceptionGroup('all', [SystemExit(1), ValueError()])",
        "__import__('asyncio').CancelledError",
        "TimeoutError",
    ],
)
def test_whatever_a_flow_raises_its_call_fails_alone(
    raised: str, a_flow: Callable[..., Call]
) -> None:
    failed = failure(a_flow(f"def answer(call): raise {raised}"))

    assert type(failed.__cause__).__name__ == raised.rpartition(".")[2].partition("(")[0]


@pytest.mark.parametrize(
    "source",
    [
        "def answer(call): return answer(call)",
        "def answer(call): return [[]] * 10**15",
        "def answer(call): import sys; sys.exit()",
        "def answer(call): return 1 / 0",
        "def answer(): return []",
        "def answer(call, more): return []",
        "answer = None",
        "answer = 'talk'",
        "",
        "def answer(call) return []",
        "def answer(call):\nreturn []",
        "\x00",
        "import a_package_that_nobody_installed",
        "from voicekit.ncco import sing",
        "from flows import another_flow",
        "raise SystemExit",
        "import flows.passing as me; me.answer",
        "def __getattr__(name): raise KeyboardInterrupt",
    ],
    ids=repr,
)
def test_a_flow_that_cannot_be_loaded_or_called_fails(
    source: str, a_flow: Callable[..., Call]
) -> None:
    failed = failure(a_flow(source))

    assert apology(failed, "passing").status == 200


def test_a_hook_that_may_be_missing_may_not_fail(a_flow: Callable[..., Call]) -> None:
    call = a_flow("def event(call, event): raise ValueError")

    with pytest.raises(FlowFailed):
        run("event", call, None, within=LONG, optional=True)


# What takes too long


@pytest.mark.parametrize(
    "source",
    [
        "import time\ndef answer(call): time.sleep(60)",
        "def answer(call):\n    while True: pass",
        "import time\ntime.sleep(60)",
        "import re\ndef answer(call): re.match('(a|aa)+$', 'a' * 100 + 'b')",
        "import threading\ndef answer(call): threading.Event().wait()",
        "import os\ndef answer(call): os.read(os.pipe()[0], 1)",
        """
        import time
        def answer(call):
            while True:
                try:
                    time.sleep(60)
                except Exception:
                    pass
        """,
        """
        import time
        def answer(call):
            try:
                time.sleep(60)
            except BaseException:
                time.sleep(60)
        """,
        """
        import time
        def answer(call):
            try:
                time.sleep(60)
            finally:
                time.sleep(60)
        """,
    ],
    ids=[
        "sleeps",
        "is busy",
        "while loading",
        "searches",
        "waits for a thread",
        "waits for a pipe",
        "catches every Exception",
        "catches everything once",
        "cleans up without end",
    ],
)
def test_a_flow_that_takes_too_long_is_stopped(source: str, a_flow: Callable[..., Call]) -> None:
    failed = failure(a_flow(source), within=SHORT)

    assert isinstance(failed.__cause__, FlowTimeout)


@pytest.mark.parametrize("within", [0.0, -1.0])
def test_a_flow_without_any_time_left_fails(within: float, a_flow: Callable[..., Call]) -> None:
    failed = failure(a_flow("def answer(call):\n    while True: pass"), within=within)

    assert isinstance(failed.__cause__, FlowTimeout)


def test_a_flow_that_was_stopped_while_loading_is_loaded_anew(a_flow: Callable[..., Call]) -> None:
    failure(a_flow(f"def answer(call): return {TALK}\nwhile True: pass"), within=SHORT)

    assert isinstance(failure(a_call("passing"), within=SHORT).__cause__, FlowTimeout)


def test_an_alarm_that_comes_at_any_moment_ends_in_an_answer_or_a_failure(
    a_flow: Callable[..., Call],
) -> None:
    call = a_flow(f"def answer(call):\n    sum(range(10_000))\n    return {TALK}")
    run("answer", call, within=LONG)

    for _ in range(300):
        try:
            assert run("answer", call, within=0.0) == TALK
        except FlowFailed as failed:
            assert isinstance(failed.__cause__, FlowTimeout)
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


# What is no NCCO


@pytest.mark.parametrize(
    "returned",
    [
        "None",
        "'talk'",
        "b'[]'",
        "{}",
        "()",
        "set()",
        "0",
        "NotImplemented",
        "object()",
        "iter([])",
        "(action for action in [])",
        "[None]",
        "[[]]",
        "[{}]",
        "[{'action': 'talk'}]",
        "[{'action': 'sing', 'text': 'la'}]",
        "[{'action': ['talk'], 'text': 'la'}]",
        "[{'action': 'talk', 'text': b'bytes'}]",
        "[{'action': 'talk', 'text': '\\ud800'}]",
        "[{'action': 'talk', 'text': 'a', 'level': float('nan')}]",
        "[{'action': 'notify', 'payload': {'a': float('inf')}, 'eventUrl': ['https://a.b']}]",
        "[{'action': 'talk', 'text': 'a' * 10**7}]",
        "[{'action': 'talk', 'text': 'a'}] * 10**6",
        "[{'action': 'notify', 'payload': {'a': 'b' * 10**7}, 'eventUrl': ['https://a.b']}]",
        "[{'action': 'talk', 'text': 'a', 1: 2}]",
        "[{'action': 'wait', 'timeout': 10**5000}]",
    ],
)
def test_what_is_no_ncco_never_goes_out(returned: str, a_flow: Callable[..., Call]) -> None:
    failed = failure(a_flow(f"def answer(call): return {returned}"))

    assert isinstance(failed.__cause__, NccoError)


@pytest.mark.parametrize(
    "source",
    [
        "def answer(call):\n    a = []; a.append(a); return a",
        "def answer(call):\n    a = {'action': 'talk'}; a['text'] = a; return [a]",
        """
        def answer(call):
            a = {}
            a['a'] = a
            return [{'action': 'notify', 'payload': a, 'eventUrl': ['https://example.com']}]
        """,
        "def answer(call):\n    yield {'action': 'talk', 'text': 'Hello'}",
        "class L(list): pass\ndef answer(call): return L()",
        "class S(str): pass\ndef answer(call): return [{'action': 'talk', 'text': S('a')}]",
        """
        class D(dict):
            def get(self, *_): raise SystemExit
            def items(self): raise SystemExit
        def answer(call): return [D(action='talk', text='Hello')]
        """,
    ],
    ids=[
        "itself",
        "an action of itself",
        "a payload of itself",
        "a generator",
        "a kind of list",
        "a kind of text",
        "a kind of dict",
    ],
)
def test_what_only_looks_like_an_ncco_never_goes_out(
    source: str, a_flow: Callable[..., Call]
) -> None:
    assert isinstance(failure(a_flow(source)).__cause__, NccoError)


def test_a_hook_that_may_be_missing_may_not_return_what_is_no_ncco(
    a_flow: Callable[..., Call],
) -> None:
    with pytest.raises(FlowFailed):
        run("event", a_flow("def event(*_): return False"), None, within=LONG, optional=True)


# Whom a flow may call

CALLS = """
from voicekit import ncco

def answer(call):
    return [ncco.talk("One moment."), ncco.connect({endpoint}, from_="442079460000")]
"""


@pytest.mark.parametrize(
    "endpoint",
    [
        "ncco.phone('18765550123')",
        "ncco.phone('447700900999')",
        "ncco.sip('sip:somebody@elsewhere.example.com')",
        f"ncco.sip('sip:{SECOND}@elsewhere.example.com')",
        f"ncco.phone('{SECOND}', on_answer=ncco.on_answer('https://elsewhere.example.com'))",
    ],
)
def test_a_flow_connects_to_nobody_whom_the_stack_may_not_call(
    endpoint: str, a_flow: Callable[..., Call]
) -> None:
    prefixes = {"ALLOWED_PREFIXES": "1,4477", "DENIED_PREFIXES": "1876,447700900999"}
    call = a_flow(CALLS.format(endpoint=endpoint), **prefixes)

    assert isinstance(failure(call).__cause__, DialRefused)


def test_with_nothing_allowed_a_flow_calls_no_other_number(a_flow: Callable[..., Call]) -> None:
    call = a_flow(CALLS.format(endpoint="ncco.phone('447700900002')"))

    assert isinstance(failure(call).__cause__, DialRefused)


@pytest.mark.parametrize(
    ("number", "prefixes"), [(SECOND, ""), (SECOND, "1"), ("447700900002", "4477")]
)
def test_a_flow_connects_to_the_second_number_and_to_allowed_ones(
    number: str, prefixes: str, a_flow: Callable[..., Call]
) -> None:
    call = a_flow(CALLS.format(endpoint=f"ncco.phone('{number}')"), ALLOWED_PREFIXES=prefixes)

    ncco = run("answer", call, within=LONG)

    assert ncco and ncco[1]["endpoint"][0]["number"] == number


# Which flow

NOT_FLOWS = [
    "",
    " ",
    ".",
    "..",
    "../x",
    "../voicekit/call",
    "..voicekit.call",
    "/etc/passwd",
    "__init__",
    "__main__",
    "__pycache__",
    "os",
    "flows",
    "flows.greet",
    "greet.py",
    "greet.answer",
    "greet\x00",
    " greet",
    "greet\n",
    "GREET",
    "ｇｒｅｅｔ",  # noqa: RUF001 - that it only looks like a name is the point
    "gr\u00ad\u0065et",
    "\ud800",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", NOT_FLOWS, ids=lambda name: ascii(name[:20]))
def test_a_name_that_is_no_flows_loads_nothing(name: str) -> None:
    loaded = set(sys.modules)

    failed = failure(a_call(name))

    assert isinstance(failed.__cause__, LookupError)
    assert set(sys.modules) == loaded
    assert apology(failed, name).log_fields["flow"] == "unknown"


def test_the_flow_of_the_switchboard_goes_before_the_one_of_the_settings() -> None:
    settings = a_call("greet", NUMBER_FLOWS=f"{OURS}=voicemail").settings

    assert select_flow(OURS, Switchboard(numbers={OURS: "speech"}), settings) == "speech"
    assert select_flow(OURS, Switchboard(numbers={SECOND: "speech"}), settings) == "voicemail"


def test_the_number_that_was_called_has_its_flow() -> None:
    settings = a_call("greet", NUMBER_FLOWS=f"{OURS}=voicemail,{SECOND}=connect").settings

    assert select_flow(OURS, Switchboard(), settings) == "voicemail"


@pytest.mark.parametrize("number", [None, "", SECOND, "Unknown", "alice"])
def test_any_other_number_has_the_default_flow(number: str | None) -> None:
    settings = a_call("x", NUMBER_FLOWS=f"{OURS}=voicemail", DEFAULT_FLOW="speech").settings

    assert select_flow(number, Switchboard(), settings) == "speech"


# What the caller hears, and what the log says


def test_the_apology_is_an_ncco_with_status_200(a_flow: Callable[..., Call]) -> None:
    reply = apology(failure(a_flow("def answer(call): raise ValueError")), "passing")

    assert (reply.status, reply.outcome) == (200, "apology")
    assert reply.body == [{"action": "talk", "text": APOLOGY}]


def test_the_log_says_which_flow_failed_why_and_where(a_flow: Callable[..., Call]) -> None:
    failed = failure(a_flow("def answer(call):\n    raise ValueError('no')"))

    log_fields = apology(failed, "passing").log_fields

    assert (log_fields["flow"], log_fields["error"], log_fields["detail"]) == (
        "passing",
        "ValueError",
        "no",
    )
    assert log_fields["at"][-1].endswith("passing.py:2 answer")


def test_the_log_says_where_in_the_flow_an_option_is_wrong(a_flow: Callable[..., Call]) -> None:
    source = "from voicekit import ncco\ndef answer(call):\n    return [ncco.talk('Hi', level=5)]"

    log_fields = apology(failure(a_flow(source)), "passing").log_fields

    assert log_fields["detail"] == "talk.level: 5 is not between -1 and 1"
    assert [place for place in log_fields["at"] if place.endswith("passing.py:3 answer")]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def anwser(call): return []", "the flow has no function answer"),
        ("def answer(call): pass", "answer gave None and no list of actions"),
        ("def answer(call): return {}", "answer gave dict and no list of actions"),
        ("def answer(call): return caal", "name caal is not defined"),
    ],
)
def test_the_log_says_what_a_flow_lacks(
    source: str, said: str, a_flow: Callable[..., Call]
) -> None:
    assert apology(failure(a_flow(source)), "passing").log_fields["detail"].startswith(said)


@pytest.mark.parametrize("text", ["+44 7700 900 000", "447700900000", "token " + "aB3." * 20])
def test_the_log_repeats_no_number_and_no_token_of_a_failure(
    text: str, a_flow: Callable[..., Call]
) -> None:
    log_fields = apology(
        failure(a_flow(f"def answer(call): raise ValueError({text!r})")), "x"
    ).log_fields

    assert text[-12:] not in json.dumps(log_fields)


@pytest.mark.parametrize("raised", ["ValueError", "SystemExit", "RecursionError"])
def test_a_failure_that_cannot_be_described_is_apologised_for_all_the_same(
    raised: str, a_flow: Callable[..., Call]
) -> None:
    call = a_flow(
        f"""
        class Silent(Exception):
            def __str__(self): raise {raised}

        def answer(call): raise Silent
        """
    )

    reply = apology(failure(call), "passing")

    assert (reply.status, reply.log_fields["error"]) == (200, "Silent")
