"""The stack from CloudFormation, and the texts of AWS errors."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from voicectl.errors import VoicectlError
from voicectl.stack import DeployedStack, explain_aws_error, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAME = "voice-of-a-test"
TEMPLATE = {
    "Parameters": {"VonageNumber": {"Type": "String", "Default": "447700900000"}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {
        "BaseUrl": {"Value": "https://voice.example/"},
        "RecordingsQueueUrl": {"Value": {"Ref": "Queue"}},
    },
}


@pytest_asyncio.fixture(loop_scope="session")
async def aws(platform: LocalPlatform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An AWS account with one stack, set in the environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": platform.credentials.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": platform.credentials.aws_secret_access_key,
        "AWS_ENDPOINT_URL": platform.moto.url,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    client = platform.moto.client("cloudformation")
    client.create_stack(StackName=NAME, TemplateBody=json.dumps(TEMPLATE))
    yield
    client.delete_stack(StackName=NAME)


def options(**changes: str | bool | None) -> SimpleNamespace:
    defaults: dict[str, object] = {"stack": None, "region": None, "profile": None, "local": False}
    return SimpleNamespace(**(defaults | changes))


def configured(folder: Path, **values: str) -> Path:
    lines = ["[default.global.parameters]", *(f'{name} = "{v}"' for name, v in values.items())]
    (folder / "samconfig.toml").write_text("\n".join(lines))
    return folder


@pytest.mark.usefixtures("aws")
async def test_a_stack_is_read_with_its_outputs_and_parameters(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    region = platform.options.region
    stack = read(options(), configured(tmp_path, stack_name=NAME, region=region))
    assert (stack.base_url, stack.region) == ("https://voice.example", region)
    assert stack.parameters == {"VonageNumber": "447700900000"}
    assert stack.output("RecordingsQueueUrl").startswith("http")


async def test_the_local_stack_needs_no_aws_profile(
    platform: LocalPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".local").symlink_to(platform.folder)
    monkeypatch.setenv("AWS_PROFILE", "missing")
    stack = read(options(local=True), tmp_path)
    assert stack.aws("sqs").list_queues()["QueueUrls"]


@pytest.mark.usefixtures("aws")
async def test_options_take_precedence_over_samconfig(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    folder = configured(tmp_path, stack_name="another", region="us-east-1")
    stack = read(options(stack=NAME, region=platform.options.region), folder)
    assert stack.name == NAME


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_the_region_is_read_from_the_environment(
    platform: LocalPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv(variable, platform.options.region)
    assert read(options(stack=NAME), tmp_path).region == platform.options.region
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    assert read(options(stack=NAME, region=platform.options.region), tmp_path).name == NAME
    folder = configured(tmp_path, stack_name=NAME, region=platform.options.region)
    assert read(options(), folder).name == NAME


@pytest.mark.usefixtures("aws")
async def test_a_stack_that_is_not_deployed_is_named(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    missing = options(stack="no-such-stack", region=platform.options.region)
    with pytest.raises(VoicectlError, match=r"no stack no-such-stack .* pass --local"):
        read(missing, tmp_path)


@pytest.mark.usefixtures("aws")
async def test_a_missing_name_region_or_profile_says_how_to_set_it(tmp_path: Path) -> None:
    with pytest.raises(VoicectlError, match=r"--stack\. .* pass --local"):
        read(options(region="eu-west-1"), tmp_path)
    with pytest.raises(VoicectlError, match=r"--region, .* pass --local"):
        read(options(stack=NAME), tmp_path)
    with pytest.raises(VoicectlError, match=r"list-profiles.* pass --local"):
        read(options(stack=NAME, profile="nobody"), tmp_path)


async def test_missing_aws_credentials_name_the_local_platform() -> None:
    assert "pass --local" in explain_aws_error(NoCredentialsError())


async def test_a_missing_output_says_to_deploy_this_checkout() -> None:
    with pytest.raises(VoicectlError, match="sam deploy"):
        _ = DeployedStack("old", "eu-west-1", {}, {}).table


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "is not allowed to call PutSecretValue"),
        ("ExpiredToken", "Sign in again"),
        ("InvalidClientTokenId", "does not know this access key"),
        ("ThrottlingException", "throttled"),
        ("ResourceNotFoundException", "PutSecretValue"),
    ],
)
async def test_an_aws_error_is_one_line(code: str, words: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "because"}}, "PutSecretValue")
    assert words in explain_aws_error(error)
    assert "\n" not in explain_aws_error(error)


async def test_a_connection_error_is_one_line() -> None:
    assert "network" in explain_aws_error(EndpointConnectionError(endpoint_url="https://x"))
