"""The example bot next to ``python -m local``: started, called, reported, ended."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from local.local_platform import LocalPlatform, PlatformOptions
from local.stack_file import read
from tests.local.test_platform import all_gone, descendants, finish, start

if TYPE_CHECKING:
    import asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")
_LINE = re.compile(
    r"^agent       (ws://127\.0\.0\.1:\d+/ws) answers calls to the flow agent$", re.M
)


@pytest.fixture
def agent_project(own_project: Path) -> Path:
    """A copy of the small application, whose template has the parameter Agent."""
    template = own_project / "template.yaml"
    declared = (
        'Parameters:\n  Agent: {Type: String, Default: "", AllowedPattern: "^(wss?://.*)?$"}\n'
    )
    template.write_text(template.read_text().replace("Parameters:\n", declared, 1))
    return own_project


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """Return the next line of a process with a text."""
    assert process.stdout is not None
    while line := (await process.stdout.readline()).decode():
        if text in line:
            return line
    raise AssertionError(f"no line with {text}")


def bot_of(process: asyncio.subprocess.Process) -> int:
    """Return the process id of the bot."""
    for one in descendants(process.pid):
        if b"local.agent_bot" in Path(f"/proc/{one}/cmdline").read_bytes():
            return one
    raise AssertionError("no bot")


async def test_the_platform_starts_the_bot_which_accepts_only_its_vonage(
    agent_project: Path,
) -> None:
    process, output = await start(agent_project)
    found = _LINE.search(output)
    assert found, output
    assert read(agent_project / ".local")["parameters"]["Agent"] == found[1]
    async with aiohttp.ClientSession() as http:
        async with http.get(found[1].replace("ws", "http", 1).replace("/ws", "/ping")) as response:
            assert (await response.json())["status"] == "Healthy"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(found[1])
        assert refused.value.status == 401
    children = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    assert await finish(process) == "stopped\n"
    await all_gone(children)
    log = (agent_project / ".local/logs/agent-bot.log").read_text()
    assert "refused a handshake: no bearer token" in log


async def test_the_bot_ends_with_a_killed_platform(agent_project: Path) -> None:
    process, _ = await start(agent_project)
    children = descendants(process.pid)
    assert bot_of(process) in children
    process.kill()
    await finish(process)
    await all_gone(children)


async def test_the_end_of_the_bot_is_reported_and_the_platform_goes_on(
    agent_project: Path,
) -> None:
    process, _ = await start(agent_project)
    os.kill(bot_of(process), signal.SIGKILL)
    line = await line_with(process, "example agent")
    assert line.startswith("the example agent was ended by signal 9; ")
    assert "agent-bot.log has its log. Calls to the flow agent go to a person" in line
    process.send_signal(signal.SIGTERM)
    assert await finish(process) == "stopped\n"
    assert process.returncode == 0


async def test_a_bot_that_cannot_start_is_reported_and_the_platform_starts_without_it(
    agent_project: Path,
) -> None:
    (agent_project / ".local/logs/agent-bot.log").mkdir(parents=True)
    process, output = await start(agent_project)
    assert "no example agent: " in output
    assert "agent-bot.log" in output
    assert not _LINE.search(output)
    assert read(agent_project / ".local")["parameters"]["Agent"] == ""
    process.send_signal(signal.SIGTERM)
    assert await finish(process) == "stopped\n"


@pytest.mark.parametrize(
    ("arguments", "agent"),
    [
        (("--no-agent",), ""),
        (("--no-agent", "Agent=wss://agent.example.com/ws"), ""),
        (("--agent", "wss://agent.example.com/ws"), "wss://agent.example.com/ws"),
    ],
)
async def test_options_choose_another_agent_or_none(
    agent_project: Path, arguments: tuple[str, ...], agent: str
) -> None:
    process, output = await start(agent_project, *arguments)
    assert read(agent_project / ".local")["parameters"]["Agent"] == agent
    assert (f"{agent} answers calls to the flow agent" in output) is bool(agent)
    assert len(descendants(process.pid)) == 1  # moto
    process.send_signal(signal.SIGTERM)
    await finish(process)


async def test_an_address_that_is_not_a_websocket_is_an_error(agent_project: Path) -> None:
    process, output = await start(agent_project, "--agent", "https://agent.example.com")
    await finish(process)
    assert output.startswith("error: Agent must be ")
    assert process.returncode == 1


async def test_a_platform_of_tests_starts_no_bot_and_a_template_without_agent_needs_none(
    agent_project: Path, project: Path, tmp_path: Path
) -> None:
    for root, options in (
        (agent_project, PlatformOptions(folder=tmp_path / "1")),
        (project, PlatformOptions(folder=tmp_path / "2", example_agent=True)),
    ):
        async with LocalPlatform(root, options) as platform:
            assert not platform.template.parameters.get("Agent")
