"""The AWS services behind the functions: moto's server in its own process, and the stack in it.

moto's CloudFormation makes what keeps data; the secrets are made through their own API; the rest
of the template needs no existence here beyond its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.aws.constants import ACCOUNT, STACK
from local.aws.template import Resolver, TemplateError

if TYPE_CHECKING:
    from local.aws.credentials import LocalCredentials
    from local.aws.template import Template

MADE_BY_CLOUDFORMATION = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue")
_START_LIMIT = 60.0  # seconds
_ROOT = Path(__file__).parents[2]
_FUNCTION_ARN = re.compile(r":function:(?P<name>[^:/]+)")


@dataclass(frozen=True)
class Function:
    """A Lambda function as the template configures it; ``timeout`` is seconds, ``memory`` MB."""

    logical_id: str
    name: str
    arn: str
    handler: str
    timeout: int
    memory: int
    environment: dict[str, str]
    code: str
    layers: tuple[str, ...]
    log_group: str
    log_format: str
    log_level: str


@dataclass(frozen=True)
class Route:
    """A route of the API; ``method`` may be ANY, ``path`` $default for what no other takes."""

    method: str
    path: str
    function: str
    iam: bool
    rate: float | None
    burst: int | None

    @property
    def key(self) -> str:
        """The route key as API Gateway writes it."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True)
class EventSourceMapping:
    """A queue whose messages invoke a function; ``window`` is seconds."""

    function: str
    queue_url: str
    queue_arn: str
    batch_size: int
    window: float
    reports_failures: bool
    concurrency: int


@dataclass(frozen=True)
class EmulatedStack:
    """What the template makes, once it is made."""

    functions: dict[str, Function]
    routes: tuple[Route, ...]
    sources: tuple[EventSourceMapping, ...]
    outputs: dict[str, str]
    names: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)


