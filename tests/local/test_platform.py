"""Start and stop of the platform: the stack file, the lock, processes and files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from local.aws import credentials, template
from local.aws.moto_server import MotoServer
from local.aws.stack import create_stack
from local.aws.template import TemplateError
from local.local_platform import LocalPlatform, PlatformOptions
from local.stack_file import AlreadyRunning, StackFile, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def killed_on_failure(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Kill the process if waiting for it fails, so that it doesn't outlive the tests."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


async def start(
    project: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    program: tuple[str, ...] = (),
) -> tuple[asyncio.subprocess.Process, str]:
    """Start ``python -m local``, and return the process and its output until it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(*program, sys.executable, "-m", "local", "--root", str(project), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
        env=os.environ | (environment or {}),
    )
    assert process.stdout is not None
    output = ""
    with killed_on_failure(process):
        async with asyncio.timeout(60):
            while "ready" not in output and (line := await process.stdout.readline()):
                output += line.decode()
    return process, output


async def finish(process: asyncio.subprocess.Process) -> str:
    """Wait for a process to exit, and return the rest of its output."""
    with killed_on_failure(process):
        rest, _ = await asyncio.wait_for(process.communicate(), 20)
    return rest.decode()


def descendants(process_id: int) -> set[int]:
    """Return the ids of all descendants of a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    while new := {one for one, parent in parents.items() if parent in {process_id, *found}} - found:
        found |= new
    return found


async def all_gone(process_ids: Iterable[int]) -> None:
    """Wait until all of these processes have exited."""
    async with asyncio.timeout(10):
        while any(running(one) for one in process_ids):
            await asyncio.sleep(0.05)


def running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def invoke(project: Path) -> int:
    """Invoke the function, so that it has an execution environment, and return the status."""
    url = read(project / ".local")["api_url"]
    async with aiohttp.ClientSession() as session, session.get(f"{url}/probe") as response:
        return response.status


async def test_the_stack_file_contains_addresses_names_and_credentials(
    platform: LocalPlatform,
) -> None:
    content = read(platform.folder)
    assert content["api_url"] == platform.api_url
    assert content["aws_url"] == platform.moto.url
    assert content["phone_url"] == platform.phone.url
    assert content["region"] == "eu-west-1"
    assert content["table"] == platform.stack.outputs["TableName"]
    assert {
        *("aws_access_key_id", "aws_secret_access_key", "application_id", "private_key_file"),
        *("api_key", "api_secret", "signature_secret"),
    } <= set(content)


async def test_the_stack_file_and_the_key_file_have_mode_0600(platform: LocalPlatform) -> None:
    key_file = Path(read(platform.folder)["private_key_file"])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (platform.file.path, key_file)]
    assert modes == [0o600, 0o600]
    assert key_file.read_text() == platform.credentials.private_key


async def test_announce_adds_fields_to_the_stack_file(platform: LocalPlatform) -> None:
    platform.announce(vonage_url="http://127.0.0.1:1")
    content = read(platform.folder)
    assert content["vonage_url"] == "http://127.0.0.1:1"
    assert content["api_url"] == platform.api_url


@pytest.mark.parametrize("option", ["--api-port", "--aws-port", "--vonage-port", "--phone-port"])
async def test_a_port_in_use_is_an_error(
    platform: LocalPlatform, own_project: Path, option: str
) -> None:
    process, output = await start(own_project, option, platform.api_url.rpartition(":")[2])
    await finish(process)
    assert process.returncode == 1
    assert output.startswith("error: ")
    assert output.endswith(f". Choose another port with {option}; 0 selects a free one\n")


async def test_the_web_console_uses_the_first_free_port(
    platform: LocalPlatform, project: Path, tmp_path: Path
) -> None:
    ports = (platform.phone.port, 0)
    async with LocalPlatform(project, PlatformOptions(folder=tmp_path, phone_ports=ports)) as other:
        assert other.phone.port not in (0, platform.phone.port)


async def test_parameters_of_the_command_line_override_samconfig(
    own_project: Path,
) -> None:
    text = '[default.deploy.parameters]\nparameter_overrides = "Color=green Retries=4"\n'
    (own_project / "samconfig.toml").write_text(text)
    process, _ = await start(own_project, "Retries=3")
    values = read(own_project / ".local")["parameters"]
    process.send_signal(signal.SIGINT)
    await finish(process)
    assert (values["Color"], values["Retries"]) == ("green", "3")


async def test_only_logs_links_and_the_lock_remain_after_the_stop(
    tmp_path: Path, project: Path
) -> None:
    async with LocalPlatform(project, PlatformOptions(folder=tmp_path)) as platform:
        await platform.lambdas.invoke("Probe", {"do": "echo"})
        processes = [*platform.lambdas.process_ids, platform.moto.process_id or 0]
    assert {path.name for path in tmp_path.iterdir()} == {"runtime", "lock", "logs"}
    assert not any(running(one) for one in processes)


async def test_a_second_platform_is_rejected_while_the_first_runs(platform: LocalPlatform) -> None:
    where = re.escape(f"{platform.phone.url} (process {os.getpid()})")
    with pytest.raises(AlreadyRunning, match=where):
        await LocalPlatform(platform.root).start()
    assert read(platform.folder)["api_url"] == platform.api_url


async def test_the_stack_file_of_a_killed_platform_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("old")
    file = StackFile(tmp_path)
    file.claim()
    assert not file.path.exists()
    file.write({"api_url": "new"})
    assert read(tmp_path) == {"api_url": "new"}
    file.release()
    assert not file.path.exists()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ctrl_c_sigterm_or_sighup_stops_every_process_and_removes_every_file(
    own_project: Path, tmp_path: Path, signal_number: signal.Signals
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process, output = await start(own_project, environment={"TMPDIR": str(temporary)})
    assert re.search(r"\nweb console http://127\.0\.0\.1:\d+ is ready; Ctrl-C stops it\n$", output)
    assert re.search(r"API +http://127\.0\.0\.1:\d+", output)
    assert await invoke(own_project) == 200
    children = descendants(process.pid)
    assert len(children) == 2
    assert list((own_project / ".local").glob("simulated-vonage-*"))
    assert not list(temporary.iterdir())
    process.send_signal(signal_number)
    assert await finish(process) == "stopped\n"
    assert process.returncode == 0
    assert not [one for one in children if running(one)]
    files = {path.name for path in (own_project / ".local").iterdir()}
    assert files == {"runtime", "lock", "logs", "transformed"}


async def test_a_platform_under_nohup_ignores_sighup(own_project: Path) -> None:
    process, _ = await start(own_project, program=("nohup",))
    process.send_signal(signal.SIGHUP)
    assert await invoke(own_project) == 200
    process.send_signal(signal.SIGTERM)
    assert await finish(process) == "stopped\n"


async def test_a_dead_moto_ends_the_platform_with_one_line(own_project: Path) -> None:
    process, _ = await start(own_project)
    (moto,) = descendants(process.pid)
    os.kill(moto, signal.SIGKILL)
    assert await finish(process) == (
        "error: moto's server was ended by signal 9; start the local platform again\n"
    )
    assert process.returncode == 1
    assert not (own_project / ".local" / "stack.json").exists()


async def test_a_malformed_request_is_logged_in_one_line(own_project: Path) -> None:
    process, _ = await start(own_project)
    stack = read(own_project / ".local")
    for name in ("api_url", "phone_url", "vonage_url"):
        address = urlsplit(stack[name])
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {address.netloc}\r\nHost: x\r\n\r\n".encode())
        assert (await reader.read()).split()[1] == b"400"
        writer.close()
    process.send_signal(signal.SIGTERM)
    lines = (await finish(process)).splitlines()
    assert lines == [*["ERROR malformed request: Duplicate 'Host' header found."] * 3, "stopped"]


async def test_a_full_disk_is_logged_in_one_line(own_project: Path) -> None:
    logs = own_project / ".local" / "logs"
    logs.mkdir(parents=True)
    (logs / "Probe.log").symlink_to("/dev/full")
    process, _ = await start(own_project)
    url = read(own_project / ".local")["api_url"]
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"{url}/probe?do=log") as response:
                assert response.status == 200
    process.send_signal(signal.SIGTERM)
    lines = (await finish(process)).splitlines()
    path = logs / "Probe.log"
    assert lines == [f"WARNING cannot write {path}: No space left on device", "stopped"]


# Anything of this machine's AWS configuration that AWS SDKs refuse, or cannot combine with the
# local endpoint.
@pytest.fixture
def aws_configuration(tmp_path: Path) -> dict[str, str]:
    malformed = tmp_path / "config"
    malformed.write_text("[profile nobody\nregion = nowhere")
    return {
        "AWS_PROFILE": "missing",
        "AWS_CONFIG_FILE": str(malformed),
        "AWS_SHARED_CREDENTIALS_FILE": str(malformed),
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_RETRY_MODE": "unknown",
        "AWS_MAX_ATTEMPTS": "many",
        "AWS_DEFAULTS_MODE": "unknown",
    }


async def test_the_aws_configuration_of_this_machine_does_not_matter(
    own_project: Path, aws_configuration: dict[str, str]
) -> None:
    process, output = await start(own_project, environment=aws_configuration)
    assert "ready" in output, output
    assert await invoke(own_project) == 200
    process.send_signal(signal.SIGTERM)
    assert await finish(process) == "stopped\n"


@pytest.mark.parametrize(
    ("parameter", "value"), [("DefaultFlow", "gret"), ("NumberFlows", "447700900000=gret")]
)
async def test_a_parameter_that_names_no_flow_is_an_error(
    tmp_path: Path, parameter: str, value: str
) -> None:
    options = PlatformOptions(folder=tmp_path, parameters={parameter: value})
    problem = rf"{parameter}.*: there is no flow gret; expected .*greet"
    with pytest.raises(TemplateError, match=problem):
        await LocalPlatform(ROOT, options).start()
    assert not (tmp_path / "stack.json").exists()


async def test_ctrl_c_during_the_imports_stops_it_without_a_traceback(
    own_project: Path,
) -> None:
    # given a platform that has just started its imports, and logs them
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "local", "--root", str(own_project)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b" asyncio" not in await process.stderr.readline():
            pass
    # when it is interrupted
    process.send_signal(signal.SIGINT)
    out, errors = await asyncio.wait_for(process.communicate(), 20)
    # then it exits normally
    assert (process.returncode, out) == (0, b"stopped\n")
    assert b"Traceback" not in errors


async def test_no_process_outlives_a_killed_platform_and_the_next_removes_its_files(
    own_project: Path,
) -> None:
    process, _ = await start(own_project)
    assert await invoke(own_project) == 200
    children = descendants(process.pid)
    process.kill()
    await finish(process)
    await all_gone(children)
    async with LocalPlatform(own_project) as following:
        assert following.file.path.exists()
        assert len(list(following.folder.glob("simulated-vonage-*"))) == 1


@pytest.mark.parametrize("module", ["local", "local.demo", "local.explore"])
async def test_in_another_folder_the_error_names_the_folder_to_choose(
    tmp_path: Path, module: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'simulator'}"},
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (2, b"")
    text = f"there is no template.yaml in {tmp_path}. Run this command in the folder of template."
    assert text in errors.decode()
    assert not list(tmp_path.iterdir())


async def test_errors_are_printed_to_standard_error(own_project: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "--root", str(own_project), "Hue=red"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert errors.startswith(b"error: no such parameter: Hue")
    assert b"error" not in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["Hue=red"], "no such parameter: Hue"),
        (["--api-port", "70000"], "'70000' is not a port"),
        (["--speed", "-1"], "'-1' is not a speed"),
        (["--speed", "nan"], "'nan' is not a speed"),
    ],
)
async def test_an_invalid_argument_is_an_error_without_a_traceback(
    own_project: Path, arguments: list[str], text: str
) -> None:
    process, output = await start(own_project, *arguments)
    await finish(process)
    assert process.returncode in (1, 2)
    assert text in output
    assert "Traceback" not in output


async def test_the_aws_endpoint_requires_the_access_key(platform: LocalPlatform) -> None:
    async with aiohttp.ClientSession() as session, session.get(platform.moto.url) as response:
        assert response.status == 403


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_the_aws_endpoint_rejects_web_pages(
    platform: LocalPlatform, header: dict[str, str]
) -> None:
    scope = f"Credential={platform.credentials.aws_access_key_id}/20260101/eu-west-1/s3"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}/aws4_request"}
    async with aiohttp.ClientSession(platform.moto.url, headers=headers) as session:
        async with session.get("/") as response:
            assert response.status == 200
        async with session.get("/", headers=header) as response:
            assert response.status == 403


async def test_credentials_are_new_at_each_start(platform: LocalPlatform, tmp_path: Path) -> None:
    async with LocalPlatform(platform.root, PlatformOptions(folder=tmp_path)) as other:
        assert other.credentials.aws_access_key_id != platform.credentials.aws_access_key_id
        assert other.credentials.signature_secret != platform.credentials.signature_secret


async def test_the_templates_secrets_contain_the_platforms_credentials(
    platform: LocalPlatform,
) -> None:
    client = platform.moto.client("secretsmanager")
    secret = client.get_secret_value(SecretId=platform.stack.secrets["Signing"])
    assert json.loads(secret["SecretString"]) == {
        "signature_secret": platform.credentials.signature_secret,
        "previous_signature_secret": "",
        "api_key": platform.credentials.api_key,
    }


async def test_an_invalid_template_is_an_error(own_project: Path) -> None:
    path = own_project / "template.yaml"
    path.write_text(path.read_text().replace("Handler: broken.app.handler", "Nonsense: 1"))
    with pytest.raises(TemplateError, match="Broken"):
        await LocalPlatform(own_project).start()
    assert not (own_project / ".local" / "stack.json").exists()


async def test_every_storage_resource_of_the_real_template_is_created() -> None:
    url = "http://127.0.0.1:1"
    real = template.read(ROOT / "template.yaml", "eu-west-1", {}, {"PublicBaseUrl": url})
    keys_and_secrets = credentials.generate()
    moto = MotoServer(keys_and_secrets, "eu-west-1")
    await moto.start()
    try:
        await moto.wait_until_ready()
        stack = await asyncio.to_thread(create_stack, moto, real, keys_and_secrets, url)
        created: dict[str, Any] = {
            "AWS::DynamoDB::Table": moto.client("dynamodb").list_tables()["TableNames"],
            "AWS::S3::Bucket": moto.client("s3").list_buckets()["Buckets"],
            "AWS::SQS::Queue": moto.client("sqs").list_queues()["QueueUrls"],
            "AWS::SecretsManager::Secret": moto.client("secretsmanager").list_secrets()[
                "SecretList"
            ],
        }
        table = moto.client("dynamodb").describe_table(TableName=stack.outputs["TableName"])
    finally:
        await moto.stop()
    expected = {kind: len(real.of_type(kind)) for kind in created}
    expected["AWS::SQS::Queue"] += 1  # the outbox of mails and events
    assert {kind: len(resources) for kind, resources in created.items()} == expected
    keys = {route.key: route.function for route in stack.routes}
    assert keys["POST /webhooks/answer"] == keys["GET /webhooks/answer"] == "AnswerFunction"
    answer = stack.functions["AnswerFunction"]
    assert (answer.handler, answer.timeout) == ("answer.app.handler", 6)
    assert answer.environment["PUBLIC_BASE_URL"] == url
    assert answer.environment["TABLE_NAME"] == stack.outputs["TableName"]
    assert answer.environment["SETTINGS_MARK"].startswith("arn:aws:iam::")
    assert answer.layers == ()
    assert stack.functions["CallsFunction"].layers == ("layers/packages",)
    assert "DrainFunction" in {source.function for source in stack.sources}
    indexes = table["Table"]["GlobalSecondaryIndexes"]
    assert {one["IndexName"] for one in indexes} == {"by-leg", "by-day"}
    assert stack.outputs["AnswerUrl"] == f"{url}/webhooks/answer"


async def test_the_project_may_be_a_relative_path(
    own_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a platform with a relative path to the project
    monkeypatch.chdir(own_project.parent)
    # when a function is invoked, whose process starts in another folder
    async with (
        LocalPlatform(Path(own_project.name)) as platform,
        aiohttp.ClientSession() as http,
        http.get(f"{platform.api_url}/probe") as response,
    ):
        # then its code is found
        assert response.status == 200
