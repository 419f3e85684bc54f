"""The simulator's README, as its reader follows it: install, start an application, call it.

Needs npm, and downloads packages.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import venv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from vonage_simulator import __version__

ROOT = Path(__file__).parents[2]
README = (ROOT / "simulator/README.md").read_text()
SECONDS = 180.0


@dataclass(frozen=True)
class InstalledEnvironment:
    """An environment with nothing but the simulator, before an application's packages."""

    variables: dict[str, str]
    distributions: frozenset[str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> InstalledEnvironment:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    ours = {"PYTHONPATH", "PIP_PREFIX", "PIP_TARGET", "VIRTUAL_ENV"}
    variables = {name: value for name, value in os.environ.items() if name not in ours}
    variables |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PIP_USER": "0"}
    install = ["python", "-m", "pip", "install", "--quiet", "--constraint", "constraints.txt"]
    subprocess.run([*install, "./simulator"], cwd=ROOT, env=variables, check=True)
    listed = subprocess.run(
        ["python", "-m", "pip", "list", "--format", "json"],
        env=variables,
        check=True,
        stdout=subprocess.PIPE,
    )
    names = frozenset(one["name"].lower() for one in json.loads(listed.stdout))
    return InstalledEnvironment(variables, names)


def test_the_simulator_brings_nothing_of_the_rest_of_the_repository(
    environment: InstalledEnvironment,
) -> None:
    assert {"vonage-simulator", "aiohttp"} <= environment.distributions
    others = {"moto", "playwright", "boto3", "pytest", "vonage", "vonage-voice-sam"}
    assert not others & environment.distributions


@pytest.mark.parametrize("command", ["vonage-simulator", "python -m vonage_simulator"])
def test_the_command_is_installed(
    environment: InstalledEnvironment, command: str, tmp_path: Path
) -> None:
    run = [*command.split(), "--version"]
    printed = subprocess.run(
        run, env=environment.variables, cwd=tmp_path, check=True, stdout=subprocess.PIPE
    )
    assert printed.stdout.decode().strip() == __version__


@pytest.mark.parametrize("language", ["Node", "Python"])
async def test_the_application_of_the_readme_answers_a_call_placed_with_curl(
    environment: InstalledEnvironment, language: str, tmp_path: Path
) -> None:
    section = README.partition(f"## Your first call, in {language}\n")[2].partition("\n## ")[0]
    file, code = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", section, re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line]) <= 10
    (tmp_path / file).write_text(code)
    app_port, http_port, tls_port = free_ports(3)
    in_application, in_simulator, call = (
        re.sub(r"\b3000\b", str(app_port), line).replace("localhost:8080", f"localhost:{http_port}")
        for line in re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    )
    variables = environment.variables | {"PORT": str(app_port)}
    ports = f" --http-port {http_port} --tls-port {tls_port}"
    async with (
        process(in_application.replace("&& ", "&& exec "), tmp_path, variables),
        process(f"exec {in_simulator}{ports}", tmp_path, variables) as simulator,
    ):
        await wait_for_port(app_port)
        started = await lines_until(simulator, "signature secret")
        assert f"NODE_EXTRA_CA_CERTS={tmp_path}/.vonage/ca.pem" in started
        console = re.findall(r"^web console +(http://\S+)", started, re.MULTILINE)[0]
        for file in ("", "page/app.js", "page/style.css"):
            async with process(f"curl -sf {console}/{file}", tmp_path, variables) as curl:
                assert (await curl.communicate())[0]
        async with process(call, tmp_path, variables) as curl:
            answer, _ = await curl.communicate()
        uuid = json.loads(answer)["uuid"]
        log = await lines_until(simulator, f"{uuid[:8]} completed")
        inspect = f"curl -s localhost:{http_port}/sim/calls/{uuid}"
        async with process(inspect, tmp_path, variables) as curl:
            heard = json.loads((await curl.communicate())[0])["heard"]
    answer_url = f"http://localhost:{app_port}/webhooks/answer"
    assert re.search(rf"webhook {uuid[:8]} answer GET {answer_url} -> 200", log)
    assert "failed" not in log
    assert [sound["text"] for sound in heard] == ["Hello 447700900999"]


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listened on a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.asynccontextmanager
async def process(
    command: str, folder: Path, variables: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command, and end it if it still runs."""
    running = await asyncio.create_subprocess_exec(
        *("bash", "-c", command), cwd=folder, env=variables, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
        await asyncio.wait_for(running.communicate(), SECONDS)


async def lines_until(running: asyncio.subprocess.Process, text: str) -> str:
    """Return what a process prints, up to the line with this text."""
    assert running.stdout is not None
    printed = ""
    async with asyncio.timeout(SECONDS):
        while text not in printed:
            line = await running.stdout.readline()
            assert line, f"it ended after: {printed}"
            printed += line.decode()
    return printed


async def wait_for_port(port: int) -> None:
    """Wait until an application listens, which does not report it."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("localhost", port)
                writer.close()
                return
            await asyncio.sleep(0.1)
