"""The deployed stack, read from CloudFormation, or from the local platform's file."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicectl.errors import WITHOUT_ACCOUNT, NotConfiguredError, VoicectlError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import SimpleNamespace

    from botocore.exceptions import BotoCoreError, ClientError

_VONAGE = "https://api.nexmo.com"
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 20
_ATTEMPTS = 3
_SAMCONFIG = "samconfig.toml"


@dataclass(frozen=True)
class DeployedStack:
    """A stack.

    Parameters
    ----------
    name
        Its name; for the local platform, ``local``.
    region
        Its AWS region.
    outputs, parameters
        By their names in template.yaml.
    vonage_url
        Base URL of Vonage's API.
    ca_file
        Certificate authority of that URL, if it is not a public one.
    local
        Whether it is the local platform.
    session, client_options
        boto3's session, and the options of its clients.
    """

    name: str
    region: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    vonage_url: str = _VONAGE
    ca_file: str | None = None
    local: bool = False
    session: Any = field(default=None, repr=False)
    client_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def number_flows(self) -> dict[str, str]:
        """Return the flows by number of the parameter NumberFlows."""
        pairs = self.parameters.get("NumberFlows", "").split(",")
        return {number: flow for number, _, flow in (one.partition("=") for one in pairs) if number}

    def output(self, name: str) -> str:
        """Return an output of the template.

        Raises
        ------
        VoicectlError
            If the stack has no such output, since it was deployed from another template.
        """
        try:
            return self.outputs[name]
        except KeyError:
            raise VoicectlError(
                f"the stack {self.name} has no output {name}. Deploy this checkout"
                " (sam build && sam deploy)."
            ) from None

    @property
    def base_url(self) -> str:
        """The application's public address, without a trailing slash."""
        return self.output("BaseUrl").rstrip("/")

    @property
    def table(self) -> str:
        """The name of the event store, a DynamoDB table."""
        return self.output("TableName")

    @property
    def bucket(self) -> str:
        """The name of the bucket of recordings."""
        return self.output("BucketName")

    @property
    def signing_secret(self) -> str:
        """The ARN of the secret with the signature secrets."""
        return self.output("SigningSecretArn")

    @property
    def application_secret(self) -> str:
        """The ARN of the secret with the private key."""
        return self.output("ApplicationSecretArn")

    def aws(self, service: str) -> Any:
        """Return a boto3 client: 5 s to connect, 20 s to respond, three attempts at most."""
        from botocore.config import Config

        if service in self._clients:
            return self._clients[service]
        config = Config(
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_READ_TIMEOUT,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            **({"proxies": {}} if self.local else {}),
        )
        made = self.session.client(service, config=config, **self.client_options)
        self._clients[service] = made
        return made


def read(options: SimpleNamespace, folder: Path) -> DeployedStack:
    """Return the stack of the options, or with ``--local`` the running local platform.

    Parameters
    ----------
    options
        ``local``, ``stack``, ``region`` and ``profile``.
    folder
        The checkout, with samconfig.toml and .local.

    Raises
    ------
    VoicectlError
        If there is no such stack, or it is not deployed.
    """
    return _read_local(folder) if options.local else _read_deployed(options, folder)


def local_file(folder: Path) -> dict[str, Any]:
    """Return the content of the running local platform's stack.json.

    Raises
    ------
    VoicectlError
        If no platform is running.
    """
    path = folder / ".local" / "stack.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VoicectlError(
            "no local platform is running in this folder. Run `make up` in a checkout, and this"
            " command in the same folder."
        ) from None
    except (OSError, ValueError) as error:
        raise VoicectlError(f"cannot read {path}: {error}") from None
    return content


def _read_local(folder: Path) -> DeployedStack:
    import boto3
    import botocore.session

    known = local_file(folder)
    if "vonage_tls_url" not in known or "outputs" not in known:
        raise VoicectlError(
            "only a part of the local platform is running here. Start all of it with `make up`."
        )
    return DeployedStack(
        name="local",
        region=known["region"],
        outputs=known["outputs"],
        parameters=known["parameters"],
        vonage_url=known["vonage_tls_url"],
        ca_file=known["vonage_ca_file"],
        local=True,
        client_options={"endpoint_url": known["aws_url"]},
        session=boto3.Session(
            # The profile in AWS_PROFILE does not matter here, and need not exist.
            botocore_session=botocore.session.Session({"profile": (None, None, None, None)}),
            aws_access_key_id=known["aws_access_key_id"],
            aws_secret_access_key=known["aws_secret_access_key"],
            region_name=known["region"],
        ),
    )


