"""Create the template's resources in moto, and describe the stack to the rest of the platform.

The tables, buckets, queues, secrets, event buses and topics are created through their own APIs. The
other resources need only a name here.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from local.aws import messaging
from local.aws.constants import ACCOUNT, STACK
from local.aws.event_pattern import check_pattern
from local.aws.storage import create_storage
from local.aws.template import Resolver, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.aws.credentials import LocalCredentials
    from local.aws.moto_server import MotoServer
    from local.aws.template import Template

_STREAM_SETTINGS = frozenset(
    {
        *("BatchSize", "BisectBatchOnFunctionError", "Enabled", "EventSourceArn"),
        *("FilterCriteria", "FunctionName", "FunctionResponseTypes", "MaximumRetryAttempts"),
        *("MaximumBatchingWindowInSeconds", "StartingPosition"),
    }
)
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
    """A route of the API; ``method`` may be ANY, and ``path`` $default for unmatched requests."""

    method: str
    path: str
    function: str
    iam: bool
    rate: float | None
    burst: int | None

    @property
    def key(self) -> str:
        """The route key, in API Gateway's form."""
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
class StreamMapping:
    """A DynamoDB stream whose records invoke a function.

    Attributes
    ----------
    function
        The function's logical id.
    stream_arn
        The stream.
    batch_size
        The most records of an invocation.
    window
        Seconds to collect a batch.
    reports_failures
        Whether the function's result names the records to retry.
    bisects
        Whether a batch that failed is split in two.
    retries
        The most retries of a batch, after which it is dropped; None for no limit.
    patterns
        The filters' patterns; a record must match one, if there are any.
    """

    function: str
    stream_arn: str
    batch_size: int
    window: float
    reports_failures: bool
    bisects: bool
    retries: int | None
    patterns: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class EmulatedStack:
    """A stack: functions, routes, event sources, outputs, names, secrets' ARNs and the outbox.

    ``outbox`` is the queue that receives what the event buses and the email subscriptions carry;
    None if the template has none of them.
    """

    functions: dict[str, Function]
    routes: tuple[Route, ...]
    sources: tuple[EventSourceMapping, ...]
    streams: tuple[StreamMapping, ...]
    outputs: dict[str, str]
    names: dict[str, str]
    secrets: dict[str, str] = field(default_factory=dict)
    outbox: EventSourceMapping | None = None


def create_stack(
    server: MotoServer, template: Template, credentials: LocalCredentials, api_url: str
) -> EmulatedStack:
    """Create the template's resources and return the stack.

    This takes half a second and blocks: call it in a thread.

    Parameters
    ----------
    server
        The server to create them in.
    template
        The transformed template.
    credentials
        The values for the fields of the template's secrets.
    api_url
        The URL of the API.
    """
    names, attributes, secrets = _create_secrets(server, template, credentials)
    storage_names, storage_attributes = create_storage(server, template)
    names |= storage_names | _function_names(template)
    attributes |= storage_attributes
    bus_names, bus_attributes = messaging.create_buses_and_topics(server, template)
    names |= bus_names
    attributes |= bus_attributes
    for logical in template.of_type("AWS::ApiGatewayV2::Api"):
        names[logical] = "local"
        attributes[logical, "ApiEndpoint"] = api_url
    for logical in template.of_type("AWS::Lambda::Function"):
        attributes[logical, "Arn"] = _arn("lambda", template.region, f"function:{names[logical]}")
    resolver = Resolver(template, names, attributes)
    return EmulatedStack(
        functions=_functions(template, resolver, names),
        routes=_routes(template, resolver, names),
        sources=_sources(template, resolver, names, attributes),
        streams=_streams(template, resolver, names),
        outputs=_outputs(template, resolver),
        names=names,
        secrets=secrets,
        outbox=_outbox(server, template, resolver, names),
    )


def _outbox(
    server: MotoServer, template: Template, resolver: Resolver, names: dict[str, str]
) -> EventSourceMapping | None:
    created = messaging.create_outbox(server, template, resolver, names)
    if created is None:
        return None
    url, arn = created
    return EventSourceMapping(messaging.OUTBOX, url, arn, 10, 0, False, 1)


