"""Every statement of every policy: which role or principal may do what to which resource.

A statement that is missing from these tables, or differs from them, fails. So a new right is added
here too.
"""

from __future__ import annotations

import copy
from fnmatch import fnmatchcase
from typing import Any

import pytest

from records.idempotency_item import IDEMPOTENCY_PREFIX, daily_count_key
from records.recording_item import item_key
from tests.support.transformed_template import EVERYTHING, resources

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
IDEMPOTENCY_KEYS = ["dialling", "idempotency#*"]
RECORDING_KEY = "recording#*"


def only_keys(*patterns: str) -> dict[str, Any]:
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}


def no_keys(*patterns: str) -> dict[str, Any]:
    return {"ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": list(patterns)}}


PUT_EVENT = ("dynamodb:PutItem", "EventsTable.Arn", no_keys(*IDEMPOTENCY_KEYS, RECORDING_KEY))
# The log group that a role writes to, and its other statements.
ROLES: dict[str, tuple[str, dict[str, Statement]]] = {
    "AnswerRole": ("WebhookLogs", {"ReadSigningSecret": SIGNING, "ReadSwitchboard": SWITCHBOARD}),
    "WebhookRole": (
        "WebhookLogs",
        {
            "ReadSigningSecret": SIGNING,
            "ReadSwitchboard": SWITCHBOARD,
            "PutEvent": PUT_EVENT,
            "SendToOverflowQueue": ("sqs:SendMessage", "OverflowQueue.Arn"),
            "QueueRecording": ("sqs:SendMessage", "RecordingsQueue.Arn"),
        },
    ),
    "FallbackRole": ("WebhookLogs", {}),
    "PublishEventsRole": (
        "PublishEventsLogs",
        {
            "ReadSigningSecret": SIGNING,
            "ReadSwitchboard": SWITCHBOARD,
            "ReadStream": (
                (
                    "dynamodb:DescribeStream",
                    "dynamodb:GetRecords",
                    "dynamodb:GetShardIterator",
                    "dynamodb:ListStreams",
                ),
                "EventsTable.Arn/stream/*",
            ),
            "QueryEvents": (
                "dynamodb:Query",
                ("EventsTable.Arn", "EventsTable.Arn/index/by-leg"),
            ),
            "ReadTranscript": ("s3:GetObject", FOLDERS[1]),
            "SendToAndReceiveFromCallEventsQueue": (
                (
                    "sqs:SendMessage",
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                ),
                "CallEventsQueue.Arn",
            ),
            "SendToDeadLetterQueue": ("sqs:SendMessage", "CallEventsDeadLetterQueue.Arn"),
            "PublishEvents": ("events:PutEvents", "EventBus.Arn"),
            "SendMail": ("sns:Publish", "NotificationTopic"),
        },
    ),
    "ListenRole": (
        "ListenLogs",
        {"ReadSigningSecret": SIGNING, "LinkToRecordings": ("s3:GetObject", FOLDERS[0])},
    ),
    "HeartbeatRole": ("HeartbeatLogs", {"ReadSigningSecret": SIGNING}),
    "DrainRole": (
        "DrainLogs",
        {
            "PutEvent": PUT_EVENT,
            "ReceiveFromOverflowQueue": (
                ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
                "OverflowQueue.Arn",
            ),
        },
    ),
    "FetchRecordingRole": (
        "FetchRecordingLogs",
        {
            "ReadApplicationSecret": APPLICATION,
            "StoreEventAndRecordingItem": (
                ("dynamodb:PutItem", "dynamodb:GetItem"),
                "EventsTable.Arn",
                no_keys(*IDEMPOTENCY_KEYS),
            ),
            "StoreRecording": (
                ("s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"),
                FOLDERS,
            ),
            "ListRecordings": (
                ("s3:ListBucket", "s3:ListBucketMultipartUploads"),
                "RecordingsBucket.Arn",
            ),
            "ReceiveFromRecordingsQueue": (
                (
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ChangeMessageVisibility",
                ),
                "RecordingsQueue.Arn",
            ),
            "SendToDeadLetterQueue": ("sqs:SendMessage", "RecordingsDeadLetterQueue.Arn"),
        },
    ),
    "CallsRole": (
        "CallsLogs",
        {
            "ReadApplicationSecret": APPLICATION,
            "ReadAndWriteSwitchboard": (
                ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
                "SwitchboardSecret",
            ),
            "QueryEvents": (
                "dynamodb:Query",
                (
                    "EventsTable.Arn",
                    "EventsTable.Arn/index/by-leg",
                    "EventsTable.Arn/index/by-day",
                ),
            ),
            "GetEvents": ("dynamodb:BatchGetItem", "EventsTable.Arn"),
            "WriteIdempotencyRecordAndCount": (
                ("dynamodb:PutItem", "dynamodb:UpdateItem"),
                "EventsTable.Arn",
                only_keys(*IDEMPOTENCY_KEYS),
            ),
            "LinkToRecordings": ("s3:GetObject", FOLDERS),
        },
    ),
}
ROLE_OF = {
    "AnswerFunction": "AnswerRole",
    "DtmfFunction": "WebhookRole",
    "AsrFunction": "WebhookRole",
    "NotificationFunction": "WebhookRole",
    "EventFunction": "WebhookRole",
    "RecordingsFunction": "WebhookRole",
    "FallbackFunction": "FallbackRole",
    "DrainFunction": "DrainRole",
    "FetchRecordingFunction": "FetchRecordingRole",
    "CallsFunction": "CallsRole",
    "HeartbeatFunction": "HeartbeatRole",
    "PublishEventsFunction": "PublishEventsRole",
    "ListenFunction": "ListenRole",
}
# Policies of resources: the effect and the principal come before action and resource.
RESOURCE_POLICIES: dict[str, dict[str, Statement]] = {
    "RecordingsBucketPolicy": {
        "DenyInsecureTransport": (
            "Deny",
            "*",
            "s3:*",
            ("RecordingsBucket.Arn", "RecordingsBucket.Arn/*"),
            PLAIN_HTTP,
        ),
        "DenyDeleteBucket": ("Deny", "*", "s3:DeleteBucket", "RecordingsBucket.Arn"),
    },
    "QueuePolicy": {"DenyInsecureTransport": ("Deny", "*", "sqs:*", "*", PLAIN_HTTP)},
    "CallEventsQueuePolicy": {
        "DenyInsecureTransport": ("Deny", "*", "sqs:*", "*", PLAIN_HTTP),
        "AllowFlowFailedRule": (
            "Allow",
            {"Service": "events.amazonaws.com"},
            "sqs:SendMessage",
            "CallEventsQueue.Arn",
            {"ArnEquals": {"aws:SourceArn": "FlowFailedRule.Arn"}},
        ),
    },
    "NotificationTopicPolicy": {
        "DenyInsecureTransport": ("Deny", "*", "sns:Publish", "NotificationTopic", PLAIN_HTTP),
    },
    "AlarmTopicPolicy": {
        "AllowAlarmsToPublish": (
            "Allow",
            {"Service": "cloudwatch.amazonaws.com"},
            "sns:Publish",
            "AlarmTopic",
            ACCOUNT,
        ),
        "DenyInsecureTransport": ("Deny", "*", "sns:Publish", "AlarmTopic", PLAIN_HTTP),
    },
    "AlarmKey": {
        # In a key policy, the resource is the key.
        "AllowAccountPolicies": (
            "Allow",
            {"AWS": "arn:aws:iam::123456789012:root"},
            "kms:*",
            "*",
        ),
        "AllowAlarmsToPublish": (
            "Allow",
            {"Service": "cloudwatch.amazonaws.com"},
            ("kms:Decrypt", "kms:GenerateDataKey*"),
            "*",
            ACCOUNT,
        ),
    },
    # No role has these policies, and every identity has their permission anyway.
    "SettingsMark": {"AllowGetCallerIdentity": ("Allow", None, "sts:GetCallerIdentity", "*")},
    "AgentMark": {"AllowGetCallerIdentity": ("Allow", None, "sts:GetCallerIdentity", "*")},
}