class MotoServer:
    """moto's server as a child process.

    Parameters
    ----------
    credentials
        The access key that it answers to, and what the template's secrets are filled with.
    region
        The AWS region that it pretends to be.
    port
        The port; 0 takes a free one.
    host
        The address that it listens on.
    alias
        Another name that it may be called by.
    """

    def __init__(
        self,
        credentials: LocalCredentials,
        region: str,
        port: int = 0,
        host: str = "127.0.0.1",
        alias: str = "localhost",
    ) -> None:
        self._credentials = credentials
        self._region = region
        self._port = port
        self._host = host
        self._alias = alias
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The endpoint of every service, for AWS_ENDPOINT_URL."""
        return f"http://{self._host}:{self._port}"

    @property
    def process_id(self) -> int | None:
        """The id of moto's process, while there is one."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the server; ``ready`` waits for it, so that something can be done meanwhile."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "local.aws.moto_main"),
            *("--host", self._host, "--alias", self._alias, "--port", str(self._port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,  # Ctrl-C is for the platform, which ends this in its turn
        )
        if self._process.stdin is not None:
            self._process.stdin.write(self._credentials.aws_access_key_id.encode() + b"\n")

    async def wait_until_ready(self) -> None:
        """Wait until the server listens.

        Raises
        ------
        OSError
            If it does not: the port is taken, most likely.
        """
        if self._process is None or self._process.stdout is None:
            raise OSError("moto's server was not started")
        line = await asyncio.wait_for(self._process.stdout.readline(), _START_LIMIT)
        if not line:
            await self.stop()
            raise OSError(f"moto's server did not start on port {self._port or 'any'}")
        self._port = int(line)

    async def stop(self) -> None:
        """End the server."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process = None

    def client(self, service: str) -> Any:
        """Make a boto3 client that speaks to this cloud."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self._region,
            aws_access_key_id=self._credentials.aws_access_key_id,
            aws_secret_access_key=self._credentials.aws_secret_access_key,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"total_max_attempts": 2},
                proxies={},
            ),
        )

    def create_stack(self, template: Template, api_url: str) -> EmulatedStack:
        """Make what the template describes, and tell how it is called.

        Blocks for about a second: call it in a thread.
        """
        names, attributes, secrets = self._make_secrets(template)
        stored, of_stored = self._make_stores(template)
        names |= stored | _function_names(template)
        attributes |= of_stored
        for logical in template.of_type("AWS::ApiGatewayV2::Api"):
            names[logical] = "local"
            attributes[logical, "ApiEndpoint"] = api_url
        for logical in template.of_type("AWS::Lambda::Function"):
            attributes[logical, "Arn"] = _arn("lambda", self._region, f"function:{names[logical]}")
        resolver = Resolver(template, names, attributes)
        return EmulatedStack(
            functions=_functions(template, resolver, names),
            routes=_routes(template, resolver, names),
            sources=_sources(template, resolver, names, attributes),
            outputs=_outputs(template, resolver),
            names=names,
            secrets=secrets,
        )

    def _make_secrets(
        self, template: Template
    ) -> tuple[dict[str, str], dict[tuple[str, str], str], dict[str, str]]:
        """Make the secrets, each field of their first value filled where the platform knows it."""
        client = self.client("secretsmanager")
        known = asdict(self._credentials)
        arns = {}
        for logical, resource in template.of_type("AWS::SecretsManager::Secret").items():
            text = resource.get("Properties", {}).get("SecretString", "")
            try:
                filled = {key: known.get(key, value) for key, value in json.loads(text).items()}
                text = json.dumps(filled)
            except (ValueError, AttributeError):
                pass  # a secret that is no JSON object stays as it is
            made = client.create_secret(Name=f"{STACK}-{logical}", SecretString=text or "{}")
            arns[logical] = made["ARN"]
        return dict(arns), {(logical, "Id"): arn for logical, arn in arns.items()}, arns

    def _make_stores(self, template: Template) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
        resources = {
            logical: resource
            for kind in MADE_BY_CLOUDFORMATION
            for logical, resource in template.of_type(kind).items()
        }
        if not resources:
            return {}, {}
        client = self.client("cloudformation")
        # moto makes resources in the template's order of need, and reads Number parameters as text.
        client.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(
                {
                    "Parameters": template.declared,
                    "Conditions": template.conditions,
                    "Resources": resources,
                    "Outputs": {
                        f"Ref{logical}": {"Value": {"Ref": logical}} for logical in resources
                    }
                    | {
                        f"Arn{logical}": {"Value": {"Fn::GetAtt": [logical, "Arn"]}}
                        for logical in resources
                    },
                }
            ),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in template.parameters.items()
            ],
        )
        outputs = {
            one["OutputKey"]: one["OutputValue"]
            for one in client.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        }
        aws = f"https://sqs.{self._region}.amazonaws.com"
        names = {
            # A queue is called by its address; this one leads nowhere but here.
            logical: outputs[f"Ref{logical}"].replace(aws, self.url)
            for logical in resources
        }
        attributes = {(logical, "Arn"): outputs[f"Arn{logical}"] for logical in resources}
        return names, attributes


def _arn(service: str, region: str, rest: str) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


def _function_names(template: Template) -> dict[str, str]:
    """Return what Ref gives for functions, aliases, layers (their folder), log groups, policies."""
    names = {logical: f"{STACK}-{logical}" for logical in template.of_type("AWS::Lambda::Function")}
    for logical, alias in template.of_type("AWS::Lambda::Alias").items():
        function = f"{STACK}-{alias['Properties']['FunctionName']['Ref']}"
        qualified = f"function:{function}:{alias['Properties']['Name']}"
        names[logical] = _arn("lambda", template.region, qualified)
    for logical, layer in template.of_type("AWS::Lambda::LayerVersion").items():
        names[logical] = layer["Properties"]["Content"]["S3Key"]
    for logical, group in template.of_type("AWS::Logs::LogGroup").items():
        names[logical] = logical if "Properties" not in group else _log_group(group)
    for logical in template.of_type("AWS::IAM::ManagedPolicy"):
        names[logical] = f"arn:aws:iam::{ACCOUNT}:policy/{STACK}-{logical}"
    return names


def _log_group(group: dict[str, Any]) -> str:
    name = group["Properties"].get("LogGroupName", "")
    text = name["Fn::Sub"] if isinstance(name, dict) and "Fn::Sub" in name else name
    return str(text).replace("${AWS::StackName}", STACK)


