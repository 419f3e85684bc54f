"""``python -m local.demo``: run Vonage's Voice code snippets, and a business line.

Callers dial the number, listen, press digits, speak and hang up. Requests to the admin API place
and change calls. The program prints what callers hear, what the stack stores and which mails it
sends. It exits with status 1 if a scenario fails.
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
from local.console import application_folder, fail, stop_like_ctrl_c
from local.demo.call_driver import CallDriver, CallerLeg, ScenarioFailed, until, words
from local.demo.reconciliation import Reconciliation, reported
from local.demo.scenarios import NUMBERS, SCENARIOS, SPEED, Scenario
from local.local_platform import LocalPlatform, PlatformOptions
from local.stack_file import AlreadyRunning

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ScenarioResult:
    """The outcome of a scenario; ``problem`` is None if it succeeded."""

    scenario: Scenario
    transcript: list[tuple[str, str]]
    acknowledged: int
    stored: int
    recordings: list[dict[str, Any]]
    mails: list[str]
    state: str
    answer_ms: float | None
    problem: str | None


async def _play(
    platform: LocalPlatform, http: aiohttp.ClientSession, scenario: Scenario
) -> ScenarioResult:
    reconciliation = Reconciliation(platform, http)
    earlier = set(await reconciliation.recordings())
    events = len(await reconciliation.events())
    acknowledged = await reconciliation.acknowledged()
    driver = CallDriver(platform, http, NUMBERS[scenario.flow])

    async def everything_stored() -> bool:
        legs = await reconciliation.legs()
        return (
            all(reported(leg, "completed") for leg in legs)
            and await reconciliation.acknowledged() == len(await reconciliation.events())
            and len(await reconciliation.recordings()) >= len(earlier) + scenario.recordings
        )

    problem, leg = None, None
    try:
        leg = await scenario.play(driver)
        await until(everything_stored, "the stack did not store every event and recording in time")
    except ScenarioFailed as error:
        problem = str(error)
    transcript = await _transcript(leg or driver.legs[0]) if driver.legs else []
    found = await reconciliation.recordings()
    recordings = [item for uuid, item in found.items() if uuid not in earlier]
    problems = [await reconciliation.problem_of(item, scenario.channels) for item in recordings]
    mails = [mail["subject"] for mail in driver.mails()] if scenario.mails else []
    problem = problem or _missing(scenario, transcript) or next(filter(None, problems), None)
    problem = problem or _wrong_mails(scenario, mails)
    details = [await one.details() for one in driver.legs]
    return ScenarioResult(
        scenario,
        transcript,
        await reconciliation.acknowledged() - acknowledged,
        len(await reconciliation.events()) - events,
        recordings,
        mails,
        _state(await reconciliation.events(), leg),
        _slowest_answer(details),
        problem,
    )


def _missing(scenario: Scenario, transcript: Sequence[tuple[str, str]]) -> str | None:
    heard = " ".join(text for source, text in transcript if source == "heard")
    return next((f"not heard: {text}" for text in scenario.heard if text not in heard), None)


def _wrong_mails(scenario: Scenario, mails: Sequence[str]) -> str | None:
    expected = scenario.mails
    if len(mails) == len(expected) and all(map(str.startswith, mails, expected)):
        return None
    return f"the mails are {list(mails)}; expected {list(expected)}"


async def _transcript(leg: CallerLeg) -> list[tuple[str, str]]:
    """Return what the party on a leg heard and said, and the NCCOs, in chronological order."""
    details = await leg.details()
    lines = [(sound["from_ms"], "heard", _text(sound)) for sound in details["heard"]]
    lines += [(sound["from_ms"], "said", _text(sound)) for sound in details["said"]]
    for webhook in details["webhooks"]:
        sent_ms = round((webhook["at"] - details["created_at"]) * 1000)
        lines.append((sent_ms, "NCCO", _actions(webhook)))
    return [(source, text) for _, source, text in sorted(lines) if text]


def _text(sound: dict[str, Any]) -> str:
    if words(sound):
        return re.sub("<[^>]*>", "", words(sound))
    return str(sound.get("digits") or f"({sound['kind']})")


def _actions(webhook: dict[str, Any]) -> str:
    """Return the names of the actions in a webhook's response; empty without an NCCO."""
    if webhook["status"] != 200:
        return ""
    return ", ".join(action["action"] for action in json.loads(webhook["reply"]["body"]))


