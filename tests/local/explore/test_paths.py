"""The explorer finds each kind of problem. `make lint` explores the project's own flows."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from local.explore.checks import findings
from local.explore.flow_files import read
from local.explore.render import as_svg, as_text
from local.explore.traversal import traverse
from local.explore.tree import FAILURES
from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from local.explore.tree import Tree

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = """
    return [
        ncco.talk("Press a key."),
        ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"{more})),
    ]
"""
CONNECT = """
    return [
        ncco.connect(
            ncco.phone(call.settings.second_number),
            event_type="synchronous",
            event_url=call.url("event"){more},
        ),
        ncco.talk("Nobody is there any more."),
    ]
"""
HANG_UP_ON_MACHINES = ', machine_detection="hangup"'
ROUND_COUNTER = ", round=int(call.state.get('round', '0')) + 1"
# Flows with one problem each, and the finding.
FAULTY = {
    "no_handler": (
        f"def answer(call):{ASK.format(more='')}",
        "dead end: 1: the caller hears an apology: LookupError the flow has no function dtmf",
    ),
    "raises": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        '    if (input.digits or "").isdigit():\n'
        "        return [ncco.talk(str(7 // (7 - int(input.digits))))]\n"
        '    return [ncco.talk("No digit.")]\n',
        "dead end: 7: the caller hears an apology: ZeroDivisionError",
    ),
    "invalid_ncco": (
        'def answer(call):\n    return [{"action": "talk", "text": "a" * 1501}]\n',
        "dead end: at the start: the caller hears an apology",
    ),
    "asks_forever": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        '    return [ncco.talk("Bye.")] if input.digits else answer(call)\n',
        "infinite loop: at the start: a silent caller is never disconnected",
    ),
    "counts_forever": (
        f"def answer(call):{ASK.format(more=ROUND_COUNTER)}\n\n"
        "def dtmf(call, input):\n    return answer(call)\n",
        "infinite loop: the flow has more than 30 nodes, the latest after",
    ),
    "never_ends": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n    return answer(call)\n",
        "infinite loop: at the start: no path from here ends the call",
    ),
    "music_forever": (
        'def answer(call):\n    return [ncco.talk("La.", loop=0), ncco.talk("Never heard.")]\n',
        "dead end: at the start: this plays in an infinite loop, and no input can stop it",
    ),
    "silent": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        'def dtmf(call, input):\n    return [] if input.digits == "5" else [ncco.talk("Bye.")]\n',
        "silent ending: 5: the call ends without a prompt",
    ),
    "after_the_conference": (
        "def answer(call):\n"
        '    return [ncco.conversation("room"), ncco.talk("The conference is over.")]\n',
        "unreachable: \u201cThe conference is over.\u201d",
    ),
    "unused_handler": (
        'def answer(call):\n    return [ncco.talk("Hello.")]\n\n'
        'def asr(call, input):\n    return [ncco.talk("You said it.")]\n',
        "unreachable: the function asr: no NCCO names its webhook",
    ),
    "unexpected_speech": (
        "def answer(call):\n"
        '    speech = ncco.speech(context=["sales", "support"])\n'
        '    return [ncco.talk("Which?"), ncco.input(speech=speech, event_url=call.url("asr"))]\n\n'
        "def asr(call, input):\n"
        '    names = {"sales": "Sales.", "support": "Support.", "": "Bye."}\n'
        '    return [ncco.talk(names[input.speech[0].text if input.speech else ""])]\n',
        "dead end: says something else: the caller hears an apology: KeyError",
    ),
    "digit_overrides_speech": (
        "def answer(call):\n"
        "    return [ncco.input(dtmf=ncco.dtmf(max_digits=1), speech=ncco.speech(),"
        ' event_url=call.url("asr"))]\n\n'
        "def asr(call, input):\n"
        "    if input.speech_error and input.digits:\n"
        "        raise ValueError(input.speech_error)\n"
        '    return [ncco.talk("Bye.")]\n',
        "dead end: 1: the caller hears an apology: ValueError Speech overridden by DTMF",
    ),
    "code_of_several_digits": (
        "def answer(call):\n"
        '    return [ncco.input(dtmf=ncco.dtmf(max_digits=4), event_url=call.url("dtmf"))]\n\n'
        "def dtmf(call, input):\n"
        '    return 1 // 0 if input.digits == "0423" else [ncco.talk("Bye.")]\n',
        "dead end: digits 0423: the caller hears an apology: ZeroDivisionError",
    ),
    "asynchronous_digit": (
        "def answer(call):\n"
        '    keys = ncco.input(dtmf={}, mode="asynchronous", event_url=call.url("dtmf"))\n'
        '    return [keys, ncco.talk("Press a key whenever you like.")]\n\n'
        "def dtmf(call, input):\n"
        "    return [int(input.digits)] and []\n",
        "dead end: *: the flow fails: ValueError",
    ),
    "asynchronous_input_at_the_end": (
        "def answer(call):\n"
        '    keys = ncco.input(dtmf={}, mode="asynchronous", event_url=call.url("dtmf"))\n'
        '    return [ncco.talk("Press a key."), keys]\n\n'
        "def dtmf(call, input):\n    return []\n",
        "dead end: at the start: the call ends as this starts: no digit can be pressed any more",
    ),
    "records_nothing": (
        "def answer(call):\n"
        '    return [ncco.talk("Speak after the tone."), ncco.record(beep_start=True)]\n',
        "dead end: at the start: the call ends as this starts: nothing is recorded",
    ),
    "fails_when_the_caller_hangs_up": (
        'def answer(call):\n    return [ncco.talk("Hello.")]\n\n'
        "def event(call, event):\n"
        '    return [][1] if event.status == "completed" else None\n',
        "dead end: hangs up: the flow fails: IndexError",
    ),
    "fails_while_ringing": (
        "def answer(call):\n"
        "    number = ncco.phone(call.settings.second_number)\n"
        '    return [ncco.connect(number, event_url=call.url("event", who="called")),'
        ' ncco.talk("Bye.")]\n\n'
        "def event(call, event):\n"
        '    return {"answered": 1, "completed": 1}[event.status] and None'
        ' if call.state.get("who") else None\n',
        "dead end: is started: the flow fails: KeyError",
    ),
    "invalid_ncco_for_machines": (
        'def answer(call):\n    return [ncco.talk("Hello.")]\n\n'
        "def event(call, event):\n"
        '    return [{"action": "say"}] if event.sub_state == "beep_start" else None\n',
        "dead end: a machine beeps: the caller hears an apology: NccoError",
    ),
    "calls_again_while_busy": (
        f"def answer(call):{CONNECT.format(more='')}\n\n"
        "def event(call, event):\n"
        '    return answer(call) if event.status == "busy" else None\n',
        "infinite loop: at the start: a silent caller is never disconnected (busy each time)",
    ),
    "listens_again_after_failures": (
        "def answer(call):\n"
        '    return [ncco.input(speech=ncco.speech(), event_url=call.url("asr"))]\n\n'
        "def asr(call, input):\n"
        '    return answer(call) if input.speech_error else [ncco.talk("Bye.")]\n',
        "infinite loop: at the start: a silent caller is never disconnected"
        " (recognition fails each time)",
    ),
    "prompts_forever": (
        'def answer(call):\n    return [ncco.talk("Press a key.", loop=0, barge_in=True),'
        ' ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n',
        "infinite loop: at the start: a silent caller is never disconnected",
    ),
    "silent_after_a_machine": (
        f"def answer(call):{CONNECT.format(more=HANG_UP_ON_MACHINES).rstrip()}[:1]\n\n"
        "def event(call, event):\n"
        f'    return [ncco.talk("Nobody.")] if event.status in {FAILURES} else None\n',
        "silent ending: a machine answers, and Vonage hangs up: the call ends without a prompt",
    ),
    "fails_after_the_websocket": (
        "def answer(call):\n"
        '    robot = ncco.websocket("wss://example.com/", content_type="audio/l16;rate=16000")\n'
        '    return [ncco.connect(robot, event_type="synchronous", event_url=call.url("event")),'
        ' ncco.talk("Bye.")]\n\n'
        "def event(call, event):\n"
        '    return 1 // 0 if event.status == "disconnected" else None\n',
        "dead end: disconnects: the caller hears an apology: ZeroDivisionError",
    ),
    "overlaps_the_websocket": (
        "def answer(call):\n"
        '    robot = ncco.websocket("wss://example.com/", content_type="audio/l16;rate=16000")\n'
        '    return [ncco.connect(robot), ncco.talk("Bye.")]\n',
        "overlap: \u201cBye.\u201d: Vonage may run it while the caller talks to the WebSocket",
    ),
    "silent_after_a_recording": (
        "def answer(call):\n"
        '    return [ncco.talk("Speak after the tone."), ncco.record(end_on_silence=3)]\n',
        "silent ending: at the start: the call ends without a prompt after the recording",
    ),
    "input_after_a_recording": (
        "def answer(call):\n"
        '    return [ncco.talk("Speak."), ncco.record(end_on_silence=3),'
        ' ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n',
        "unprompted: input dtmf: it begins only when the recording before it ends",
    ),
    "only_pauses": (
        "def answer(call):\n    return [ncco.talk(\"<speak><break time='1s'/></speak>\")]\n",
        "silent ending: at the start: the call ends without a prompt",
    ),
    "digits_that_no_input_accepts": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        '    return [ncco.talk("Twelve.")] if input.digits == "12" else [ncco.talk("Bye.")]\n',
        "unreachable: the digits 12 (line 14): no input action accepts them",
    ),
    "hash_key_that_submits": (
        "def answer(call):\n"
        "    keys = ncco.dtmf(max_digits=4, submit_on_hash=True)\n"
        '    return [ncco.input(dtmf=keys, event_url=call.url("dtmf"))]\n\n'
        "def dtmf(call, input):\n"
        "    match input.digits:\n"
        '        case "#":\n            return [ncco.talk("Hash.")]\n'
        '    return [ncco.talk("Bye.")]\n',
        "unreachable: the digits # (line 12): no input action accepts them",
    ),
}
# Flows without a problem that resemble those with one.
CORRECT = {
    "waits_for_the_websocket": (
        "def answer(call):\n"
        '    robot = ncco.websocket("wss://example.com/", content_type="audio/l16;rate=16000")\n'
        '    return [ncco.talk("Hello."), ncco.connect(robot, event_type="synchronous",'
        ' event_url=call.url("event")), ncco.talk("Bye.")]\n\n'
        "def event(call, event):\n    return None\n"
    ),
    "digits_to_the_event_webhook": (
        "def answer(call):\n"
        '    return [ncco.talk("Press a key."), ncco.input(dtmf=ncco.dtmf(max_digits=1))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n'
    ),
    "webhook_url_without_a_flow": (
        "def answer(call):\n"
        '    url = f"{call.base_url}/webhooks/dtmf"\n'
        '    return [ncco.talk("Press a key."), ncco.input(dtmf=ncco.dtmf(), event_url=url)]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n'
    ),
    "digits_at_any_time": (
        "def answer(call):\n"
        '    keys = ncco.input(dtmf={}, mode="asynchronous", event_url=call.url("dtmf"))\n'
        '    return [keys, ncco.talk("Press a key whenever you like.")]\n\n'
        "def dtmf(call, input):\n    return []\n"
    ),
    "event_of_every_kind": (
        f"def answer(call):{CONNECT.format(more='')}\n\n"
        "def event(call, event):\n"
        '    if event.status == "completed":\n'
        '        event.fields["duration"], event.fields["price"], event.fields["end_time"]\n'
    ),
    "values_computed_from_digits": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        "    code = input.digits\n"
        '    code = call.state.get("before", "") + code\n'
        '    if code == "12" or input.digits.zfill(2) == "01" or input.digits in "123":\n'
        '        return [ncco.talk("Right.")]\n'
        '    return [ncco.talk("Bye.")]\n'
    ),
    "asks_twice_with_signed_state": (
        f"def answer(call):{ASK.format(more=', state={}')}\n\n"
        "def dtmf(call, input):\n"
        '    tries = call.signed_state.get("tries", 0) + 1\n'
        "    if input.digits or tries == 2:\n"
        '        return [ncco.talk("Bye.")]\n'
        '    url = call.url("dtmf", state={"tries": tries}, secret=True)\n'
        "    keys = ncco.dtmf(max_digits=1)\n"
        '    return [ncco.talk("Again?"), ncco.input(dtmf=keys, event_url=url)]\n'
    ),
    "barge_in_until_a_digit": (
        "def answer(call):\n"
        '    return [ncco.talk("Press a key.", barge_in=True),'
        ' ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n'
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The real application with these flows added."""
    root = tmp_path_factory.mktemp("application")
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("template.yaml", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, root / file)
    faulty = {name: source for name, (source, _) in FAULTY.items()}
    for name, source in {**faulty, **CORRECT}.items():
        text = f'"""A flow for a test."""\n\nfrom voicekit import ncco\n\n\n{source}'
        (root / "functions/flows" / f"{name}.py").write_text(text, encoding="utf-8")
    async with LocalPlatform(root, PlatformOptions()) as running:
        yield running


