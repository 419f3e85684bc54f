"""Every statement of every policy, read one by one: who may do what to which resource.

A statement that is not in these tables, or is there otherwise, fails; so a right is given here too.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

Statement = tuple[object, ...]
Resources = dict[str, dict[str, Any]]

ACCOUNT = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
PLAIN_HTTP = {"Bool": {"aws:SecureTransport": False}}
FOLDERS = (
    "RecordingsBucket.Arn/recordings/*",
    "RecordingsBucket.Arn/transcripts/*",
)
SIGNING = ("secretsmanager:GetSecretValue", "SigningSecret")
APPLICATION = ("secretsmanager:GetSecretValue", "ApplicationSecret")
SWITCHBOARD = ("secretsmanager:GetSecretValue", "SwitchboardSecret")
KEEPING = {
    "ReadSigningSecret": SIGNING,
    "ReadSwitchboard": SWITCHBOARD,
    "KeepEvent": ("dynamodb:PutItem", "EventsTable.Arn"),
    "SetEventAside": ("sqs:SendMessage", "OverflowQueue.Arn"),
    "AskForRecording": ("sqs:SendMessage", "RecordingsQueue.Arn"),
}
# Beside writing to its own log group, which every one may.
FUNCTIONS: dict[str, dict[str, Statement]] = {
    "Answer": {"ReadSigningSecret": SIGNING, "ReadSwitchboard": SWITCHBOARD},
    "Dtmf": {**KEEPING},
    "Asr": {**KEEPING},
    "Notification": {**KEEPING},
    "Event": {**KEEPING},
    "Recordings": {**KEEPING},
    "Fallback": {},
    "Heartbeat": {"ReadSigningSecret": SIGNING},
    "Drain": {
        "KeepEvent": ("dynamodb:PutItem", "EventsTable.Arn"),
        "TakeFromOverflow": (
            ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
            "OverflowQueue.Arn",
        ),
    },
    "FetchRecording": {
        "ReadApplicationSecret": APPLICATION,
        "KeepEventAndArchiveRecord": (
            ("dynamodb:PutItem", "dynamodb:GetItem"),
            "EventsTable.Arn",
        ),
        "StoreRecording": (("s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"), FOLDERS),
        "SeeWhatIsStored": (
            ("s3:ListBucket", "s3:ListBucketMultipartUploads"),
            "RecordingsBucket.Arn",
        ),
        "TakeFromQueue": (
            (
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
            ),
            "RecordingsQueue.Arn",
        ),
        "GiveUp": ("sqs:SendMessage", "RecordingsDeadLetterQueue.Arn"),
    },
    "Calls": {
        "ReadApplicationSecret": APPLICATION,
        "ReadAndWriteSwitchboard": (
            ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
            "SwitchboardSecret",
        ),
        "ReadWhatWasKept": (
            "dynamodb:Query",
            (
                "EventsTable.Arn",
                "EventsTable.Arn/index/by-leg",
                "EventsTable.Arn/index/by-day",
            ),
        ),
        "ClaimAndCount": (
            ("dynamodb:PutItem", "dynamodb:UpdateItem"),
            "EventsTable.Arn",
            {
                "ForAllValues:StringLike": {
                    "dynamodb:LeadingKeys": ["dialling", "idempotency#*"],
                }
            },
        ),
        "LinkToRecordings": ("s3:GetObject", FOLDERS),
    },
}
# Who may do what to a resource, or may not: beside action and resource, the principal comes first.
OF_RESOURCES: dict[str, dict[str, Statement]] = {
    "RecordingsBucketPolicy": {
        "OnlyOverTls": (
            "Deny",
            "*",
            "s3:*",
            ("RecordingsBucket.Arn", "RecordingsBucket.Arn/*"),
            PLAIN_HTTP,
        ),
        "NeverDeleted": ("Deny", "*", "s3:DeleteBucket", "RecordingsBucket.Arn"),
    },
    "QueuePolicy": {"OnlyOverTls": ("Deny", "*", "sqs:*", "*", PLAIN_HTTP)},
    "AlarmTopicPolicy": {
        "LetAlarmsPublish": (
            "Allow",
            {"Service": "cloudwatch.amazonaws.com"},
            "sns:Publish",
            "AlarmTopic",
            ACCOUNT,
        ),
        "OnlyOverTls": ("Deny", "*", "sns:Publish", "AlarmTopic", PLAIN_HTTP),
    },
    "AlarmKey": {
        # In a key's own policy the resource is the key.
        "LeaveItToTheAccountsPolicies": (
            "Allow",
            {"AWS": "arn:aws:iam::123456789012:root"},
            "kms:*",
            "*",
        ),
        "LetAlarmsPublish": (
            "Allow",
            {"Service": "cloudwatch.amazonaws.com"},
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            "*",
            ACCOUNT,
        ),
    },
    # It is attached to nothing, and allows what everybody may do anyway.
    "SettingsMark": {"NothingThatMatters": ("Allow", None, "sts:GetCallerIdentity", "*")},
}


def of_type(resources: Resources, kind: str) -> set[str]:
    return {name for name, one in resources.items() if one["Type"] == kind}


def rights_of(role: dict[str, Any]) -> dict[str, Statement]:
    """Give the statements of a role, all of which allow something."""
    (policy,) = role["Properties"]["Policies"]
    found = policy["PolicyDocument"]["Statement"]
    assert {one["Effect"] for one in found} == {"Allow"}
    return {one["Sid"]: _rest(one) for one in found}


def rights_on(policy: dict[str, Any]) -> dict[str, Statement]:
    """Give the statements of a policy that stands at a resource."""
    properties = policy["Properties"]
    document = properties.get("PolicyDocument") or properties["KeyPolicy"]
    return {
        one["Sid"]: (one["Effect"], one.get("Principal"), *_rest(one))
        for one in document["Statement"]
    }


def _rest(statement: dict[str, Any]) -> Statement:
    known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert set(statement) <= known, "NotAction and its like allow what nobody named"
    both = tuple(
        tuple(one) if isinstance(one, list) else one
        for one in (statement["Action"], statement["Resource"])
    )
    return (*both, statement["Condition"]) if "Condition" in statement else both


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_may_do_what_its_function_does_and_nothing_else(
    production: Resources, function: str
) -> None:
    own_logs = (("logs:CreateLogStream", "logs:PutLogEvents"), f"{function}Logs.Arn")
    wanted = {"WriteOwnLogs": own_logs, **FUNCTIONS[function]}
    assert rights_of(production[f"{function}Role"]) == wanted


def test_there_is_no_other_role_but_codedeploys(production: Resources) -> None:
    roles = {f"{function}Role" for function in FUNCTIONS}
    assert of_type(production, "AWS::IAM::Role") == roles | {"CodeDeployServiceRole"}


def test_codedeploy_has_the_policy_that_aws_keeps_for_it(production: Resources) -> None:
    role = production["CodeDeployServiceRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [
        "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"
    ]
    assert "Policies" not in role
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": ["codedeploy.amazonaws.com"]}


def test_a_role_of_a_function_is_for_lambda_alone(production: Resources) -> None:
    for function in FUNCTIONS:
        document = production[f"{function}Role"]["Properties"]["AssumeRolePolicyDocument"]
        assert document["Statement"] == [
            {
                "Sid": "RunAsLambda",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]


@pytest.mark.parametrize("name", OF_RESOURCES)
def test_a_resource_lets_in_whom_it_must_and_nobody_else(production: Resources, name: str) -> None:
    assert rights_on(production[name]) == OF_RESOURCES[name]


def test_there_is_no_other_policy(production: Resources) -> None:
    found = {
        name
        for name, one in production.items()
        if {"PolicyDocument", "KeyPolicy", "ResourcePolicy"} & set(one.get("Properties", {}))
    }
    assert found == set(OF_RESOURCES)


def test_functions_are_invoked_by_the_api_and_the_clock_alone(production: Resources) -> None:
    invoking = {
        production[name]["Properties"]["Principal"]
        for name in of_type(production, "AWS::Lambda::Permission")
    }
    assert invoking == {"apigateway.amazonaws.com", "events.amazonaws.com"}
    for name in of_type(production, "AWS::Lambda::Permission"):
        permission = production[name]["Properties"]
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["SourceArn"]


@pytest.mark.parametrize(
    "planted",
    [
        {"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "WriteOwnLogs", "Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ],
)
def test_a_planted_statement_would_be_seen(production: Resources, planted: dict[str, Any]) -> None:
    role = copy.deepcopy(production["FallbackRole"])
    before = rights_of(role)
    role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(planted)
    assert rights_of(role) != before