def _read_deployed(options: SimpleNamespace, folder: Path) -> DeployedStack:
    import boto3
    from botocore.exceptions import ProfileNotFound

    configured = _samconfig(folder)
    name = options.stack or configured.get("stack_name")
    if not name:
        raise NotConfiguredError(
            f"no stack is named: {_SAMCONFIG} in this folder has no stack_name. Run the command in"
            " your checkout, or name the stack with --stack."
        )
    try:
        session = boto3.Session(
            profile_name=options.profile or configured.get("profile"),
            # boto3 reads only AWS_DEFAULT_REGION.
            region_name=options.region or configured.get("region") or os.environ.get("AWS_REGION"),
        )
    except ProfileNotFound as error:
        raise NotConfiguredError(f"{error}. See `aws configure list-profiles`.") from None
    if not session.region_name:
        raise NotConfiguredError("no AWS region is set. Pass --region, or set AWS_REGION.")
    empty = DeployedStack(name, session.region_name, {}, {}, session=session)
    described = _describe(empty, name)
    return DeployedStack(
        name=name,
        region=session.region_name,
        outputs=_pairs(described.get("Outputs", []), "Output"),
        parameters=_pairs(described.get("Parameters", []), "Parameter"),
        session=session,
    )


def _describe(stack: DeployedStack, name: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = stack.aws("cloudformation").describe_stacks(StackName=name)[
            "Stacks"
        ][0]
    except ClientError as error:
        if "does not exist" in str(error):
            raise NotConfiguredError(
                f"there is no stack {name} in {stack.region}. Deploy it (sam build && sam deploy),"
                " or name another stack with --stack and --region."
            ) from None
        raise
    status = str(found.get("StackStatus", ""))
    if not status.endswith("_COMPLETE") or status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        raise VoicectlError(
            f"the stack {name} is {status}. Wait until it is deployed, or deploy it again."
        )
    return found


def _pairs(listed: list[dict[str, str]], kind: str) -> dict[str, str]:
    return {one[f"{kind}Key"]: one[f"{kind}Value"] for one in listed}


def _samconfig(folder: Path) -> dict[str, str]:
    """Return stack name, region and profile of samconfig.toml's default environment."""
    try:
        content = tomllib.loads((folder / _SAMCONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VoicectlError(f"cannot read {_SAMCONFIG}: {error}") from None
    default = content.get("default", {})
    sections = (default.get(name, {}).get("parameters", {}) for name in ("global", "deploy"))
    merged: dict[str, Any] = {}
    for section in sections:
        merged |= section
    return {key: str(merged[key]) for key in ("stack_name", "region", "profile") if key in merged}


_EXPIRED = "the AWS session has expired. Sign in again (aws sso login)."
_UNKNOWN = "AWS does not know this access key. Check it with `aws sts get-caller-identity`."
_THROTTLED = "AWS throttled the request. Run the command again in a minute."
_ADVICE = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "SignatureDoesNotMatch": "AWS rejected the signature. Check the secret access key and this"
    " machine's clock.",
    "ThrottlingException": _THROTTLED,
    "Throttling": _THROTTLED,
}
_FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault")


def explain_aws_error(error: ClientError | BotoCoreError) -> str:
    """Return what failed at AWS and what to do, in one line."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return _unreached(error)
    code = str(response.get("Error", {}).get("Code", ""))
    operation = getattr(error, "operation_name", "the request")
    if code in _FORBIDDEN:
        return (
            f"your AWS identity is not allowed to call {operation}. Use another identity, or add"
            " the permission."
        )
    if code in _ADVICE:
        return _ADVICE[code]
    text = str(response.get("Error", {}).get("Message", ""))[:300]
    return f"AWS rejected {operation} ({code}): {text}"


def _unreached(error: Exception) -> str:
    name = type(error).__name__
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        return (
            "no AWS credentials found. Sign in (aws sso login, aws configure), or pass --profile."
            f" {WITHOUT_ACCOUNT}"
        )
    if "Timeout" in name or "Connection" in name or "Endpoint" in name:
        return "AWS cannot be reached. Check the network, and run the command again."
    return f"the AWS request failed ({name}): {str(error)[:300]}"