def _slowest_answer(details: list[dict[str, Any]]) -> float | None:
    webhooks = [webhook for leg in details for webhook in leg["webhooks"]]
    answers = (one["ms"] for one in webhooks if "/webhooks/answer" in one["url"])
    return max(answers, default=None)


def _state(events: list[dict[str, Any]], leg: CallerLeg | None) -> str:
    uuid = leg.uuid.replace("-", "") if leg else ""
    found = {event["status"] for event in events if event.get("leg") == uuid and "status" in event}
    return next((status for status in ("completed", "answered", "started") if status in found), "-")


def _print_result(console: Console, result: ScenarioResult) -> None:
    grid = Table.grid(padding=(0, 2))
    for source, text in result.transcript:
        grid.add_row(f"  [dim]{source}[/]", escape(text))
    for item in result.recordings:
        channels = f"{item['channels']} channel{'' if int(item['channels']) == 1 else 's'}"
        audio = f"{float(item['seconds']):.1f} s, {channels}"
        grid.add_row("  [dim]S3[/]", f"{audio}, {item['content_type']}, {item['size']} bytes")
    for subject in result.mails:
        grid.add_row("  [dim]mail[/]", escape(subject))
    console.print(grid)
    if result.problem:
        console.print(f"  [red]{escape(result.problem)}[/]")


def _summary(results: list[ScenarioResult]) -> Table:
    table = Table(
        caption="webhooks: acknowledged webhooks; events: events in the table; S3: recordings in"
        " the bucket; ms: response time of the answer webhook"
    )
    table.add_column("snippet", no_wrap=True)
    for title in ("webhooks", "events", "S3", "ms", ""):
        table.add_column(title, justify="right", no_wrap=True)
    for result in results:
        table.add_row(
            result.scenario.title,
            str(result.acknowledged),
            str(result.stored),
            str(len(result.recordings) or ""),
            "" if result.answer_ms is None else f"{result.answer_ms:.0f}",
            "[red]failed[/]" if result.problem else "[green]ok[/]",
        )
    return table


async def _run(console: Console, scenarios: Sequence[Scenario]) -> int:
    routes = ",".join(f"{number}={flow}" for flow, number in NUMBERS.items())
    store = Path(".local")
    store.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-", dir=store) as folder:
        options = PlatformOptions(
            parameters={"NumberFlows": routes},
            speed=SPEED,
            folder=Path(folder),
            say=console.print,
        )
        console.print("starting the local platform")
        async with LocalPlatform(Path(), options) as platform, aiohttp.ClientSession() as http:
            results = []
            for scenario in scenarios:
                console.print(f"\n[bold]{scenario.title}[/]  {escape(scenario.by)}")
                results.append(await _play(platform, http, scenario))
                _print_result(console, results[-1])
    console.print(_summary(results))
    failed = [result for result in results if result.problem]
    snippets = {one.scenario.snippet for one in results if one.scenario.is_of_snippets}
    working = snippets - {result.scenario.snippet for result in failed}
    console.print(f"{len(working)} of {len(snippets)} snippets work, in {len(results)} scenarios")
    return 1 if failed else 0


def main() -> int:
    """Run the scenarios whose title contains the argument, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument(
        "word", nargs="?", default="", help="run only scenarios with this word in the title"
    )
    word = parser.parse_args().word.lower()
    scenarios = [one for one in SCENARIOS if word in f"{one.title} {one.by}".lower()]
    if not scenarios:
        parser.error(f"no scenario has {word!r} in its title")
    try:
        application_folder(".")
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    stop_like_ctrl_c()
    try:
        return asyncio.run(_run(Console(), scenarios))
    except KeyboardInterrupt:
        return 130
    except (AlreadyRunning, TemplateError, LayerError, OSError) as error:
        return fail(error)


if __name__ == "__main__":
    sys.exit(main())