def metadata(platform: LocalPlatform, flow: str) -> dict[str, Any]:
    return read(platform.root / "functions/flows" / f"{flow}.py")


async def tree_of(platform: LocalPlatform, flow: str, say: Sequence[str] = ()) -> Tree:
    return await traverse(platform.app_client(), metadata(platform, flow), say, limit=30)


async def findings_of(platform: LocalPlatform, flow: str) -> list[str]:
    return findings(await tree_of(platform, flow), metadata(platform, flow))


@pytest.mark.parametrize("flow", FAULTY)
async def test_finds_the_problem(platform: LocalPlatform, flow: str) -> None:
    found = await findings_of(platform, flow)
    assert any(line.startswith(FAULTY[flow][1]) for line in found), found


@pytest.mark.parametrize("flow", [*CORRECT, "dtmf_menu"])
async def test_finds_nothing_in_a_correct_flow(platform: LocalPlatform, flow: str) -> None:
    assert await findings_of(platform, flow) == []


@pytest.mark.parametrize(("language", "spoken"), [("de-DE", True), ("en-GB", False)])
async def test_a_talk_without_a_language_is_found_on_a_line_that_is_not_english(
    platform: LocalPlatform, language: str, spoken: bool
) -> None:
    flow = metadata(platform, "voicemail")
    client = dataclasses.replace(platform.app_client(), language=language)
    found = findings(await traverse(client, flow), flow)
    assert [line.startswith("language: “") for line in found] == [True, True] * spoken


