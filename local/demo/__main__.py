"""``python -m local.demo``: plays every page of Vonage's Voice code snippets on the local platform.

Somebody rings the number, listens, presses keys, speaks and hangs up; the owner places calls and
steers them. What was heard and what was kept is printed, and the exit status tells whether each
call went as it should.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.aws.layers import LayerError
from local.aws.template import TemplateError
from local.demo.call_driver import CallDriver, CallerLeg, ScenarioFailed, until, words
from local.demo.reconciliation import Reconciliation, reported
from local.demo.scenarios import NUMBERS, SCENARIOS, SPEED, Scenario
from local.local_platform import LocalPlatform, PlatformOptions
from local.stack_file import AlreadyRunning

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ScenarioResult:
    """What came of a scene; ``problem`` is None if all went as it should."""

    scene: Scenario
    script: list[tuple[str, str]]
    acknowledged: int
    kept: int
    recordings: list[dict[str, Any]]
    state: str
    answer_ms: float | None
    problem: str | None


async def _play(
    platform: LocalPlatform, http: aiohttp.ClientSession, scene: Scenario
) -> ScenarioResult:
    books = Reconciliation(platform, http)
    known = set(await books.recordings())
    events, acknowledged = len(await books.events()), await books.acknowledged()
    stage = CallDriver(platform, http, NUMBERS[scene.flow])

    async def settled() -> bool:
        legs = await books.legs()
        return (
            all(reported(leg, "completed") for leg in legs)
            and await books.acknowledged() == len(await books.events())
            and len(await books.recordings()) >= len(known) + scene.recordings
        )

    problem, line = None, None
    try:
        line = await scene.play(stage)
        await until(settled, "not everything that happened was kept in time")
    except ScenarioFailed as error:
        problem = str(error)
    script = await _script(line or stage.lines[0]) if stage.lines else []
    made = [it for name, it in (await books.recordings()).items() if name not in known]
    faults = [await books.fault_of(it, scene.channels) for it in made]
    problem = problem or _missing(scene, script) or next(filter(None, faults), None)
    looks = [await one.look() for one in stage.lines]
    return ScenarioResult(
        scene,
        script,
        await books.acknowledged() - acknowledged,
        len(await books.events()) - events,
        made,
        _state(await books.events(), line),
        _slowest_answer(looks),
        problem,
    )


def _missing(scene: Scenario, script: Sequence[tuple[str, str]]) -> str | None:
    heard = " ".join(text for who, text in script if who == "line")
    return next((f"not heard: {text}" for text in scene.heard if text not in heard), None)


async def _script(line: CallerLeg) -> list[tuple[str, str]]:
    """Tell who said what on a line and which NCCOs came, in the order of time."""
    look = await line.look()
    lines = [(sound["from_ms"], "line", _shown(sound)) for sound in look["heard"]]
    lines += [(sound["from_ms"], "person", _shown(sound)) for sound in look["said"]]
    for hook in look["webhooks"]:
        sent_ms = round((hook["at"] - look["created_at"]) * 1000)
        lines.append((sent_ms, "NCCO", _actions(hook)))
    return [(who, text) for _, who, text in sorted(lines) if text]


def _shown(sound: dict[str, Any]) -> str:
    if words(sound):
        return re.sub("<[^>]*>", "", words(sound))
    return str(sound.get("digits") or f"({sound['kind']})")


def _actions(hook: dict[str, Any]) -> str:
    """Name the actions of the NCCO that a webhook was answered with, empty where there was none."""
    if hook["status"] != 200:
        return ""
    return ", ".join(action["action"] for action in json.loads(hook["reply"]["body"]))


def _slowest_answer(looks: list[dict[str, Any]]) -> float | None:
    hooks = [hook for look in looks for hook in look["webhooks"]]
    return max((hook["ms"] for hook in hooks if "/webhooks/answer" in hook["url"]), default=None)


def _state(events: list[dict[str, Any]], line: CallerLeg | None) -> str:
    leg = line.uuid.replace("-", "") if line else ""
    told = {event["status"] for event in events if event.get("leg") == leg and "status" in event}
    return next((status for status in ("completed", "answered", "started") if status in told), "-")


def _tell(console: Console, outcome: ScenarioResult) -> None:
    """Print what happened on a call."""
    grid = Table.grid(padding=(0, 2))
    for who, text in outcome.script:
        grid.add_row(f"  [dim]{who}[/]", escape(text))
    for it in outcome.recordings:
        facts = f"{float(it['seconds']):.1f} s, {it['channels']} channels, {it['content_type']}"
        grid.add_row("  [dim]S3[/]", f"{facts}, {it['size']} bytes")
    console.print(grid)
    if outcome.problem:
        console.print(f"  [red]{escape(outcome.problem)}[/]")


def _summary(outcomes: list[ScenarioResult]) -> Table:
    table = Table(
        caption="hooks: webhooks acknowledged; kept: events in the table; S3: recordings in the"
        " bucket; ms: until the NCCO of the answer webhook"
    )
    table.add_column("snippet", no_wrap=True)
    for title in ("hooks", "kept", "S3", "ms", ""):
        table.add_column(title, justify="right", no_wrap=True)
    for one in outcomes:
        table.add_row(
            one.scene.title,
            str(one.acknowledged),
            str(one.kept),
            str(len(one.recordings) or ""),
            "" if one.answer_ms is None else f"{one.answer_ms:.0f}",
            "[red]failed[/]" if one.problem else "[green]ok[/]",
        )
    return table


async def _run(console: Console, scenes: Sequence[Scenario]) -> int:
    routes = ",".join(f"{number}={flow}" for flow, number in NUMBERS.items())
    with tempfile.TemporaryDirectory() as folder:
        options = PlatformOptions(
            parameters={"NumberFlows": routes},
            speed=SPEED,
            folder=Path(folder),
            say=console.print,
        )
        console.print("starting the platform")
        async with LocalPlatform(Path(), options) as platform, aiohttp.ClientSession() as http:
            outcomes = []
            for scene in scenes:
                console.print(f"\n[bold]{scene.title}[/]  {escape(scene.by)}")
                outcomes.append(await _play(platform, http, scene))
                _tell(console, outcomes[-1])
    console.print(_summary(outcomes))
    failed = [outcome for outcome in outcomes if outcome.problem]
    snippets = {outcome.scene.snippet for outcome in outcomes}
    working = snippets - {outcome.scene.snippet for outcome in failed}
    console.print(f"{len(working)} of {len(snippets)} snippets work, in {len(outcomes)} calls")
    return 1 if failed else 0


def main() -> int:
    """Play every scene, or those whose title has the given word; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="play only titles with this word")
    word = parser.parse_args().word.lower()
    scenes = [scene for scene in SCENARIOS if word in f"{scene.title} {scene.by}".lower()]
    if not scenes:
        parser.error(f"no scene has {word!r} in its title")
    try:
        return asyncio.run(_run(Console(), scenes))
    except KeyboardInterrupt:
        return 130
    except (AlreadyRunning, TemplateError, LayerError, OSError) as error:
        Console(stderr=True).print(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
