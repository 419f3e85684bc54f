"""Starting and ending: the stack file, one platform at a time, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from local.aws import credentials, template
from local.aws.moto_server import MotoServer
from local.aws.stack import create_stack
from local.aws.template import TemplateError
from local.local_platform import LocalPlatform, PlatformOptions
from local.stack_file import AlreadyRunning, StackFile, read

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]


async def start(project: Path, *arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """Start ``python -m local``; give the process and what it said until it was ready or ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "--root", str(project), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(60):
        while "ready" not in said and (line := await process.stdout.readline()):
            said += line.decode()
    return process, said


async def finish(process: asyncio.subprocess.Process) -> str:
    """Wait for a process to end; give what else it said."""
    rest, _ = await asyncio.wait_for(process.communicate(), 20)
    return rest.decode()


def descendants(process_id: int) -> set[int]:
    """Give the ids of all processes below one, by what the system tells of parents."""
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
    """Wait until none of these processes runs."""
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
    """Call the function, so that there is a worker; give the status."""
    url = read(project / ".local")["api_url"]
    async with aiohttp.ClientSession() as session, session.get(f"{url}/probe") as response:
        return response.status


async def test_the_stack_file_tells_where_everything_is(platform: LocalPlatform) -> None:
    content = read(platform.folder)
    assert content["api_url"] == platform.api_url
    assert content["aws_url"] == platform.cloud.url
    assert content["phone_url"] == platform.phone.url
    assert content["region"] == "eu-west-1"
    assert content["table"] == platform.stack.outputs["TableName"]
    assert {
        *("aws_access_key_id", "aws_secret_access_key", "application_id", "private_key_file"),
        *("api_key", "api_secret", "signature_secret"),
    } <= set(content)


async def test_the_stack_file_and_the_key_are_the_owners_alone(platform: LocalPlatform) -> None:
    key_file = Path(read(platform.folder)["private_key_file"])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (platform.file.path, key_file)]
    assert modes == [0o600, 0o600]
    assert key_file.read_text() == platform.credentials.private_key


async def test_a_part_that_starts_later_adds_its_address(platform: LocalPlatform) -> None:
    platform.announce(vonage_url="http://127.0.0.1:1")
    content = read(platform.folder)
    assert content["vonage_url"] == "http://127.0.0.1:1"
    assert content["api_url"] == platform.api_url


@pytest.mark.parametrize("option", ["--api-port", "--aws-port", "--phone-port"])
async def test_a_port_that_is_taken_is_explained(
    platform: LocalPlatform, own_project: Path, option: str
) -> None:
    process, said = await start(own_project, option, platform.api_url.rpartition(":")[2])
    await finish(process)
    assert process.returncode == 1
    assert said.startswith("error: ")


async def test_parameters_are_those_of_samconfig_and_of_the_command_line_first(
    own_project: Path,
) -> None:
    text = '[default.deploy.parameters]\nparameter_overrides = "Colour=green Retries=4"\n'
    (own_project / "samconfig.toml").write_text(text)
    process, _ = await start(own_project, "Retries=3")
    values = read(own_project / ".local")["parameters"]
    process.send_signal(signal.SIGINT)
    await finish(process)
    assert (values["Colour"], values["Retries"]) == ("green", "3")


async def test_nothing_but_logs_and_links_is_left_when_it_ends(
    tmp_path: Path, project: Path
) -> None:
    async with LocalPlatform(project, PlatformOptions(folder=tmp_path)) as platform:
        await platform.lambdas.invoke("Probe", {"do": "echo"})
        processes = [*platform.lambdas.process_ids, platform.cloud.process_id or 0]
    assert {path.name for path in tmp_path.iterdir()} == {"runtime", "lock", "logs"}
    assert not any(running(one) for one in processes)


async def test_a_second_platform_is_refused_while_the_first_lives(platform: LocalPlatform) -> None:
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        await LocalPlatform(platform.root).start()
    assert read(platform.folder)["api_url"] == platform.api_url