async def test_the_same_signed_state_is_the_same_node(platform: LocalPlatform) -> None:
    # given two questions and a goodbye, whatever digit leads there
    tree = await tree_of(platform, "asks_twice_with_signed_state")
    assert len(tree.nodes) == 3


async def test_a_higher_node_limit_allows_a_larger_flow(
    platform: LocalPlatform,
) -> None:
    flow = metadata(platform, "dtmf_menu")
    short = await traverse(platform.app_client(), flow, limit=5)
    assert "infinite loop" in findings(short, flow)[0]
    counts: list[int] = []
    tree = await traverse(platform.app_client(), flow, limit=10, progress=counts.append)
    assert findings(tree, flow) == []
    assert counts[0] == 1
    assert counts[-1] == len(tree.nodes)


async def test_the_text_shows_the_branch_of_each_digit(platform: LocalPlatform) -> None:
    tree = await tree_of(platform, "dtmf_menu")
    text = as_text(tree)
    assert "├─ 1 → 2\n" in text
    assert "We are open from Monday to Friday" in text
    assert "3-9, *, #" in text
    assert "silence" in text


async def test_callers_also_say_the_given_texts(platform: LocalPlatform) -> None:
    tree = await tree_of(platform, "speech", ["<b>umlaut ä</b> & more"])
    text = as_text(tree)
    assert "says <b>umlaut ä</b> & more" in text


async def test_texts_are_escaped_in_svg(platform: LocalPlatform) -> None:
    tree = await tree_of(platform, "speech", ['<script>alert("1")</script>'])
    svg = ElementTree.fromstring(as_svg(tree))
    tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert "script" not in tags