def _functions(
    template: Template, resolver: Resolver, names: dict[str, str]
) -> dict[str, Function]:
    functions = {}
    for logical, resource in template.of_type("AWS::Lambda::Function").items():
        properties = resource["Properties"]
        logging = resolver.resolve(properties.get("LoggingConfig", {}))
        variables = resolver.resolve(properties.get("Environment", {}).get("Variables", {}))
        functions[logical] = Function(
            logical_id=logical,
            name=names[logical],
            arn=_arn("lambda", template.region, f"function:{names[logical]}:live"),
            handler=properties["Handler"],
            timeout=int(resolver.resolve(properties.get("Timeout", 3))),
            memory=int(resolver.resolve(properties.get("MemorySize", 128))),
            environment={name: _text(value) for name, value in variables.items()},
            code=properties["Code"]["S3Key"],
            layers=tuple(resolver.resolve(properties.get("Layers", []))),
            log_group=logging.get("LogGroup", f"/aws/lambda/{names[logical]}"),
            log_format=logging.get("LogFormat", "Text"),
            log_level=logging.get("ApplicationLogLevel", "INFO"),
        )
    return functions


def _outputs(template: Template, resolver: Resolver) -> dict[str, str]:
    """Give the outputs, without those that name what is only in AWS, such as a dashboard."""
    outputs = {}
    for name, output in template.outputs.items():
        if "Condition" not in output or resolver.holds(output["Condition"]):
            with contextlib.suppress(TemplateError):
                outputs[name] = str(resolver.resolve(output["Value"]))
    return outputs


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _logical_id(arn: str, names: dict[str, str]) -> str:
    """Give the logical id of the function that an ARN or an integration's address names."""
    found = _FUNCTION_ARN.search(arn)
    name = found["name"] if found else arn
    return next(logical for logical, one in names.items() if one == name)


def _routes(template: Template, resolver: Resolver, names: dict[str, str]) -> tuple[Route, ...]:
    routes = []
    stage = next(iter(template.of_type("AWS::ApiGatewayV2::Stage").values()), {})
    wanted = ("DefaultRouteSettings", "RouteSettings")
    settings = {one: resolver.resolve(stage.get("Properties", {}).get(one, {})) for one in wanted}
    for api in template.of_type("AWS::ApiGatewayV2::Api").values():
        for path, methods in api["Properties"]["Body"]["paths"].items():
            for verb, operation in methods.items():
                method = "ANY" if verb == "x-amazon-apigateway-any-method" else verb.upper()
                key = path if path == "$default" else f"{method} {path}"
                limits = settings["DefaultRouteSettings"] | settings["RouteSettings"].get(key, {})
                uri = resolver.resolve(operation["x-amazon-apigateway-integration"]["uri"])
                routes.append(
                    Route(
                        method=method,
                        path=path,
                        function=_logical_id(uri, names),
                        iam=any("AWS_IAM" in one for one in operation.get("security", [])),
                        rate=limits.get("ThrottlingRateLimit"),
                        burst=limits.get("ThrottlingBurstLimit"),
                    )
                )
    return tuple(sorted(routes, key=lambda route: (route.path, route.method)))


def _sources(
    template: Template,
    resolver: Resolver,
    names: dict[str, str],
    attributes: dict[tuple[str, str], str],
) -> tuple[EventSourceMapping, ...]:
    queues = {
        attributes[logical, "Arn"]: names[logical]
        for logical in template.of_type("AWS::SQS::Queue")
    }
    sources = []
    for resource in template.of_type("AWS::Lambda::EventSourceMapping").values():
        properties = resolver.resolve(resource["Properties"])
        if properties.get("Enabled") is False:
            continue
        arn = properties["EventSourceArn"]
        sources.append(
            EventSourceMapping(
                function=_logical_id(properties["FunctionName"], names),
                queue_url=queues[arn],
                queue_arn=arn,
                batch_size=int(properties.get("BatchSize", 10)),
                window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
                reports_failures="ReportBatchItemFailures"
                in properties.get("FunctionResponseTypes", []),
                concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", 2)),
            )
        )
    return tuple(sources)
