"""The deployed stack: what CloudFormation says of it, or the local platform's file in its place."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

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
        Its name; of the local platform, ``local``.
    region
        Its AWS region.
    outputs, parameters
        By the names that template.yaml gives them.
    vonage_url
        Where Vonage's API is.
    ca_file
        The authority behind that address, where it is not a public one.
    local
        Whether it is the local platform.
    session, client_options
        What boto3 clients are made from.
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

    def output(self, name: str) -> str:
        """Give an output of the template.

        Raises
        ------
        ConnectError
            If the stack has none of that name: it was deployed from another template.
        """
        try:
            return self.outputs[name]
        except KeyError:
            raise VoicectlError(
                f"the stack {self.name} has no output {name}: deploy this checkout"
                " (sam build && sam deploy)"
            ) from None

    @property
    def base_url(self) -> str:
        """The address under which Vonage reaches the application, without a slash at its end."""
        return self.output("BaseUrl").rstrip("/")

    @property
    def table(self) -> str:
        """The table of events."""
        return self.output("TableName")

    @property
    def bucket(self) -> str:
        """The bucket of recordings."""
        return self.output("BucketName")

    @property
    def signing_secret(self) -> str:
        """The ARN of the secret that the webhook functions read."""
        return self.output("SigningSecretArn")

    @property
    def application_secret(self) -> str:
        """The ARN of the secret with the private key."""
        return self.output("ApplicationSecretArn")

    def aws(self, service: str) -> Any:
        """Give a boto3 client: 5 s to connect, 20 s for an answer, three attempts at most."""
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


def read(options: argparse.Namespace, folder: Path) -> DeployedStack:
    """Read the stack that the options name, or with ``--local`` the running platform.

    Parameters
    ----------
    options
        ``local``, ``stack``, ``region`` and ``profile``.
    folder
        The checkout: where samconfig.toml and .local are.

    Raises
    ------
    ConnectError
        If there is no such stack, if it is not deployed, or if AWS lets nobody in.
    """
    return _read_local(folder) if options.local else _read_deployed(options, folder)


def local_file(folder: Path) -> dict[str, Any]:
    """Read what the running local platform tells of itself.

    Raises
    ------
    ConnectError
        If none runs.
    """
    path = folder / ".local" / "stack.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VoicectlError("no local platform runs here: start one with `make up`") from None
    except (OSError, ValueError) as error:
        raise VoicectlError(f"{path} cannot be read: {error}") from None
    return content


def _read_local(folder: Path) -> DeployedStack:
    import boto3

    known = local_file(folder)
    if "vonage_tls_url" not in known or "outputs" not in known:
        raise VoicectlError(
            "what runs here is not the whole local platform: start it with `make up`"
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
            aws_access_key_id=known["aws_access_key_id"],
            aws_secret_access_key=known["aws_secret_access_key"],
            region_name=known["region"],
        ),
    )


def _read_deployed(options: argparse.Namespace, folder: Path) -> DeployedStack:
    import boto3
    from botocore.exceptions import ProfileNotFound

    configured = _samconfig(folder)
    name = options.stack or configured.get("stack_name")
    if not name:
        raise VoicectlError(f"there is no stack_name in {_SAMCONFIG}: name the stack with --stack")
    try:
        session = boto3.Session(
            profile_name=options.profile or configured.get("profile"),
            region_name=options.region or configured.get("region"),
        )
    except ProfileNotFound as error:
        raise VoicectlError(f"{error}: see `aws configure list-profiles`") from None
    if not session.region_name:
        raise VoicectlError("no AWS region is set: name it with --region, or set AWS_REGION")
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
            raise VoicectlError(
                f"there is no stack {name} in {stack.region}: deploy it (sam build && sam deploy),"
                " or name another with --stack and --region"
            ) from None
        raise
    status = str(found.get("StackStatus", ""))
    if not status.endswith("_COMPLETE") or status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        raise VoicectlError(
            f"the stack {name} is {status}: wait until it is deployed, or deploy it again"
        )
    return found


def _pairs(listed: list[dict[str, str]], kind: str) -> dict[str, str]:
    return {one[f"{kind}Key"]: one[f"{kind}Value"] for one in listed}


def _samconfig(folder: Path) -> dict[str, str]:
    """Give what the default environment of samconfig.toml says of stack, region and profile."""
    try:
        content = tomllib.loads((folder / _SAMCONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VoicectlError(f"{_SAMCONFIG} cannot be read: {error}") from None
    default = content.get("default", {})
    sections = (default.get(name, {}).get("parameters", {}) for name in ("global", "deploy"))
    merged: dict[str, Any] = {}
    for section in sections:
        merged |= section
    return {key: str(merged[key]) for key in ("stack_name", "region", "profile") if key in merged}


_EXPIRED = "the AWS session has expired: sign in again (aws sso login)"
_UNKNOWN = "AWS does not know this access key: look at `aws sts get-caller-identity`"
_PATIENCE = "AWS asks for patience: run it again in a minute"
_ADVICE = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "SignatureDoesNotMatch": "AWS refuses the signature: the secret access key is wrong, or this"
    " machine's clock",
    "ThrottlingException": _PATIENCE,
    "Throttling": _PATIENCE,
}
_FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault")


def explain_aws_error(error: ClientError | BotoCoreError) -> str:
    """Say what went wrong at AWS, and what to do."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return _unreached(error)
    code = str(response.get("Error", {}).get("Code", ""))
    operation = getattr(error, "operation_name", "the request")
    if code in _FORBIDDEN:
        return (
            f"AWS does not let you do {operation}: sign in as somebody who may, or have it allowed"
        )
    if code in _ADVICE:
        return _ADVICE[code]
    text = str(response.get("Error", {}).get("Message", ""))[:300]
    return f"AWS refused {operation} ({code}): {text}"


def _unreached(error: Exception) -> str:
    name = type(error).__name__
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        return "there are no AWS credentials: sign in (aws sso login, aws configure), or --profile"
    if "Timeout" in name or "Connection" in name or "Endpoint" in name:
        return "AWS cannot be reached: look at the network, and run it again"
    return f"AWS cannot be asked ({name}): {str(error)[:300]}"
