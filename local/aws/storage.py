"""Create the template's tables, buckets and queues in moto, through the API of each service.

moto's CloudFormation would import the models of every service, which takes longer than the rest of
moto's start.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, ParamValidationError

from local.aws.constants import STACK
from local.aws.template import Resolver, TemplateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.aws.moto_server import MotoServer
    from local.aws.template import Template

# The properties that matter here: those about throughput, encryption and backups do not.
_OF_TABLE = ("AttributeDefinitions", "KeySchema")
_OF_INDEX = ("IndexName", "KeySchema", "Projection")


def create_storage(
    server: MotoServer, template: Template
) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Create the tables, buckets and queues; return their names and their attributes.

    Raises
    ------
    TemplateError
        If a property is invalid, or refers to something that does not exist locally.
    """
    names: dict[str, str] = {}
    attributes: dict[tuple[str, str], str] = {}
    pending = _existing(template)
    while pending:
        resolver = Resolver(template, names, attributes)
        postponed: list[str] = []
        for logical in pending:
            resource = template.resources[logical]
            try:
                properties = resolver.resolve(resource.get("Properties", {}))
            except TemplateError as error:
                postponed.append(logical)  # until what it refers to exists
                reason = f"{logical}: {error}"
                continue
            names[logical], own = _create(server, resource["Type"], logical, properties)
            attributes |= {(logical, name): value for name, value in own.items()}
        if postponed == pending:
            raise TemplateError(reason)
        pending = postponed
    return names, attributes


def _existing(template: Template) -> list[str]:
    """Return the logical ids of the resources whose condition holds."""
    resolver = Resolver(template, {}, {})
    return [
        logical
        for kind in _CREATE
        for logical, resource in template.of_type(kind).items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    ]


def _create(
    server: MotoServer, kind: str, logical: str, properties: dict[str, Any]
) -> tuple[str, dict[str, str]]:
    """Create a resource; return the value of Ref and those of Fn::GetAtt."""
    try:
        return _CREATE[kind](server, f"{STACK}-{logical}", properties)
    except (ClientError, ParamValidationError) as error:
        raise TemplateError(f"{logical}: {error}") from None


def _create_table(
    server: MotoServer, name: str, properties: dict[str, Any]
) -> tuple[str, dict[str, str]]:
    settings = _only(_OF_TABLE, properties)
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if kind in properties:
            settings[kind] = [_only(_OF_INDEX, one) for one in properties[kind]]
    if "StreamSpecification" in properties:
        settings["StreamSpecification"] = {"StreamEnabled": True} | _only(
            ["StreamViewType"], properties["StreamSpecification"]
        )
    name = properties.get("TableName", name)
    table = server.client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", **settings
    )["TableDescription"]
    stream = {"StreamArn": table["LatestStreamArn"]} if "LatestStreamArn" in table else {}
    return name, {"Arn": table["TableArn"]} | stream


def _create_bucket(
    server: MotoServer, name: str, properties: dict[str, Any]
) -> tuple[str, dict[str, str]]:
    name = properties.get("BucketName", name.lower())
    client = server.client("s3")
    region = client.meta.region_name
    # S3 refuses the name of its first region.
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    return name, {"Arn": f"arn:aws:s3:::{name}"}


def _create_queue(
    server: MotoServer, name: str, properties: dict[str, Any]
) -> tuple[str, dict[str, str]]:
    client = server.client("sqs")
    url = client.create_queue(
        QueueName=properties.pop("QueueName", name),
        tags={one["Key"]: one["Value"] for one in properties.pop("Tags", [])},
        Attributes={key: _text(value) for key, value in properties.items()},
    )["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    # Requests to a queue go to its URL, so the URL must be this server's.
    return server.url + urlsplit(url).path, {"Arn": arn["Attributes"]["QueueArn"]}


def _only(names: Sequence[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {name: properties[name] for name in names if name in properties}


def _text(value: Any) -> str:
    """Return a property as SQS takes an attribute: an object as JSON, a bool in lower case."""
    return value if isinstance(value, str) else json.dumps(value)


_CREATE = {
    "AWS::DynamoDB::Table": _create_table,
    "AWS::S3::Bucket": _create_bucket,
    "AWS::SQS::Queue": _create_queue,
}