def _create_secrets(
    server: MotoServer, template: Template, credentials: LocalCredentials
) -> tuple[dict[str, str], dict[tuple[str, str], str], dict[str, str]]:
    """Create the secrets, and fill the fields of their first value that the platform knows."""
    client = server.client("secretsmanager")
    known = asdict(credentials)
    arns = {}
    for logical, resource in template.of_type("AWS::SecretsManager::Secret").items():
        text = resource.get("Properties", {}).get("SecretString", "")
        try:
            filled = {key: known.get(key, value) for key, value in json.loads(text).items()}
            text = json.dumps(filled)
        except (ValueError, AttributeError):
            pass  # a secret that is not a JSON object keeps its value
        created = client.create_secret(Name=f"{STACK}-{logical}", SecretString=text or "{}")
        arns[logical] = created["ARN"]
    return dict(arns), {(logical, "Id"): arn for logical, arn in arns.items()}, arns


def _arn(service: str, region: str, rest: str) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


def _function_names(template: Template) -> dict[str, str]:
    """Return the values of Ref for functions, aliases, layers (folders), log groups, policies."""
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
    """Return the outputs, except those about resources only in AWS, such as a dashboard."""
    outputs = {}
    for name, output in template.outputs.items():
        if "Condition" not in output or resolver.holds(output["Condition"]):
            with contextlib.suppress(TemplateError):
                outputs[name] = str(resolver.resolve(output["Value"]))
    return outputs


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _logical_id(arn: str, names: dict[str, str]) -> str:
    """Return the logical id of the function in an ARN or in an integration's URI."""
    found = _FUNCTION_ARN.search(arn)
    name = found["name"] if found else arn
    return next(logical for logical, one in names.items() if one == name)


def _routes(template: Template, resolver: Resolver, names: dict[str, str]) -> tuple[Route, ...]:
    routes = []
    stage = next(iter(template.of_type("AWS::ApiGatewayV2::Stage").values()), {})
    properties = stage.get("Properties", {})
    settings = {
        name: resolver.resolve(properties.get(name, {}))
        for name in ("DefaultRouteSettings", "RouteSettings")
    }
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
    for _, properties in _mappings(template, resolver, "sqs"):
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


def _streams(
    template: Template, resolver: Resolver, names: dict[str, str]
) -> tuple[StreamMapping, ...]:
    """Return the mappings of DynamoDB streams.

    Raises
    ------
    TemplateError
        If one has a filter or a setting that the platform does not support.
    """
    streams = []
    for logical, properties in _mappings(template, resolver, "dynamodb"):
        unsupported = sorted(set(properties) - _STREAM_SETTINGS)
        if unsupported or properties["StartingPosition"] != "TRIM_HORIZON":
            problem = ", ".join(unsupported) or "a StartingPosition other than TRIM_HORIZON"
            raise TemplateError(f"{logical}: the local platform does not support {problem}")
        retries = int(properties.get("MaximumRetryAttempts", -1))
        streams.append(
            StreamMapping(
                function=_logical_id(properties["FunctionName"], names),
                stream_arn=properties["EventSourceArn"],
                batch_size=int(properties.get("BatchSize", 100)),
                window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
                reports_failures="ReportBatchItemFailures"
                in properties.get("FunctionResponseTypes", []),
                bisects=bool(properties.get("BisectBatchOnFunctionError", False)),
                retries=None if retries < 0 else retries,
                patterns=_patterns(logical, properties),
            )
        )
    return tuple(streams)


def _patterns(logical: str, properties: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    patterns = tuple(json.loads(one["Pattern"]) for one in filters)
    for pattern in patterns:
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise TemplateError(f"{logical}, FilterCriteria: {error}") from None
    return patterns


def _mappings(
    template: Template, resolver: Resolver, service: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the logical id and the properties of each enabled mapping of a service's sources."""
    for logical, resource in template.of_type("AWS::Lambda::EventSourceMapping").items():
        properties = resolver.resolve(resource["Properties"])
        if properties.get("Enabled") is False:
            continue
        source = properties["EventSourceArn"].split(":")[2]
        if source == service:
            yield logical, properties
        elif source not in ("sqs", "dynamodb"):
            raise TemplateError(f"{logical}: the local platform does not support {source} sources")
