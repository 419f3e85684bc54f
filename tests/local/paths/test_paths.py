"""The explorer finds a planted fault of each kind; `make lint` walks the project's own flows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from local.flow_files import read
from local.paths.drawing import as_svg, as_text
from local.paths.findings import findings
from local.paths.walk import walk
from local.platform import Options, Platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = """
    return [
        ncco.talk("Press a key."),
        ncco.input(dtmf=ncco.dtmf(max_digits=1), event_url=call.url("dtmf"{more})),
    ]
"""
COUNTED = ", round=int(call.state.get('round', '0')) + 1"
# For each fault: the flow that has it, and what is said of it.
PLANTED = {
    "no_handler": (
        f"def answer(call):{ASK.format(more='')}",
        "dead end: 1: the caller hears an apology: AttributeError",
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
        "endless: 31 places, and every one led to a new one",
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
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """The real application with the planted flows beside its own."""
    root = tmp_path_factory.mktemp("application")
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("template.yaml", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / file, root / file)
    for name, (source, _) in PLANTED.items():
        text = f'"""Planted."""\n\nfrom voicekit import ncco\n\n\n{source}'
        (root / "functions/flows" / f"{name}.py").write_text(text, encoding="utf-8")
    async with Platform(root, Options()) as running:
        yield running


async def found_in(platform: Platform, flow: str) -> list[str]:
    tree = await walk(platform.application(), flow, limit=30)
    described = read(platform.root / "functions/flows" / f"{flow}.py")
    return findings(tree, described["handlers"])


@pytest.mark.parametrize("flow", PLANTED)
async def test_a_planted_fault_is_found(platform: Platform, flow: str) -> None:
    found = await found_in(platform, flow)
    assert any(line.startswith(PLANTED[flow][1]) for line in found), found


async def test_nothing_is_found_in_a_flow_that_leads_everywhere(platform: Platform) -> None:
    assert await found_in(platform, "dtmf_menu") == []


async def test_the_tree_tells_what_each_key_leads_to(platform: Platform) -> None:
    tree = await walk(platform.application(), "dtmf_menu")
    text = as_text(tree)
    assert "├─ 1 → 2\n" in text
    assert "We are open from Monday to Friday" in text
    assert "3-9, *, #" in text
    assert "silence" in text


async def test_what_callers_may_say_is_taken_from_the_command(platform: Platform) -> None:
    tree = await walk(platform.application(), "speech", say=["<b>umlaut ä</b> & more"])
    text = as_text(tree)
    assert "says <b>umlaut ä</b> & more" in text


async def test_the_picture_is_well_formed_whatever_is_said(platform: Platform) -> None:
    tree = await walk(platform.application(), "speech", say=['<script>alert("1")</script>'])
    drawn = ElementTree.fromstring(as_svg(tree))
    tags = {element.tag.rpartition("}")[2] for element in drawn.iter()}
    assert "script" not in tags