def of_type(resources: Resources, kind: str) -> set[str]:
    return {name for name, one in resources.items() if one["Type"] == kind}


def statements_of_role(role: dict[str, Any]) -> dict[str, Statement]:
    (policy,) = role["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert {one["Effect"] for one in statements} == {"Allow"}
    return {one["Sid"]: _rest(one) for one in statements}


def statements_of_resource(policy: dict[str, Any]) -> dict[str, Statement]:
    properties = policy["Properties"]
    document = properties.get("PolicyDocument") or properties["KeyPolicy"]
    return {
        one["Sid"]: (one["Effect"], one.get("Principal"), *_rest(one))
        for one in document["Statement"]
    }


def _rest(statement: dict[str, Any]) -> Statement:
    known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert set(statement) <= known, "NotAction, NotResource and NotPrincipal are not allowed"
    action_and_resource = tuple(
        tuple(one) if isinstance(one, list) else one
        for one in (statement["Action"], statement["Resource"])
    )
    condition = (statement["Condition"],) if "Condition" in statement else ()
    return (*action_and_resource, *condition)


# Roles


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_exactly_these_rights(production: Resources, role: str) -> None:
    logs, statements = ROLES[role]
    write_logs = (("logs:CreateLogStream", "logs:PutLogEvents"), f"{logs}.Arn")
    assert statements_of_role(production[role]) == {"WriteLogs": write_logs, **statements}


def test_each_function_has_the_role_for_it_and_writes_to_the_log_group_of_the_role(
    production: Resources,
) -> None:
    functions = of_type(production, "AWS::Lambda::Function")
    assert functions == set(ROLE_OF)
    for name in functions:
        function = production[name]["Properties"]
        assert function["Role"] == f"{ROLE_OF[name]}.Arn"
        logs, _ = ROLES[ROLE_OF[name]]
        assert function["LoggingConfig"]["LogGroup"] == logs, name


def test_no_webhook_function_may_read_the_application_secret(production: Resources) -> None:
    readers = {
        function
        for function, role in ROLE_OF.items()
        if "ApplicationSecret" in str(production[role]["Properties"]["Policies"])
    }
    assert readers == {"CallsFunction", "FetchRecordingFunction"}


def test_only_a_stack_with_an_address_may_send_mails(development: Resources) -> None:
    statements = statements_of_role(development["PublishEventsRole"])
    assert set(ROLES["PublishEventsRole"][1]) - set(statements) == {"SendMail"}
    queue = statements_of_resource(development["CallEventsQueuePolicy"])
    assert set(queue) == {"DenyInsecureTransport"}


def test_the_only_other_role_is_codedeploys(production: Resources) -> None:
    assert of_type(production, "AWS::IAM::Role") == {*ROLES, "CodeDeployServiceRole"}


def test_codedeploy_has_the_managed_policy_for_it(production: Resources) -> None:
    role = production["CodeDeployServiceRole"]["Properties"]
    assert role["ManagedPolicyArns"] == [
        "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"
    ]
    assert "Policies" not in role
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": ["codedeploy.amazonaws.com"]}


@pytest.mark.parametrize("role", ROLES)
def test_only_lambda_may_assume_a_functions_role_which_has_no_managed_policy(
    production: Resources, role: str
) -> None:
    properties = production[role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    assert properties["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Sid": "RunAsLambda",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_only_the_roles_that_run_flows_get_the_policy_of_flows() -> None:
    policy = "arn:aws:iam::123456789012:policy/flows"
    stack = resources(**EVERYTHING, FlowPolicyArn=policy)
    attached = {
        role: stack[role]["Properties"].get("ManagedPolicyArns")
        for role in of_type(stack, "AWS::IAM::Role") - {"CodeDeployServiceRole"}
    }
    runs_flows = {"AnswerRole", "WebhookRole"}
    assert {role for role, arns in attached.items() if arns == [policy]} == runs_flows
    assert not any(arns for role, arns in attached.items() if role not in runs_flows)


RUNTIME = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/voice-a1B2c3D4e5"


@pytest.mark.parametrize("agent", ["", "wss://bot.example.com/ws", RUNTIME])
def test_only_the_roles_that_run_flows_may_invoke_the_agent_if_it_is_a_runtime(agent: str) -> None:
    stack = resources(**EVERYTHING, Agent=agent)
    invoke = "bedrock-agentcore:InvokeAgentRuntimeWithWebSocketStream"
    found = {role: statements_of_role(stack[role]).get("InvokeAgent") for role in ROLES}
    allowed = (invoke, (RUNTIME, f"{RUNTIME}/*")) if agent == RUNTIME else None
    runs_flows = {"AnswerRole", "WebhookRole"}
    assert found == {role: allowed if role in runs_flows else None for role in ROLES}


KEYS = {
    "event": "CON-4b8b1f0e-0d4c-4d4a-9a3e-1f2e3d4c5b6a",
    "event without a conversation": "unknown#2026-01-31",
    "daily counter": daily_count_key("2026-01-31")["pk"],
    "idempotency record": f"{IDEMPOTENCY_PREFIX}one",
    "recording": item_key("aa-bb")["pk"],
}
EVENTS = {"event", "event without a conversation"}


@pytest.mark.parametrize(
    ("role", "items"),
    [
        ("WebhookRole", EVENTS),
        ("DrainRole", EVENTS),
        ("FetchRecordingRole", {*EVENTS, "recording"}),
        ("CallsRole", {"daily counter", "idempotency record"}),
        ("AnswerRole", set()),
        ("FallbackRole", set()),
        ("HeartbeatRole", set()),
        ("PublishEventsRole", set()),
        ("ListenRole", set()),
    ],
)
def test_a_role_may_put_these_items_and_no_others(
    production: Resources, role: str, items: set[str]
) -> None:
    (policy,) = production[role]["Properties"]["Policies"]
    statements = [
        one
        for one in policy["PolicyDocument"]["Statement"]
        if "dynamodb:PutItem" in (one["Action"], *one["Action"])
    ]
    assert {name for name, key in KEYS.items() if any(allows(s, key) for s in statements)} == items


def allows(statement: dict[str, Any], key: str) -> bool:
    """Return whether a statement's only condition allows a partition key."""
    ((operator, condition),) = statement["Condition"].items()
    matched = any(fnmatchcase(key, one) for one in condition["dynamodb:LeadingKeys"])
    return {"ForAllValues:StringLike": matched, "ForAllValues:StringNotLike": not matched}[operator]


def test_the_conditions_name_the_keys_that_the_code_writes() -> None:
    assert [daily_count_key("2026-01-31")["pk"], f"{IDEMPOTENCY_PREFIX}*"] == IDEMPOTENCY_KEYS
    assert item_key("aa-bb")["pk"].startswith(RECORDING_KEY.removesuffix("*"))


# Policies of resources


@pytest.mark.parametrize("name", RESOURCE_POLICIES)
def test_a_resources_policy_has_exactly_these_statements(production: Resources, name: str) -> None:
    assert statements_of_resource(production[name]) == RESOURCE_POLICIES[name]


def test_there_is_no_other_policy(production: Resources) -> None:
    policies = {
        name
        for name, one in production.items()
        if {"PolicyDocument", "KeyPolicy", "ResourcePolicy"} & set(one.get("Properties", {}))
    }
    assert policies == set(RESOURCE_POLICIES)


def test_only_the_api_and_the_schedule_invoke_functions(production: Resources) -> None:
    permissions = [
        production[name]["Properties"] for name in of_type(production, "AWS::Lambda::Permission")
    ]
    assert {one["Principal"] for one in permissions} == {
        "apigateway.amazonaws.com",
        "events.amazonaws.com",
    }
    assert {one["Action"] for one in permissions} == {"lambda:InvokeFunction"}
    assert all(one["SourceArn"] for one in permissions)


@pytest.mark.parametrize(
    "statement",
    [
        {"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "WriteLogs", "Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ],
)
def test_these_tests_find_an_added_statement(
    production: Resources, statement: dict[str, Any]
) -> None:
    role = copy.deepcopy(production["FallbackRole"])
    before = statements_of_role(role)
    role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(statement)
    assert statements_of_role(role) != before
