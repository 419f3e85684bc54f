"""The explorer finds a planted fault of each kind; `make lint` walks the project's own flows."""

from __future__ import annotations

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
RING = """
    return [
        ncco.connect(
            ncco.phone(call.settings.second_number),
            event_type="synchronous",
            event_url=call.url("event"){more},
        ),
        ncco.talk("Nobody is there any more."),
    ]
"""
HUNG_UP = ', machine_detection="hangup"'
COUNTED = ", round=int(call.state.get('round', '0')) + 1"
# For each fault: the flow that has it, and what is said of it.
PLANTED = {
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
    "refused": (
        'def answer(call):\n    return [{"action": "talk", "text": "a" * 1501}]\n',
        "dead end: at once: the caller hears an apology",
    ),
    "asks_for_ever": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        '    return [ncco.talk("Bye.")] if input.digits else answer(call)\n',
        "endless: at once: a caller who does nothing never gets away",
    ),
    "counts_for_ever": (
        f"def answer(call):{ASK.format(more=COUNTED)}\n\n"
        "def dtmf(call, input):\n    return answer(call)\n",
        "endless: 31 places, and there are ever new ones, the latest after",
    ),
    "no_way_out": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n    return answer(call)\n",
        "endless: at once: no way from here ends the call",
    ),
    "music_for_ever": (
        'def answer(call):\n    return [ncco.talk("La.", loop=0), ncco.talk("Never heard.")]\n',
        "dead end: at once: this is played without end, and nothing can stop it",
    ),
    "silent": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        'def dtmf(call, input):\n    return [] if input.digits == "5" else [ncco.talk("Bye.")]\n',
        "silent ending: 5: the call ends without a word",
    ),
    "after_the_conference": (
        "def answer(call):\n"
        '    return [ncco.conversation("room"), ncco.talk("The conference is over.")]\n',
        "no caller reaches: \u201cThe conference is over.\u201d",
    ),
    "forgotten_handler": (
        'def answer(call):\n    return [ncco.talk("Hello.")]\n\n'
        'def asr(call, input):\n    return [ncco.talk("You said it.")]\n',
        "no caller reaches: the function asr, since no NCCO names its webhook",
    ),
    "word_not_listened_for": (
        "def answer(call):\n"
        '    speech = ncco.speech(context=["sales", "support"])\n'
        '    return [ncco.talk("Which?"), ncco.input(speech=speech, event_url=call.url("asr"))]\n\n'
        "def asr(call, input):\n"
        '    names = {"sales": "Sales.", "support": "Support.", "": "Bye."}\n'
        '    return [ncco.talk(names[input.speech[0].text if input.speech else ""])]\n',
        "dead end: says something else: the caller hears an apology: KeyError",
    ),
    "key_over_speech": (
        "def answer(call):\n"
        "    return [ncco.input(dtmf=ncco.dtmf(max_digits=1), speech=ncco.speech(),"
        ' event_url=call.url("asr"))]\n\n'
        "def asr(call, input):\n"
        "    if input.speech_error and input.digits:\n"
        "        raise ValueError(input.speech_error)\n"
        '    return [ncco.talk("Bye.")]\n',
        "dead end: 1: the caller hears an apology: ValueError Speech overridden by DTMF",
    ),
    "code_of_several_keys": (
        "def answer(call):\n"
        '    return [ncco.input(dtmf=ncco.dtmf(max_digits=4), event_url=call.url("dtmf"))]\n\n'
        "def dtmf(call, input):\n"
        '    return 1 // 0 if input.digits == "0423" else [ncco.talk("Bye.")]\n',
        "dead end: keys 0423: the caller hears an apology: ZeroDivisionError",
    ),
    "key_while_something_goes_on": (
        "def answer(call):\n"
        '    keys = ncco.input(dtmf={}, mode="asynchronous", event_url=call.url("dtmf"))\n'
        '    return [keys, ncco.talk("Press a key whenever you like.")]\n\n'
        "def dtmf(call, input):\n"
        "    return [int(input.digits)] and []\n",
        "dead end: *: the flow fails: ValueError",
    ),
    "keys_when_all_is_over": (
        "def answer(call):\n"
        '    keys = ncco.input(dtmf={}, mode="asynchronous", event_url=call.url("dtmf"))\n'
        '    return [ncco.talk("Press a key."), keys]\n\n'
        "def dtmf(call, input):\n    return []\n",
        "dead end: at once: the call ends as this begins: no key can be pressed any more",
    ),
    "records_nothing": (
        "def answer(call):\n"
        '    return [ncco.talk("Speak after the tone."), ncco.record(beep_start=True)]\n',
        "dead end: at once: the call ends as this begins: nothing is recorded",
    ),
    "fails_when_the_caller_hangs_up": (
        'def answer(call):\n    return [ncco.talk("Hello.")]\n\n'
        "def event(call, event):\n"
        '    return [][1] if event.status == "completed" else None\n',
        "dead end: hangs up: the flow fails: IndexError",
    ),
    "fails_while_it_rings": (
        "def answer(call):\n"
        "    number = ncco.phone(call.settings.second_number)\n"
        '    return [ncco.connect(number, event_url=call.url("event", who="called")),'
        ' ncco.talk("Bye.")]\n\n'
        "def event(call, event):\n"
        '    return {"answered": 1, "completed": 1}[event.status] and None'
        ' if call.state.get("who") else None\n',
        "dead end: is started: the flow fails: KeyError",
    ),
    "greets_machines_wrongly": (
        'def answer(call):\n    return [ncco.talk("Hello.")]\n\n'
        "def event(call, event):\n"
        '    return [{"action": "say"}] if event.sub_state == "beep_start" else None\n',
        "dead end: a machine beeps: the caller hears an apology: NccoError",
    ),
    "rings_again_while_busy": (
        f"def answer(call):{RING.format(more='')}\n\n"
        "def event(call, event):\n"
        '    return answer(call) if event.status == "busy" else None\n',
        "endless: at once: a caller who does nothing never gets away (busy each time)",
    ),
    "listens_again_in_vain": (
        "def answer(call):\n"
        '    return [ncco.input(speech=ncco.speech(), event_url=call.url("asr"))]\n\n'
        "def asr(call, input):\n"
        '    return answer(call) if input.speech_error else [ncco.talk("Bye.")]\n',
        "endless: at once: a caller who does nothing never gets away (recognition fails each time)",
    ),
    "says_it_for_ever": (
        'def answer(call):\n    return [ncco.talk("Press a key.", loop=0, barge_in=True),'
        ' ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n',
        "endless: at once: a caller who does nothing never gets away",
    ),
    "silent_after_a_machine": (
        f"def answer(call):{RING.format(more=HUNG_UP).rstrip()}[:1]\n\n"
        "def event(call, event):\n"
        f'    return [ncco.talk("Nobody.")] if event.status in {FAILURES} else None\n',
        "silent ending: a machine, hung up on: the call ends without a word",
    ),
    "fails_after_the_socket": (
        "def answer(call):\n"
        '    robot = ncco.websocket("wss://example.com/", content_type="audio/l16;rate=16000")\n'
        '    return [ncco.connect(robot, event_type="synchronous", event_url=call.url("event")),'
        ' ncco.talk("Bye.")]\n\n'
        "def event(call, event):\n"
        '    return 1 // 0 if event.status == "disconnected" else None\n',
        "dead end: disconnects: the caller hears an apology: ZeroDivisionError",
    ),
    "silent_after_a_recording": (
        "def answer(call):\n"
        '    return [ncco.talk("Speak after the tone."), ncco.record(end_on_silence=3)]\n',
        "silent ending: at once: the call ends without a word after the recording",
    ),
    "pauses_and_ends": (
        "def answer(call):\n    return [ncco.talk(\"<speak><break time='1s'/></speak>\")]\n",
        "silent ending: at once: the call ends without a word",
    ),
    "key_that_cannot_be_pressed": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        '    return [ncco.talk("Twelve.")] if input.digits == "12" else [ncco.talk("Bye.")]\n',
        "no caller reaches: what the keys 12 lead to (line 14), since no input takes them",
    ),
    "hash_key_that_ends_it": (
        "def answer(call):\n"
        "    keys = ncco.dtmf(max_digits=4, submit_on_hash=True)\n"
        '    return [ncco.input(dtmf=keys, event_url=call.url("dtmf"))]\n\n'
        "def dtmf(call, input):\n"
        "    match input.digits:\n"
        '        case "#":\n            return [ncco.talk("Hash.")]\n'
        '    return [ncco.talk("Bye.")]\n',
        "no caller reaches: what the keys # lead to (line 12), since no input takes them",
    ),
}
# Flows with which all is well, though they come near a fault.
SOUND = {
    "keys_to_the_event_webhook": (
        "def answer(call):\n"
        '    return [ncco.talk("Press a key."), ncco.input(dtmf=ncco.dtmf(max_digits=1))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n'
    ),
    "address_without_a_flow": (
        "def answer(call):\n"
        '    url = f"{call.base_url}/webhooks/dtmf"\n'
        '    return [ncco.talk("Press a key."), ncco.input(dtmf=ncco.dtmf(), event_url=url)]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n'
    ),
    "keys_at_any_time": (
        "def answer(call):\n"
        '    keys = ncco.input(dtmf={}, mode="asynchronous", event_url=call.url("dtmf"))\n'
        '    return [keys, ncco.talk("Press a key whenever you like.")]\n\n'
        "def dtmf(call, input):\n    return []\n"
    ),
    "event_of_every_kind": (
        f"def answer(call):{RING.format(more='')}\n\n"
        "def event(call, event):\n"
        '    if event.status == "completed":\n'
        '        event.fields["duration"], event.fields["price"], event.fields["end_time"]\n'
    ),
    "digits_made_into_something_else": (
        f"def answer(call):{ASK.format(more='')}\n\n"
        "def dtmf(call, input):\n"
        "    code = input.digits\n"
        '    code = call.state.get("before", "") + code\n'
        '    if code == "12" or input.digits.zfill(2) == "01" or input.digits in "123":\n'
        '        return [ncco.talk("Right.")]\n'
        '    return [ncco.talk("Bye.")]\n'
    ),
    "endless_until_a_key": (
        "def answer(call):\n"
        '    return [ncco.talk("Press a key.", barge_in=True),'
        ' ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"))]\n\n'
        'def dtmf(call, input):\n    return [ncco.talk("Bye.")]\n'
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The real application with the planted flows beside its own."""
    root = tmp_path_factory.mktemp("application")
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("template.yaml", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, root / file)
    planted = {name: source for name, (source, _) in PLANTED.items()}
    for name, source in {**planted, **SOUND}.items():
        text = f'"""Planted."""\n\nfrom voicekit import ncco\n\n\n{source}'
        (root / "functions/flows" / f"{name}.py").write_text(text, encoding="utf-8")
    async with LocalPlatform(root, PlatformOptions()) as running:
        yield running


def described(platform: LocalPlatform, flow: str) -> dict[str, Any]:
    return read(platform.root / "functions/flows" / f"{flow}.py")


async def walked(platform: LocalPlatform, flow: str, say: Sequence[str] = ()) -> Tree:
    return await traverse(platform.application(), described(platform, flow), say, limit=30)


async def found_in(platform: LocalPlatform, flow: str) -> list[str]:
    return findings(await walked(platform, flow), described(platform, flow))


@pytest.mark.parametrize("flow", PLANTED)
async def test_a_planted_fault_is_found(platform: LocalPlatform, flow: str) -> None:
    found = await found_in(platform, flow)
    assert any(line.startswith(PLANTED[flow][1]) for line in found), found


@pytest.mark.parametrize("flow", [*SOUND, "dtmf_menu"])
async def test_nothing_is_found_where_all_is_well(platform: LocalPlatform, flow: str) -> None:
    assert await found_in(platform, flow) == []


async def test_a_flow_of_many_places_is_walked_to_its_end_where_it_is_asked_for(
    platform: LocalPlatform,
) -> None:
    flow = described(platform, "dtmf_menu")
    short = await traverse(platform.application(), flow, limit=5)
    assert "endless" in findings(short, flow)[0]
    told: list[int] = []
    tree = await traverse(platform.application(), flow, limit=10, progress=told.append)
    assert findings(tree, flow) == []
    assert told[0] == 1
    assert told[-1] == len(tree.places)


async def test_the_tree_tells_what_each_key_leads_to(platform: LocalPlatform) -> None:
    tree = await walked(platform, "dtmf_menu")
    text = as_text(tree)
    assert "├─ 1 → 2\n" in text
    assert "We are open from Monday to Friday" in text
    assert "3-9, *, #" in text
    assert "silence" in text


async def test_what_callers_may_say_is_taken_from_the_command(platform: LocalPlatform) -> None:
    tree = await walked(platform, "speech", ["<b>umlaut ä</b> & more"])
    text = as_text(tree)
    assert "says <b>umlaut ä</b> & more" in text


async def test_the_picture_is_well_formed_whatever_is_said(platform: LocalPlatform) -> None:
    tree = await walked(platform, "speech", ['<script>alert("1")</script>'])
    drawn = ElementTree.fromstring(as_svg(tree))
    tags = {element.tag.rpartition("}")[2] for element in drawn.iter()}
    assert "script" not in tags
