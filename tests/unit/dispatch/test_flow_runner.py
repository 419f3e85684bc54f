"""Flows that misbehave: the caller gets a response, and no timer is left."""

from __future__ import annotations

import importlib
import json
import re
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
    preload,
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
    from types import FrameType

    from voicekit.call import Call

# The timer can fire during garbage collection, where Python only reports the exception. Its next
# exception stops the flow.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONG = 5.0  # seconds: more than a flow needs that is not meant to time out
SHORT = 0.05
TALK = [{"action": "talk", "text": "Hello"}]


@pytest.fixture(autouse=True)
def _no_timer_is_left() -> Iterator[None]:
    """Check after each test that no timer runs and that SIGALRM does nothing."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    left = signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        if signal.getsignal(signal.SIGALRM) is not before:  # a flow ran
            signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert left == (0.0, 0.0)


@pytest.fixture
def a_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Call]]:
    """Return a function that adds a flow as a file, and returns a call for it."""
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


def test_a_flow_is_stopped_although_another_one_ignored_the_signal(
    a_flow: Callable[..., Call],
) -> None:
    ignoring = a_flow(
        f"""
        import signal
        def answer(call):
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            return {TALK}
        """,
        "ignoring",
    )
    hanging = a_flow("def answer(call):\n    while True: pass\n")
    assert run("answer", ignoring, within=LONG) == TALK
    assert isinstance(failure(hanging, within=SHORT).__cause__, FlowTimeout)


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        ("print('looked up')", "looked up\n"),
        ("print('looked up', end='')", "looked up\n"),
        ("print('one'); sys.stdout.write('two')", "one\ntwo\n"),
        ("sys.stdout = None", ""),
    ],
)
def test_what_a_flow_prints_ends_with_a_whole_line(
    a_flow: Callable[..., Call], capsys: pytest.CaptureFixture[str], body: str, printed: str
) -> None:
    call = a_flow(f"""
        import sys
        print("loaded", end="")
        def answer(call):
            {body}
            return {TALK}
    """)
    preload("passing", within=LONG)
    assert capsys.readouterr().out == "loaded\n"
    assert run("answer", call, within=LONG) == TALK
    print("the log line")
    assert capsys.readouterr().out == f"{printed}the log line\n"


def failure(call: Call, hook: str = "answer", within: float = LONG, **options: Any) -> FlowFailed:
    with pytest.raises(FlowFailed) as failed:
        run(hook, call, within=within, **options)
    return failed.value


# Valid flows


def test_a_new_file_is_a_flow(a_flow: Callable[..., Call]) -> None:
    call = a_flow(f"def answer(call): return {TALK}")

    assert "passing" in flow_names()
    assert run("answer", call, within=LONG) == TALK


def test_only_the_selected_flow_is_loaded(a_flow: Callable[..., Call]) -> None:
    a_flow("raise SystemExit", name="other")

    run("answer", a_flow(f"def answer(call): return {TALK}"), within=LONG)

    assert {"flows.passing", "flows.other"} & set(sys.modules) == {"flows.passing"}


def test_a_flow_loaded_in_advance_is_not_loaded_again(a_flow: Callable[..., Call]) -> None:
    call = a_flow(f"def answer(call): return {TALK}")
    preload("passing", within=LONG)
    a_flow("raise SystemExit")

    assert run("answer", call, within=LONG) == TALK


def test_the_first_answer_compiles_no_pattern() -> None:
    # given the default flow, loaded in advance
    preload("greet", within=LONG)
    re.purge()
    compiled = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == re.compile.__code__.co_filename:
            compiled.append(frame.f_code.co_name)

    # when a first caller waits
    call = a_call("greet", INBOUND, {})
    sys.setprofile(profile)
    try:
        run("answer", call, within=LONG)
    finally:
        sys.setprofile(None)
    # then no function of `re` that takes the text of a pattern is called
    assert compiled == []


@pytest.mark.parametrize(
    "source", ["raise SystemExit", "import nothing_like_this", "import time; time.sleep(60)", "("]
)
def test_a_flow_that_cannot_be_loaded_in_advance_fails_when_it_is_used(
    source: str, a_flow: Callable[..., Call]
) -> None:
    call = a_flow(source)
    preload("passing", within=SHORT)

    assert failure(call, within=SHORT).__cause__ is not None


def test_a_module_with_a_leading_underscore_is_not_a_flow(
    a_flow: Callable[..., Call],
) -> None:
    call = a_flow(f"def answer(call): return {TALK}", name="_shared")

    assert "_shared" not in flow_names()
    assert isinstance(failure(call).__cause__, LookupError)


def test_a_flow_receives_the_call_and_its_arguments(a_flow: Callable[..., Call]) -> None:
    call = a_flow(
        """
        def notification(call, payload):
            return [{"action": "talk", "text": f"{call.to} {payload}"}]
        """
    )

    assert run("notification", call, "arrived", within=LONG) == [
        {"action": "talk", "text": f"{OURS} arrived"}
    ]


def test_an_empty_ncco_is_valid(a_flow: Callable[..., Call]) -> None:
    assert run("answer", a_flow("def answer(call): return []"), within=LONG) == []


@pytest.mark.parametrize("source", ["", "def event(call, event): return None"])
def test_a_flow_can_ignore_an_event(source: str, a_flow: Callable[..., Call]) -> None:
    assert run("event", a_flow(source), None, within=LONG, optional=True) is None


def test_the_timer_is_stopped_after_a_flow_returns(a_flow: Callable[..., Call]) -> None:
    run("answer", a_flow(f"def answer(call): return {TALK}"), within=SHORT)

    time.sleep(2 * SHORT)  # the timer would fire here


def test_a_timer_that_a_flow_sets_is_stopped(a_flow: Callable[..., Call]) -> None:
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


def test_a_flow_runs_after_another_one_timed_out(a_flow: Callable[..., Call]) -> None:
    failure(a_flow("def answer(call):\n    while True: pass", name="first"), within=SHORT)

    assert run("answer", a_flow(f"def answer(call): return {TALK}"), within=LONG) == TALK


# Exceptions


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
def test_any_exception_of_a_flow_becomes_flow_failed(
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
def test_a_flow_that_cannot_be_loaded_or_called_gets_an_apology(
    source: str, a_flow: Callable[..., Call]
) -> None:
    failed = failure(a_flow(source))

    assert apology(failed, "passing").status == 200


def test_an_optional_function_must_not_raise(a_flow: Callable[..., Call]) -> None:
    call = a_flow("def event(call, event): raise ValueError")

    with pytest.raises(FlowFailed):
        run("event", call, None, within=LONG, optional=True)


# Time limit


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
        "loops",
        "sleeps while loading",
        "regular expression",
        "waits for a thread",
        "waits for a pipe",
        "catches every Exception",
        "catches BaseException once",
        "sleeps in finally",
    ],
)
def test_a_flow_that_exceeds_its_time_limit_is_stopped(
    source: str, a_flow: Callable[..., Call]
) -> None:
    failed = failure(a_flow(source), within=SHORT)

    assert isinstance(failed.__cause__, FlowTimeout)


@pytest.mark.parametrize("within", [0.0, -1.0])
def test_a_flow_without_time_left_fails(within: float, a_flow: Callable[..., Call]) -> None:
    failed = failure(a_flow("def answer(call):\n    while True: pass"), within=within)

    assert isinstance(failed.__cause__, FlowTimeout)


def test_a_flow_that_timed_out_while_loading_is_loaded_again(a_flow: Callable[..., Call]) -> None:
    failure(a_flow(f"def answer(call): return {TALK}\nwhile True: pass"), within=SHORT)

    assert isinstance(failure(a_call("passing"), within=SHORT).__cause__, FlowTimeout)


def test_a_timeout_at_any_moment_ends_in_an_ncco_or_a_failure(
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


# Invalid NCCOs


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
def test_a_return_value_that_is_not_an_ncco_fails(
    returned: str, a_flow: Callable[..., Call]
) -> None:
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
        "a list in itself",
        "an action in itself",
        "a payload in itself",
        "a generator",
        "a subclass of list",
        "a subclass of str",
        "a subclass of dict",
    ],
)
def test_a_return_value_that_only_resembles_an_ncco_fails(
    source: str, a_flow: Callable[..., Call]
) -> None:
    assert isinstance(failure(a_flow(source)).__cause__, NccoError)


def test_an_optional_function_must_not_return_an_invalid_ncco(
    a_flow: Callable[..., Call],
) -> None:
    with pytest.raises(FlowFailed):
        run("event", a_flow("def event(*_): return False"), None, within=LONG, optional=True)


# Dial policy

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
        "ncco.sip('sip:alice@elsewhere.example.com')",
        f"ncco.sip('sip:{SECOND}@elsewhere.example.com')",
        f"ncco.phone('{SECOND}', on_answer=ncco.on_answer('https://elsewhere.example.com'))",
    ],
)
def test_a_flow_cannot_connect_to_an_endpoint_outside_the_dial_policy(
    endpoint: str, a_flow: Callable[..., Call]
) -> None:
    prefixes = {"ALLOWED_PREFIXES": "1,4477", "DENIED_PREFIXES": "1876,447700900999"}
    call = a_flow(CALLS.format(endpoint=endpoint), **prefixes)

    assert isinstance(failure(call).__cause__, DialRefused)


def test_without_allowed_prefixes_a_flow_cannot_call_other_numbers(
    a_flow: Callable[..., Call],
) -> None:
    call = a_flow(CALLS.format(endpoint="ncco.phone('447700900002')"))

    assert isinstance(failure(call).__cause__, DialRefused)


@pytest.mark.parametrize(
    ("number", "prefixes"), [(SECOND, ""), (SECOND, "1"), ("447700900002", "4477")]
)
def test_a_flow_can_connect_to_the_second_number_and_to_allowed_numbers(
    number: str, prefixes: str, a_flow: Callable[..., Call]
) -> None:
    call = a_flow(CALLS.format(endpoint=f"ncco.phone('{number}')"), ALLOWED_PREFIXES=prefixes)

    ncco = run("answer", call, within=LONG)

    assert ncco and ncco[1]["endpoint"][0]["number"] == number


# Flow selection

INVALID_NAMES = [
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
    "ｇｒｅｅｔ",  # noqa: RUF001 - it only resembles a name
    "gr\u00ad\u0065et",
    "\ud800",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", INVALID_NAMES, ids=lambda name: ascii(name[:20]))
def test_an_invalid_flow_name_loads_nothing(name: str) -> None:
    loaded = set(sys.modules)

    failed = failure(a_call(name))

    assert isinstance(failed.__cause__, LookupError)
    assert set(sys.modules) == loaded
    assert apology(failed, name).log_fields["flow"] == "unknown"


def test_the_switchboard_overrides_the_flow_of_the_settings() -> None:
    settings = a_call("greet", NUMBER_FLOWS=f"{OURS}=voicemail").settings

    assert select_flow(OURS, Switchboard(numbers={OURS: "speech"}), settings) == "speech"
    assert select_flow(OURS, Switchboard(numbers={SECOND: "speech"}), settings) == "voicemail"


def test_the_settings_select_the_flow_of_a_number() -> None:
    settings = a_call("greet", NUMBER_FLOWS=f"{OURS}=voicemail,{SECOND}=connect").settings

    assert select_flow(OURS, Switchboard(), settings) == "voicemail"


@pytest.mark.parametrize("number", [None, "", SECOND, "Unknown", "alice"])
def test_any_other_number_gets_the_default_flow(number: str | None) -> None:
    settings = a_call("x", NUMBER_FLOWS=f"{OURS}=voicemail", DEFAULT_FLOW="speech").settings

    assert select_flow(number, Switchboard(), settings) == "speech"


# Apology and log


def test_the_apology_is_an_ncco_with_status_200(a_flow: Callable[..., Call]) -> None:
    response = apology(failure(a_flow("def answer(call): raise ValueError")), "passing")

    assert (response.status, response.outcome) == (200, "apology")
    assert response.body == [{"action": "talk", "text": APOLOGY}]


def test_the_log_names_the_flow_the_error_and_its_location(a_flow: Callable[..., Call]) -> None:
    failed = failure(a_flow("def answer(call):\n    raise ValueError('no')"))

    log_fields = apology(failed, "passing").log_fields

    assert (log_fields["flow"], log_fields["error"], log_fields["detail"]) == (
        "passing",
        "ValueError",
        "no",
    )
    assert log_fields["at"][-1].endswith("passing.py:2 answer")


def test_the_log_has_the_location_of_an_invalid_option(a_flow: Callable[..., Call]) -> None:
    source = "from voicekit import ncco\ndef answer(call):\n    return [ncco.talk('Hi', level=5)]"

    log_fields = apology(failure(a_flow(source)), "passing").log_fields

    assert log_fields["detail"] == "talk.level: 5 is out of range; expected -1 to 1"
    assert [place for place in log_fields["at"] if place.endswith("passing.py:3 answer")]


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("def anwser(call): return []", "the flow has no function answer"),
        ("def answer(call): pass", "answer returned None; expected a list of actions"),
        ("def answer(call): return {}", "answer returned dict; expected a list of actions"),
        ("def answer(call): return caal", "name caal is not defined"),
    ],
)
def test_the_log_names_the_mistake_in_a_flow(
    source: str, detail: str, a_flow: Callable[..., Call]
) -> None:
    assert apology(failure(a_flow(source)), "passing").log_fields["detail"].startswith(detail)


@pytest.mark.parametrize("text", ["+44 7700 900 000", "447700900000", "token " + "aB3." * 20])
def test_the_log_contains_no_number_or_token_of_an_exception(
    text: str, a_flow: Callable[..., Call]
) -> None:
    log_fields = apology(
        failure(a_flow(f"def answer(call): raise ValueError({text!r})")), "x"
    ).log_fields

    assert text[-12:] not in json.dumps(log_fields)


@pytest.mark.parametrize("raised", ["ValueError", "SystemExit", "RecursionError"])
def test_an_exception_whose_text_raises_still_gets_an_apology(
    raised: str, a_flow: Callable[..., Call]
) -> None:
    call = a_flow(
        f"""
        class Silent(Exception):
            def __str__(self): raise {raised}

        def answer(call): raise Silent
        """
    )

    response = apology(failure(call), "passing")

    assert (response.status, response.log_fields["error"]) == (200, "Silent")
