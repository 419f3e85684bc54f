"""The tables, buckets and queues of a template are created with the properties that matter here."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.storage import create_storage
from local.aws.template import Template, TemplateError

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


def template(**resources: dict[str, Any]) -> Template:
    """Return a template with these resources, whose names are new."""
    declared = {"Few": {"Type": "Number", "Default": "3"}}
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
    return Template(resources, {"Few": "3"}, conditions, {}, declared, "eu-west-1")


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


async def test_a_queue_has_its_settings_and_moves_messages_to_one_that_follows(
    platform: LocalPlatform,
) -> None:
    one, dead = f"q{uuid.uuid4().hex}", f"d{uuid.uuid4().hex}"
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}
    made = template(
        One=queue(
            QueueName=one,
            VisibilityTimeout=7,
            SqsManagedSseEnabled=True,
            RedrivePolicy={**redrive, "maxReceiveCount": {"Ref": "Few"}},
        ),
        Dead=queue(QueueName=dead, Tags=[{"Key": "team", "Value": "voice"}]),
        Absent={**queue(QueueName="absent"), "Condition": "Never"},
    )
    names, attributes = await asyncio.to_thread(create_storage, platform.moto, made)
    assert set(names) == {"One", "Dead"}
    assert names["One"] == f"{platform.moto.url}/123456789012/{one}"
    client = platform.moto.client("sqs")
    found = client.get_queue_attributes(QueueUrl=names["One"], AttributeNames=["All"])["Attributes"]
    assert found["VisibilityTimeout"] == "7"
    policy = json.loads(found["RedrivePolicy"])
    assert policy["deadLetterTargetArn"] == attributes["Dead", "Arn"]
    assert int(policy["maxReceiveCount"]) == 3
    assert client.list_queue_tags(QueueUrl=names["Dead"])["Tags"] == {"team": "voice"}


async def test_a_table_has_its_indexes_and_its_stream(platform: LocalPlatform) -> None:
    name = f"t{uuid.uuid4().hex}"
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
    index = {"IndexName": "by-pk", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}
    throughput = {"ReadCapacityUnits": {"Ref": "Few"}, "WriteCapacityUnits": "1"}
    properties = {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": keys,
        "GlobalSecondaryIndexes": [{**index, "ProvisionedThroughput": throughput}],
        "ProvisionedThroughput": throughput,
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
        "SSESpecification": {"SSEEnabled": True},
    }
    made = template(Items={"Type": "AWS::DynamoDB::Table", "Properties": properties})
    names, attributes = await asyncio.to_thread(create_storage, platform.moto, made)
    table = platform.moto.client("dynamodb").describe_table(TableName=name)["Table"]
    assert names == {"Items": name}
    assert table["TableArn"] == attributes["Items", "Arn"]
    assert table["LatestStreamArn"] == attributes["Items", "StreamArn"]
    assert table["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert [one["IndexName"] for one in table["GlobalSecondaryIndexes"]] == ["by-pk"]


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"QueueName": {"Fn::GetAtt": ["Missing", "Arn"]}}, "One: .* has no Missing.Arn"),
        ({"QueueName": "two words"}, "One: .*CreateQueue"),
        ({"QueueName": 7}, "(?s)One: .*QueueName"),
    ],
)
async def test_an_invalid_property_is_an_error_with_the_resource(
    platform: LocalPlatform, properties: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TemplateError, match=problem):
        await asyncio.to_thread(create_storage, platform.moto, template(One=queue(**properties)))