async def test_the_stack_file_of_a_dead_platform_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("left behind")
    file = StackFile(tmp_path)
    file.claim()
    assert not file.path.exists()
    file.write({"api_url": "new"})
    assert read(tmp_path) == {"api_url": "new"}
    file.release()
    assert not file.path.exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_or_sigterm_ends_every_process_and_removes_the_stack_file(
    own_project: Path, how: signal.Signals
) -> None:
    process, said = await start(own_project)
    assert re.match(r"open this +http://127\.0\.0\.1:\d+\n", said)
    assert re.search(r"API +http://127\.0\.0\.1:\d+", said)
    assert await invoke(own_project) == 200
    below = descendants(process.pid)
    assert len(below) == 2
    process.send_signal(how)
    assert await finish(process) == "ended\n"
    assert process.returncode == 0
    assert not [one for one in below if running(one)]
    assert not (own_project / ".local" / "stack.json").exists()


async def test_ctrl_c_while_modules_are_imported_ends_it_without_a_word_of_python(
    own_project: Path,
) -> None:
    # given a platform that has only begun to import what it needs, and says what it imports
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
    # then it ends in order
    assert (process.returncode, out) == (0, b"ended\n")
    assert b"Traceback" not in errors


async def test_no_process_outlives_a_platform_that_was_killed(own_project: Path) -> None:
    process, _ = await start(own_project)
    assert await invoke(own_project) == 200
    below = descendants(process.pid)
    process.kill()
    await finish(process)
    await all_gone(below)
    next_one = StackFile(own_project / ".local")
    next_one.claim()
    assert not next_one.path.exists()
    next_one.release()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["Hue=red"], "no such parameter: Hue"),
        (["--api-port", "70000"], "70000 is no port"),
    ],
)
async def test_a_wrong_argument_is_explained_in_a_line(
    own_project: Path, arguments: list[str], text: str
) -> None:
    process, said = await start(own_project, *arguments)
    await finish(process)
    assert process.returncode in (1, 2)
    assert text in said
    assert "Traceback" not in said


async def test_the_aws_endpoint_answers_to_the_access_key_alone(platform: LocalPlatform) -> None:
    async with aiohttp.ClientSession() as session, session.get(platform.cloud.url) as response:
        assert response.status == 403


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_the_aws_endpoint_refuses_pages_in_a_browser(
    platform: LocalPlatform, header: dict[str, str]
) -> None:
    scope = f"Credential={platform.credentials.aws_access_key_id}/20260101/eu-west-1/s3"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}/aws4_request"}
    async with aiohttp.ClientSession(platform.cloud.url, headers=headers) as session:
        async with session.get("/") as response:
            assert response.status == 200
        async with session.get("/", headers=header) as response:
            assert response.status == 403


async def test_credentials_are_new_at_each_start(platform: LocalPlatform, tmp_path: Path) -> None:
    async with LocalPlatform(platform.root, PlatformOptions(folder=tmp_path)) as other:
        assert other.credentials.aws_access_key_id != platform.credentials.aws_access_key_id
        assert other.credentials.signature_secret != platform.credentials.signature_secret


async def test_the_templates_secrets_hold_what_the_platform_made(platform: LocalPlatform) -> None:
    client = platform.cloud.client("secretsmanager")
    got = client.get_secret_value(SecretId=platform.stack.secrets["Signing"])
    assert json.loads(got["SecretString"]) == {
        "signature_secret": platform.credentials.signature_secret,
        "previous_signature_secret": "",
        "api_key": platform.credentials.api_key,
    }


async def test_a_template_that_sam_refuses_is_explained(own_project: Path) -> None:
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
    assert {kind: len(resources) for kind, resources in created.items()} == {
        kind: len(real.of_type(kind)) for kind in created
    }
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


async def test_a_project_named_by_a_relative_path_is_run_all_the_same(
    own_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a platform that is told where the project is as seen from here
    monkeypatch.chdir(own_project.parent)
    # when a function is asked, whose process starts in another folder
    async with (
        LocalPlatform(Path(own_project.name)) as platform,
        aiohttp.ClientSession() as http,
        http.get(f"{platform.api_url}/probe") as reply,
    ):
        # then its code is found
        assert reply.status == 200
