"""The flows as the page lists them, and what each answers."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from local.local_platform import LocalPlatform, PlatformOptions
from tests.local.webconsole.harness import ConsoleClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.local.webconsole.harness import ConsoleHarness

ROOT = Path(__file__).parents[3]
NAMES = sorted(path.stem for path in (ROOT / "functions/flows").glob("[a-z]*.py"))

pytestmark = pytest.mark.asyncio(loop_scope="session")


def write(booth: ConsoleHarness, name: str, content: str | bytes) -> None:
    folder = booth.folder / "code" / "flows"
    folder.mkdir(exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(raw)


async def read(booth: ConsoleHarness) -> list[dict[str, Any]]:
    flows: list[dict[str, Any]] = (await booth.page.get("/api/flows"))["flows"]
    return flows


async def test_every_flow_is_listed_with_what_it_says_of_itself(page: ConsoleClient) -> None:
    flows = {flow["name"]: flow for flow in (await page.get("/api/flows"))["flows"]}
    assert sorted(flows) == NAMES
    menu = flows["dtmf_menu"]
    assert menu["doc"].startswith("Offer a menu of digits")
    assert (menu["handlers"], menu["error"]) == (["answer", "dtmf"], None)


async def test_a_flow_is_read_and_not_run(booth: ConsoleHarness) -> None:
    trap = booth.folder / "ran"
    write(booth, "trap.py", f"open({str(trap)!r}, 'w')\ndef answer(call): ...\n")
    assert [flow["name"] for flow in await read(booth)] == ["trap"]
    assert not trap.exists()


async def test_what_is_no_flow_is_not_listed(booth: ConsoleHarness) -> None:
    write(booth, "__init__.py", "def answer(call): ...")
    write(booth, "_parts.py", "def answer(call): ...")
    write(booth, "shared.py", "def say(text): ...")
    write(booth, "notes.txt", "def answer(call): ...")
    assert await read(booth) == []


async def test_an_answer_that_was_imported_or_assigned_makes_a_flow_as_well(
    booth: ConsoleHarness,
) -> None:
    write(booth, "one.py", "from flows.two import answer, say as dtmf")
    write(booth, "two.py", "answer = event = print")
    handlers = {flow["name"]: flow["handlers"] for flow in await read(booth)}
    assert handlers == {"one": ["answer", "dtmf"], "two": ["answer", "event"]}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def answer(call):\n    return [\n", 2),
        ("x = 1\ndef answer(call) return", 2),
        ("def answer(call):\n\treturn 1\n        return 2", 3),
        ("def answer(call): ...\nreturn 5", 2),
        ("def answer(call): ...\nbreak", 2),
        (b"# coding: nonsense\n", None),
        (b"x = '\xff'", None),
        (b"x = 1\x00", None),
        ("(" * 5000, None),
        ("x = 1\n" * 200_000, None),
    ],
)
async def test_a_syntax_error_is_told_where_it_is(
    booth: ConsoleHarness, source: str | bytes, line: int | None
) -> None:
    write(booth, "wrong.py", source)
    (flow,) = await read(booth)
    assert (flow["name"], flow["handlers"]) == ("wrong", [])
    assert flow["error"]["text"]
    if line is not None:
        assert flow["error"]["line"] == line


async def test_a_warning_is_no_error(booth: ConsoleHarness) -> None:
    write(booth, "odd.py", 'PATTERN = "\\d"\nif 1 is 1: pass\ndef answer(call): ...')
    (flow,) = await read(booth)
    assert flow["error"] is None


async def test_one_flow_that_is_wrong_hides_no_other(booth: ConsoleHarness) -> None:
    write(booth, "wrong.py", "def")
    write(booth, "right.py", "def answer(call): ...")
    errors = {flow["name"]: flow["error"] is not None for flow in await read(booth)}
    assert errors == {"wrong": True, "right": False}


async def test_without_a_folder_of_flows_there_are_none(booth: ConsoleHarness) -> None:
    assert await read(booth) == []


@pytest.mark.parametrize("flow", NAMES)
async def test_the_ncco_of_a_flow_is_asked_through_the_api(page: ConsoleClient, flow: str) -> None:
    told = await page.get(f"/api/flows/{flow}/ncco")
    assert (told["status"], told["apology"]) == (200, False)
    assert told["ncco"][0]["action"] in ("talk", "connect")
    assert json.loads(told["log"][-1])["flow"] == flow
    assert told["ms"] > 0


@pytest.mark.parametrize("name", ["nobody", "__init__", "greet%00", "..%2fgreet", "greet&x=1"])
async def test_a_flow_that_there_is_not_is_not_asked(page: ConsoleClient, name: str) -> None:
    await page.get(f"/api/flows/{name}/ncco", 404)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def edited(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[ConsoleClient, Path]]:
    """A platform whose functions may be changed: its page, and the folder of the flows."""
    root = tmp_path_factory.mktemp("edited")
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", root)
    async with (
        LocalPlatform(root, PlatformOptions()) as platform,
        aiohttp.ClientSession() as http,
    ):
        yield ConsoleClient(http, platform.phone.url), root / "functions" / "flows"


async def test_the_next_answer_is_the_edited_flows(edited: tuple[ConsoleClient, Path]) -> None:
    page, folder = edited
    path = folder / "mine.py"
    said = 'def answer(call):\n    return [{"action": "talk", "text": "%s"}]\n'
    async with await page.connect() as line:
        await line.next("hello")
        for word in ("before", "after"):
            path.write_text(said % word)
            await line.next("flows")
            told = await page.get("/api/flows/mine/ncco")
            assert told["ncco"] == [{"action": "talk", "text": word}]


async def test_a_flow_that_raises_is_an_apology_with_its_log(
    edited: tuple[ConsoleClient, Path],
) -> None:
    page, folder = edited
    (folder / "raises.py").write_text("def answer(call):\n    raise ValueError('no luck')\n")
    told = await page.get("/api/flows/raises/ncco")
    assert (told["status"], told["apology"]) == (200, True)
    assert told["ncco"][0]["text"].startswith("We are sorry")
    assert json.loads(told["log"][-1])["outcome"] == "apology"


async def test_a_flow_with_a_syntax_error_is_an_apology_instead_of_a_dead_line(
    edited: tuple[ConsoleClient, Path],
) -> None:
    page, folder = edited
    (folder / "wrong.py").write_text("def answer(call)\n")
    flows = {flow["name"]: flow for flow in (await page.get("/api/flows"))["flows"]}
    assert flows["wrong"]["error"]["line"] == 1
    assert (await page.get("/api/flows/wrong/ncco"))["apology"]


async def test_every_path_of_the_edited_flow_is_walked_and_drawn(
    edited: tuple[ConsoleClient, Path],
) -> None:
    page, folder = edited
    path = folder / "walked.py"
    path.write_text('def answer(call):\n    return [{"action": "talk", "text": "Hello & you"}]\n')
    await page.get("/api/flows/walked/tree.svg", 404)
    told = await page.send("POST", "/api/flows/walked/walk", {})
    assert (told["findings"], "Hello" in told["text"]) == ([], True)
    async with page.http.get(f"{page.url}/api/flows/walked/tree.svg") as response:
        assert response.content_type == "image/svg+xml"
        assert "Hello &amp; " in await response.text()
    path.write_text("def answer(call):\n    return []\n")
    told = await page.send("POST", "/api/flows/walked/walk", {})
    assert told["findings"][0].startswith("silent ending")


async def test_walks_at_once_disturb_neither_each_other_nor_the_list_of_calls(
    page: ConsoleClient,
) -> None:
    before = await page.get("/sim/calls")
    walks = (page.send("POST", f"/api/flows/{name}/walk", {}) for name in NAMES)
    told = await asyncio.gather(*walks)
    assert [one["findings"] for one in told] == [[]] * len(NAMES)
    assert all(one["text"].startswith(name) for name, one in zip(NAMES, told, strict=True))
    assert await page.get("/sim/calls") == before


async def test_a_flow_that_there_is_not_or_that_is_broken_is_not_walked(
    booth: ConsoleHarness,
) -> None:
    write(booth, "wrong.py", "def answer(call)\n")
    await booth.page.send("POST", "/api/flows/nobody/walk", {}, 404)
    refused = await booth.page.send("POST", "/api/flows/wrong/walk", {}, 409)
    assert "expected" in refused["detail"]


async def test_a_drawing_holds_no_secret(booth: ConsoleHarness) -> None:
    write(booth, "right.py", "def answer(call): ...")
    told = await booth.page.send("POST", "/api/flows/right/walk", {})
    assert told["text"] == "1. (secret)"
    async with booth.page.http.get(f"{booth.page.url}/api/flows/right/tree.svg") as response:
        assert await response.text() == "<svg>(secret)</svg>"
