"""Execution environments: what a function sees, and what happens if it fails."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from pathlib import Path

    from local.aws.lambda_service import LogLine

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def do(platform: LocalPlatform, action: str, function: str = "Probe", **fields: Any) -> Any:
    """Invoke a function that must succeed, and return its result."""
    result = await platform.lambdas.invoke(function, {"do": action, **fields})
    assert result.error is None, result.error
    return result.payload


async def test_a_function_has_its_own_variables_and_those_of_lambda(
    platform: LocalPlatform,
) -> None:
    environment = (await do(platform, "state"))["environment"]
    assert environment["COLOR"] == "verde"
    assert environment["JOINED"] == "a-green@eu-west-1"
    assert environment["BASE"] == platform.api_url
    assert environment["AWS_ENDPOINT_URL"] == platform.moto.url
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "voice-local-Probe"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["_HANDLER"] == "probe.app.handler"
    assert environment["EXTRA"] == "given"


async def test_a_function_has_no_variables_of_the_developer(
    platform: LocalPlatform,
) -> None:
    environment = (await do(platform, "state"))["environment"]
    assert not {"HOME", "USER", "VIRTUAL_ENV", "PYTHONPATH", "PWD"} & set(environment)
    assert environment["PATH"] != os.environ["PATH"]


async def test_the_path_is_code_layers_runtime_and_standard_library(
    platform: LocalPlatform, project: Path
) -> None:
    path = (await do(platform, "state"))["path"]
    assert path[:3] == [
        str(project / "functions"),
        str(project / "layers" / "extras" / "python"),
        str(project / ".local" / "runtime"),
    ]
    assert not [one for one in path if "site-packages" in one]


@pytest.mark.parametrize("name", ["aiohttp", "moto", "cryptography", "pytest", "local", "jwt"])
async def test_a_function_cannot_import_packages_outside_its_layers(
    platform: LocalPlatform, name: str
) -> None:
    result = await platform.lambdas.invoke("Probe", {"do": "import", "name": name})
    assert result.error is not None
    assert result.error["errorType"] == "ModuleNotFoundError"


async def test_a_function_can_import_its_layer_and_the_runtimes_boto3(
    platform: LocalPlatform,
) -> None:
    assert await do(platform, "layer") == "from the layer"
    assert await do(platform, "import", name="boto3") == "boto3"


async def test_a_layer_is_only_for_the_functions_that_name_it(platform: LocalPlatform) -> None:
    result = await platform.lambdas.invoke("Hasty", {"do": "layer"})
    assert result.error is not None
    assert result.error["errorType"] == "ModuleNotFoundError"


async def test_a_handler_runs_in_the_main_thread_with_a_context(platform: LocalPlatform) -> None:
    result = await platform.lambdas.invoke("Probe", {"do": "state"})
    state = result.payload
    assert state["main_thread"]
    assert 0 < state["remaining"] <= 5000
    assert state["arn"].endswith(":function:voice-local-Probe:live")
    assert state["memory"] == "256"
    assert state["request_id"] == result.request_id
    assert state["stdin"] == ""


async def test_an_environment_is_reused(platform: LocalPlatform) -> None:
    first, second = await do(platform, "state"), await do(platform, "state")
    assert first["pid"] == second["pid"]
    assert second["calls"] == first["calls"] + 1


async def test_concurrent_invocations_have_their_own_environments(platform: LocalPlatform) -> None:
    results = await asyncio.gather(*(do(platform, "sleep", seconds=0.2) for _ in range(6)))
    assert results == ["slept"] * 6
    assert 2 <= len(platform.lambdas.process_ids) <= 4 * len(platform.stack.functions)


async def test_logs_are_lambdas_json_lines_in_order(platform: LocalPlatform) -> None:
    result = await platform.lambdas.invoke("Probe", {"do": "log"})
    printed, logged, caught = result.log
    assert printed == "printed"
    line = json.loads(logged)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "INFO",
        "message": "said",
        "logger": "probe",
        "requestId": result.request_id,
        "outcome": "ok",
    }
    error = json.loads(caught)
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "inside")
    assert {"stackTrace", "location"} <= set(error)


async def test_a_listener_and_the_log_file_get_every_line(platform: LocalPlatform) -> None:
    received: list[LogLine] = []
    platform.lambdas.listen(received.append)
    result = await platform.lambdas.invoke("Hasty", {"do": "log"})
    lines = [one for one in received if one.request_id == result.request_id]
    assert [one.text for one in lines] == list(result.log)
    assert lines[0] in platform.lambdas.log("Hasty")
    assert result.log[1] in (platform.folder / "logs" / "Hasty.log").read_text()


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        ("raise", "ValueError", "no luck"),
        ("log_half", "UnicodeEncodeError", "surrogates not allowed"),
        ("memory", "MemoryError", ""),
        ("recurse", "RecursionError", "maximum recursion"),
        ("unwritable", "Runtime.MarshalError", "Unable to marshal response"),
        ("exit", "Runtime.ExitError", "exit status 3"),
        ("die", "Runtime.ExitError", "exit status 7"),
        ("segfault", "Runtime.ExitError", "signal: segmentation fault"),
        ("huge", "Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size"),
    ],
)
async def test_an_error_is_described_as_by_lambda(
    platform: LocalPlatform, action: str, kind: str, text: str
) -> None:
    result = await platform.lambdas.invoke("Probe", {"do": action})
    assert result.error is not None
    assert result.error["errorType"] == kind
    assert text in result.error["errorMessage"]


async def test_a_function_works_again_after_its_process_ended(platform: LocalPlatform) -> None:
    await platform.lambdas.invoke("Probe", {"do": "die"})
    assert await do(platform, "echo") == {"do": "echo"}


async def test_a_function_is_killed_at_its_timeout(platform: LocalPlatform) -> None:
    pid = (await do(platform, "state", "Hasty"))["pid"]
    result = await platform.lambdas.invoke("Hasty", {"do": "sleep"})
    assert result.error is not None
    assert result.error["errorType"] == "Sandbox.Timedout"
    assert result.error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert pid not in platform.lambdas.process_ids


async def test_an_import_error_is_described(platform: LocalPlatform) -> None:
    result = await platform.lambdas.invoke("Broken", {})
    assert result.error is not None
    assert result.error["errorType"] == "Runtime.ImportModuleError"
    assert "broken.app" in result.error["errorMessage"]


async def test_changed_code_is_live_with_the_next_invocation(own_project: Path) -> None:
    async with LocalPlatform(own_project, PlatformOptions()) as platform:
        assert (await do(platform, "state"))["version"] == "first"
        running = asyncio.create_task(do(platform, "sleep", seconds=0.5))
        await asyncio.sleep(0.2)
        source = own_project / "functions" / "probe" / "app.py"
        source.write_text(source.read_text().replace('"first"', '"other"'))
        assert (await do(platform, "state"))["version"] == "other"
        assert await running == "slept"
        assert (await do(platform, "state"))["version"] == "other"
