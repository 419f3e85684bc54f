"""The routes that list flows, fetch their NCCOs and explore their paths."""

from __future__ import annotations

import ast
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
from tests.support.shipped_flows import SHIPPED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.local.webconsole.harness import ConsoleHarness

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.asyncio(loop_scope="session")


def write(harness: ConsoleHarness, name: str, content: str | bytes) -> None:
    folder = harness.folder / "code" / "flows"
    folder.mkdir(exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(raw)


async def read(harness: ConsoleHarness) -> list[dict[str, Any]]:
    flows: list[dict[str, Any]] = (await harness.client.get("/api/flows"))["flows"]
    return flows


async def test_lists_every_flow_with_docstring_and_handlers(client: ConsoleClient) -> None:
    flows = {flow["name"]: flow for flow in (await client.get("/api/flows"))["flows"]}
    assert flows.keys() >= set(SHIPPED)
    menu = flows["dtmf_menu"]
    source = (ROOT / "functions/flows/dtmf_menu.py").read_text(encoding="utf-8")
    assert menu["doc"] == ast.get_docstring(ast.parse(source))
    assert (menu["handlers"], menu["error"]) == (["answer", "dtmf"], None)


async def test_does_not_run_the_flows_it_lists(harness: ConsoleHarness) -> None:
    trap = harness.folder / "ran"
    write(harness, "trap.py", f"open({str(trap)!r}, 'w')\ndef answer(call): ...\n")
    assert [flow["name"] for flow in await read(harness)] == ["trap"]
    assert not trap.exists()


async def test_lists_only_modules_without_an_underscore(harness: ConsoleHarness) -> None:
    write(harness, "__init__.py", "def answer(call): ...")
    write(harness, "_parts.py", "def answer(call): ...")
    write(harness, "notes.txt", "def answer(call): ...")
    assert await read(harness) == []


async def test_a_module_without_an_answer_handler_is_broken(harness: ConsoleHarness) -> None:
    write(harness, "hello.py", "def anwser(call): ...")
    (flow,) = await read(harness)
    assert (flow["name"], flow["error"]["line"]) == ("hello", None)
    assert flow["error"]["text"].startswith("no function answer")


async def test_lists_flows_whose_handlers_are_imported_or_assigned(
    harness: ConsoleHarness,
) -> None:
    write(harness, "one.py", "from flows.two import answer, say as dtmf")
    write(harness, "two.py", "answer = event = print")
    write(harness, "three.py", "answer: object = print")
    write(harness, "four.py", "try:\n    def answer(call): ...\nfinally:\n    x = 1")
    write(harness, "five.py", "from flows.two import *")
    handlers = {flow["name"]: flow["handlers"] for flow in await read(harness)}
    assert handlers == {
        "one": ["answer", "dtmf"],
        "two": ["answer", "event"],
        "three": ["answer"],
        "four": ["answer"],
        "five": ["answer"],
    }


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
async def test_returns_the_line_of_a_syntax_error(
    harness: ConsoleHarness, source: str | bytes, line: int | None
) -> None:
    write(harness, "broken.py", source)
    (flow,) = await read(harness)
    assert (flow["name"], flow["handlers"]) == ("broken", [])
    assert flow["error"]["text"]
    if line is not None:
        assert flow["error"]["line"] == line


async def test_ignores_syntax_warnings(harness: ConsoleHarness) -> None:
    write(harness, "odd.py", 'PATTERN = "\\d"\nif 1 is 1: pass\ndef answer(call): ...')
    (flow,) = await read(harness)
    assert flow["error"] is None


async def test_lists_valid_flows_next_to_a_broken_one(harness: ConsoleHarness) -> None:
    write(harness, "broken.py", "def")
    write(harness, "valid.py", "def answer(call): ...")
    errors = {flow["name"]: flow["error"] is not None for flow in await read(harness)}
    assert errors == {"broken": True, "valid": False}


async def test_lists_nothing_without_a_flows_folder(harness: ConsoleHarness) -> None:
    assert await read(harness) == []


@pytest.mark.parametrize("flow", SHIPPED)
async def test_fetches_a_flows_ncco_through_the_api(client: ConsoleClient, flow: str) -> None:
    preview = await client.get(f"/api/flows/{flow}/ncco")
    assert (preview["status"], preview["apology"]) == (200, False)
    assert preview["ncco"][0]["action"] in ("talk", "connect")
    assert json.loads(preview["log"][-1])["flow"] == flow
    assert preview["ms"] > 0


@pytest.mark.parametrize("name", ["nobody", "__init__", "greet%00", "..%2fgreet", "greet&x=1"])
async def test_returns_404_for_the_ncco_of_an_unknown_flow(
    client: ConsoleClient, name: str
) -> None:
    await client.get(f"/api/flows/{name}/ncco", 404)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def edited(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[ConsoleClient, Path]]:
    """A client of a platform with its own copy of the functions, and its folder of flows."""
    root = tmp_path_factory.mktemp("edited")
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", root)
    async with (
        LocalPlatform(root, PlatformOptions()) as platform,
        aiohttp.ClientSession() as http,
    ):
        yield ConsoleClient(http, platform.phone.url), root / "functions" / "flows"


async def test_fetches_the_ncco_of_the_edited_flow(edited: tuple[ConsoleClient, Path]) -> None:
    client, folder = edited
    path = folder / "mine.py"
    source = 'def answer(call):\n    return [{"action": "talk", "text": "%s"}]\n'
    async with await client.connect() as feed:
        await feed.next("hello")
        for word in ("before", "after"):
            path.write_text(source % word)
            await feed.next("flows")
            preview = await client.get("/api/flows/mine/ncco")
            assert preview["ncco"] == [{"action": "talk", "text": word}]


async def test_reports_an_apology_and_the_log_if_a_flow_raises(
    edited: tuple[ConsoleClient, Path],
) -> None:
    client, folder = edited
    (folder / "raises.py").write_text("def answer(call):\n    raise ValueError('no luck')\n")
    preview = await client.get("/api/flows/raises/ncco")
    assert (preview["status"], preview["apology"]) == (200, True)
    assert preview["ncco"][0]["text"].startswith("We are sorry")
    assert json.loads(preview["log"][-1])["outcome"] == "apology"


async def test_a_logged_request_has_the_lines_around_the_error_of_its_flow(
    edited: tuple[ConsoleClient, Path],
) -> None:
    client, folder = edited
    (folder / "fails.py").write_text("def answer(call):\n    raise ValueError\n")
    fields = {"from": "1", "to": "2", "uuid": "0" * 32, "conversation_uuid": "CON-1"}
    sample = {"method": "POST", "path": "/webhooks/answer", "query": "flow=fails", "body": fields}
    sent = await client.send("POST", "/api/webhooks/send", sample)
    logged = await client.get(f"/api/exchanges/{sent['headers']['apigw-requestid']}")
    assert (logged["level"], logged["location"]) == ("failed", "flows/fails.py:2")
    assert logged["source"]["lines"] == ["def answer(call):", "    raise ValueError"]


async def test_reports_an_apology_if_a_flow_has_a_syntax_error(
    edited: tuple[ConsoleClient, Path],
) -> None:
    client, folder = edited
    (folder / "broken.py").write_text("def answer(call)\n")
    flows = {flow["name"]: flow for flow in (await client.get("/api/flows"))["flows"]}
    assert flows["broken"]["error"]["line"] == 1
    assert (await client.get("/api/flows/broken/ncco"))["apology"]


async def test_explores_the_edited_flow(edited: tuple[ConsoleClient, Path]) -> None:
    client, folder = edited
    path = folder / "explored.py"
    path.write_text('def answer(call):\n    return [{"action": "talk", "text": "Hello & you"}]\n')
    report = await client.send("POST", "/api/flows/explored/walk", {})
    assert (report["findings"], "Hello" in report["text"]) == ([], True)
    (node,) = report["tree"]["nodes"]
    assert node["steps"] == [{"action": "talk", "text": "“Hello & you”"}]
    assert (node["from"], node["ending"], node["branches"]) == (None, "the call ends", [])
    path.write_text("def answer(call):\n    return []\n")
    report = await client.send("POST", "/api/flows/explored/walk", {})
    assert report["findings"][0].startswith("silent ending")


async def conversations(client: ConsoleClient) -> set[str]:
    """Return the conversations of all calls; a call of another test can still get legs, and end."""
    return {one["conversation_uuid"] for one in (await client.get("/sim/calls"))["calls"]}


async def test_concurrent_explorations_affect_neither_each_other_nor_the_calls(
    client: ConsoleClient,
) -> None:
    before = await conversations(client)
    explorations = (client.send("POST", f"/api/flows/{name}/walk", {}) for name in SHIPPED)
    reports = await asyncio.gather(*explorations)
    assert [one["findings"] for one in reports] == [[]] * len(SHIPPED)
    assert all(one["text"].startswith(name) for name, one in zip(SHIPPED, reports, strict=True))
    assert await conversations(client) == before


async def test_does_not_explore_an_unknown_or_broken_flow(
    harness: ConsoleHarness,
) -> None:
    write(harness, "broken.py", "def answer(call)\n")
    await harness.client.send("POST", "/api/flows/nobody/walk", {}, 404)
    error = await harness.client.send("POST", "/api/flows/broken/walk", {}, 409)
    assert "expected" in error["detail"]


async def test_redacts_secrets_in_the_report_and_the_tree(harness: ConsoleHarness) -> None:
    write(harness, "valid.py", "def answer(call): ...")
    report = await harness.client.send("POST", "/api/flows/valid/walk", {})
    assert report["text"] == "valid\n  1. “(secret)”"
    assert report["tree"]["nodes"][0]["steps"] == [{"action": "talk", "text": "“(secret)”"}]
