"""What the transformed template promises: nothing that guards data or callers may vanish."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.aws import template as templates

ROOT = Path(__file__).parents[2]
Resources = dict[str, dict[str, Any]]

WEBHOOKS = ("Answer", "Dtmf", "Asr", "Notification", "Event", "Recordings", "Fallback")
OWNERS = {
    "/calls": ["get", "post"],
    "/calls/{uuid}": ["get", "put"],
    "/calls/{uuid}/talk": ["delete", "put"],
    "/calls/{uuid}/stream": ["delete", "put"],
    "/calls/{uuid}/dtmf": ["put"],
    "/calls/{uuid}/input/dtmf": ["delete", "put"],
    "/calls/{uuid}/events": ["get"],
    "/history": ["get"],
    "/recordings/{uuid}": ["get"],
    "/switchboard": ["get", "put"],
}
KEEPING = ("Dtmf", "Asr", "Notification", "Event", "Recordings")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    path = ROOT / "template.yaml"
    made = templates.read(path, "eu-west-1", {}, {})
    return {
        "Resources": made.resources,
        "Outputs": made.outputs,
        "Parameters": made.declared,
        "Metadata": yaml_parse(path.read_text())["Metadata"],
    }


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> Resources:
    found: Resources = template["Resources"]
    return found


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: it for name, it in resources.items() if it["Type"] == kind}


def properties(resources: Resources, name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[name]["Properties"]
    return found


def statements(resources: Resources, function: str) -> list[dict[str, Any]]:
    (policy,) = properties(resources, f"{function}Role")["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def granted(resources: Resources, function: str) -> set[tuple[str, str]]:
    """Give each action that a function may take, with the resource that it may take it on."""
    pairs = set()
    for statement in statements(resources, function):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            pairs.add((action, json.dumps(statement["Resource"])))
    return pairs


# Roles


def test_every_function_has_a_role_of_its_own(resources: Resources) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    roles = [json.dumps(it["Properties"]["Role"]) for it in functions.values()]
    assert len(functions) == len(set(roles)) == len(of_type(resources, "AWS::IAM::Role"))


def test_no_role_carries_a_managed_policy(resources: Resources) -> None:
    roles = of_type(resources, "AWS::IAM::Role").values()
    assert not [role for role in roles if role["Properties"].get("ManagedPolicyArns")]


# What is in a bucket can only be named by a pattern; of ours, only by one of these.
_FOLDERS_OF_THE_BUCKET = re.compile(r"\$\{RecordingsBucket\.Arn\}/(?:recordings|transcripts)/\*")


def test_every_statement_of_a_role_has_a_sid_and_names_its_actions_and_resources(
    resources: Resources,
) -> None:
    for name in of_type(resources, "AWS::IAM::Role"):
        for statement in statements(resources, name.removesuffix("Role")):
            assert statement["Sid"]
            assert statement["Effect"] == "Allow"
            text = json.dumps([statement["Action"], statement["Resource"]])
            assert "*" not in _FOLDERS_OF_THE_BUCKET.sub("", text)


@pytest.mark.parametrize("function", ["Answer", *KEEPING])
def test_a_webhook_function_may_read_the_signing_secret_and_the_switchboard_alone(
    resources: Resources, function: str
) -> None:
    read = {on for action, on in granted(resources, function) if "secretsmanager" in action}
    assert read == {'{"Ref": "SigningSecret"}', '{"Ref": "SwitchboardSecret"}'}


def test_answer_may_do_nothing_but_read_its_two_secrets_and_log(resources: Resources) -> None:
    actions = {action for action, _ in granted(resources, "Answer")}
    assert actions == {
        "secretsmanager:GetSecretValue",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_fallback_may_do_nothing_but_log(resources: Resources) -> None:
    actions = {action for action, _ in granted(resources, "Fallback")}
    assert actions == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_fetching_recordings_may_do_what_it_does_and_nothing_else(resources: Resources) -> None:
    rights: dict[str, set[str]] = {}
    for action, on in granted(resources, "FetchRecording"):
        rights.setdefault(on, set()).add(action)
    folders = json.dumps(
        [
            {"Fn::Sub": f"${{RecordingsBucket.Arn}}/{name}/*"}
            for name in ("recordings", "transcripts")
        ]
    )
    assert rights == {
        '{"Fn::GetAtt": ["FetchRecordingLogs", "Arn"]}': {
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        },
        '{"Ref": "ApplicationSecret"}': {"secretsmanager:GetSecretValue"},
        '{"Fn::GetAtt": ["EventsTable", "Arn"]}': {"dynamodb:PutItem", "dynamodb:GetItem"},
        folders: {"s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"},
        '{"Fn::GetAtt": ["RecordingsBucket", "Arn"]}': {
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
        },
        '{"Fn::GetAtt": ["RecordingsQueue", "Arn"]}': {
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
        },
        '{"Fn::GetAtt": ["RecordingsDeadLetterQueue", "Arn"]}': {"sqs:SendMessage"},
    }


@pytest.mark.parametrize("function", KEEPING)
def test_a_function_that_keeps_events_may_write_them_and_send_to_two_queues(
    resources: Resources, function: str
) -> None:
    rights = granted(resources, function)
    assert ("dynamodb:PutItem", '{"Fn::GetAtt": ["EventsTable", "Arn"]}') in rights
    queues = {on for action, on in rights if action == "sqs:SendMessage"}
    assert queues == {
        '{"Fn::GetAtt": ["OverflowQueue", "Arn"]}',
        '{"Fn::GetAtt": ["RecordingsQueue", "Arn"]}',
    }


def test_the_owners_api_reads_the_application_secret_and_the_table_and_claims_and_links(
    resources: Resources,
) -> None:
    table = '{"Fn::GetAtt": ["EventsTable", "Arn"]}'
    rights = {one for one in granted(resources, "Calls") if "logs" not in one[0]}
    secrets = {one for one in rights if "secretsmanager" in one[0]}
    assert secrets == {
        ("secretsmanager:GetSecretValue", '{"Ref": "ApplicationSecret"}'),
        ("secretsmanager:GetSecretValue", '{"Ref": "SwitchboardSecret"}'),
        ("secretsmanager:PutSecretValue", '{"Ref": "SwitchboardSecret"}'),
    }
    by_action = dict(rights - secrets)
    assert set(by_action) == {
        "dynamodb:Query",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
    }
    written = ("dynamodb:PutItem", "dynamodb:UpdateItem")
    assert {by_action[action] for action in written} == {table}


def test_the_owners_api_can_change_no_event(resources: Resources) -> None:
    (writing,) = [it for it in statements(resources, "Calls") if "dynamodb:PutItem" in it["Action"]]
    keys = writing["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == ["dialling", "idempotency#*"]


# Functions


def test_every_function_logs_json_to_its_own_group_with_a_retention(resources: Resources) -> None:
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        logging = function["Properties"]["LoggingConfig"]
        group = name.removesuffix("Function") + "Logs"
        assert logging["LogGroup"] == {"Ref": group}
        assert (logging["LogFormat"], logging["ApplicationLogLevel"]) == ("JSON", "INFO")
        assert properties(resources, group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_log_group_has_a_retention(resources: Resources) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup").values()
    assert all("RetentionInDays" in group["Properties"] for group in groups)


def test_the_access_log_holds_no_query_string(resources: Resources) -> None:
    stage = properties(resources, "ApiApiGatewayDefaultStage")
    assert "vendedlogs" in json.dumps(properties(resources, "ApiLogs")["LogGroupName"])
    named = set(re.findall(r"\$context\.(\w+)", stage["AccessLogSettings"]["Format"]))
    assert named == {
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "responseLatency",
        "integrationLatency",
        "integrationErrorMessage",
        "responseLength",
    }


@pytest.mark.parametrize("function", WEBHOOKS)
def test_a_webhook_function_gives_up_no_later_than_vonage_does(
    resources: Resources, function: str
) -> None:
    waits = 10 if function in ("Event", "Recordings") else 6  # 5 s, and one to answer in
    assert properties(resources, f"{function}Function")["Timeout"] <= waits


def test_every_function_is_called_by_its_alias_and_described_by_the_mark(
    resources: Resources,
) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    versions = of_type(resources, "AWS::Lambda::Version").values()
    assert len(of_type(resources, "AWS::Lambda::Alias")) == len(functions) == len(versions)
    descriptions = [json.dumps(it["Properties"]["Description"]) for it in versions]
    assert all('{"Ref": "SettingsMark"}' in description for description in descriptions)


def test_every_parameter_of_a_function_is_part_of_the_mark(
    template: dict[str, Any], resources: Resources
) -> None:
    mark = properties(resources, "SettingsMark")["Description"]["Fn::Sub"]
    functions = json.dumps(list(of_type(resources, "AWS::Lambda::Function").values()))
    used = {name for name in template["Parameters"] if json.dumps({"Ref": name}) in functions} - {
        "ReservedConcurrency"
    }  # it belongs to the function, not to a version
    assert used == set(re.findall(r"\$\{(\w+)\}", mark))


def test_the_mark_holds_the_longest_values_of_all_parameters(
    template: dict[str, Any], resources: Resources
) -> None:
    mark = properties(resources, "SettingsMark")["Description"]["Fn::Sub"]
    names = re.findall(r"\$\{(\w+)\}", mark)
    longest = [_longest(template["Parameters"][name]) for name in names]
    assert sum(longest) + len(names) <= 1000


def _longest(parameter: dict[str, Any]) -> int:
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        return len(str(parameter["MaxValue"]))
    if "MaxLength" in parameter:
        return int(parameter["MaxLength"])
    bounds = re.findall(r"\{\d+,(\d+)\}", parameter["AllowedPattern"])
    assert len(bounds) == 1, "a pattern with one bound, or a MaxLength"
    return int(bounds[0]) + 1


def test_the_name_that_lets_the_local_platforms_host_in_is_nowhere_in_the_template() -> None:
    assert "VONAGE_LOCAL_HOST" not in (ROOT / "template.yaml").read_text()


# The API


def test_every_webhook_is_a_route_for_get_and_post(resources: Resources) -> None:
    paths = properties(resources, "Api")["Body"]["paths"]
    webhooks = {path: sorted(it) for path, it in paths.items() if path not in OWNERS}
    assert webhooks == {f"/webhooks/{name.lower()}": ["get", "post"] for name in WEBHOOKS}


def test_the_owners_routes_and_no_others_ask_for_a_signature_of_iam(resources: Resources) -> None:
    paths = properties(resources, "Api")["Body"]["paths"]
    signed = {
        path: sorted(it)
        for path, it in paths.items()
        if all(route.get("security") == [{"AWS_IAM": []}] for route in it.values())
    }
    assert signed == OWNERS
    open_ones = [it for path, it in paths.items() if path not in OWNERS]
    assert not [route for it in open_ones for route in it.values() if "security" in route]


def test_every_route_has_payload_format_2(resources: Resources) -> None:
    for methods in properties(resources, "Api")["Body"]["paths"].values():
        for route in methods.values():
            assert route["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"


def test_reports_are_throttled_more_tightly_than_callers(resources: Resources) -> None:
    stage = properties(resources, "ApiApiGatewayDefaultStage")
    callers = stage["DefaultRouteSettings"]["ThrottlingRateLimit"]
    routes = stage["RouteSettings"]
    reports = {
        f"{method} /webhooks/{door}"
        for method in ("GET", "POST")
        for door in ("event", "recordings")
    }
    owners = {f"{method.upper()} {path}" for path, methods in OWNERS.items() for method in methods}
    assert set(routes) == reports | owners
    assert all(route["ThrottlingRateLimit"] < callers for route in routes.values())


# What is kept


def test_the_logical_ids_of_what_holds_data_never_change(resources: Resources) -> None:
    stateful = {
        name: it["Type"]
        for name, it in resources.items()
        if it["Type"].split("::")[1] in ("DynamoDB", "S3", "SQS", "SecretsManager")
        and not it["Type"].endswith("Policy")
    }
    assert stateful == {
        "EventsTable": "AWS::DynamoDB::Table",
        "RecordingsBucket": "AWS::S3::Bucket",
        "RecordingsQueue": "AWS::SQS::Queue",
        "RecordingsDeadLetterQueue": "AWS::SQS::Queue",
        "OverflowQueue": "AWS::SQS::Queue",
        "OverflowDeadLetterQueue": "AWS::SQS::Queue",
        "SigningSecret": "AWS::SecretsManager::Secret",
        "ApplicationSecret": "AWS::SecretsManager::Secret",
        "SwitchboardSecret": "AWS::SecretsManager::Secret",
    }


def test_the_table_is_on_demand_encrypted_recoverable_and_forgets(resources: Resources) -> None:
    table = properties(resources, "EventsTable")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize("name", ["EventsTable", "RecordingsBucket"])
def test_what_is_kept_outlives_its_stack(resources: Resources, name: str) -> None:
    assert resources[name]["DeletionPolicy"] == "Retain"
    assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_bucket_is_private_encrypted_and_forgets(resources: Resources) -> None:
    bucket = properties(resources, "RecordingsBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert [set(rule) & {"ExpirationInDays", "AbortIncompleteMultipartUpload"} for rule in rules]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


@pytest.mark.parametrize("name", ["RecordingsBucketPolicy", "QueuePolicy", "AlarmTopicPolicy"])
def test_bucket_queues_and_topic_refuse_plain_http(production: Resources, name: str) -> None:
    found = properties(production, name)["PolicyDocument"]["Statement"]
    (statement,) = [one for one in found if one["Sid"] == "OnlyOverTls"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_every_queue_is_encrypted_and_covered_by_the_policy(resources: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    covered = properties(resources, "QueuePolicy")["Queues"]
    assert [queue["Ref"] for queue in covered] == list(queues)
    assert all(it["Properties"]["SqsManagedSseEnabled"] for it in queues.values())
    assert all(it["Properties"]["MessageRetentionPeriod"] == 1209600 for it in queues.values())


@pytest.mark.parametrize(
    ("function", "queue"), [("Drain", "OverflowQueue"), ("FetchRecording", "RecordingsQueue")]
)
def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_take(
    resources: Resources, function: str, queue: str
) -> None:
    timeout = properties(resources, f"{function}Function")["Timeout"]
    assert properties(resources, queue)["VisibilityTimeout"] >= 6 * timeout


def test_each_processor_has_its_own_layer_of_compiled_packages(resources: Resources) -> None:
    layers = of_type(resources, "AWS::Lambda::LayerVersion")
    compiled = {
        layer["Condition"]: layer["Properties"]["CompatibleArchitectures"]
        for layer in layers.values()
        if "Condition" in layer
    }
    assert compiled == {"RunsOnArm": ["arm64"], "RunsOnX86": ["x86_64"]}


def test_the_first_values_of_the_secrets_never_change(resources: Resources) -> None:
    """They would overwrite the user's keys at the next deployment."""
    assert {
        name: secret["Properties"]["SecretString"]
        for name, secret in of_type(resources, "AWS::SecretsManager::Secret").items()
    } == {
        "SigningSecret": '{"signature_secret": "", "previous_signature_secret": "",'
        ' "api_key": "", "application_id": ""}',
        "ApplicationSecret": '{"application_id": "", "private_key": ""}',
        "SwitchboardSecret": "{}",
    }


def test_no_secret_has_a_name(resources: Resources) -> None:
    secrets = of_type(resources, "AWS::SecretsManager::Secret").values()
    assert not [secret for secret in secrets if "Name" in secret["Properties"]]


# Outputs, parameters, the whole


def test_every_webhook_url_is_an_output(template: dict[str, Any]) -> None:
    outputs = set(template["Outputs"])
    assert {f"{name}Url" for name in WEBHOOKS} <= outputs
    assert {"TableName", "BucketName", "SigningSecretArn", "ApplicationSecretArn"} <= outputs


def test_every_parameter_is_described_bounded_and_grouped(template: dict[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    for parameter in template["Parameters"].values():
        assert parameter["Description"]
        assert {"AllowedPattern", "AllowedValues", "MaxValue"} & set(parameter)


@pytest.mark.parametrize("stage", ["development", "production"])
def test_nothing_refers_to_itself_in_a_circle(stage: str) -> None:
    assert not in_a_circle(of_stage(stage))


def test_an_alarm_on_the_api_that_rolls_back_would_be_seen_as_a_circle() -> None:
    made = of_stage("production")
    made["FunctionErrorsAlarm"]["Properties"]["Dimensions"] = [{"Value": {"Ref": "Api"}}]
    assert {"Api", "AnswerFunctionAliaslive"} <= in_a_circle(made)


def of_stage(stage: str) -> Resources:
    return templates.read(ROOT / "template.yaml", "eu-west-1", {"Stage": stage}, {}).resources


def in_a_circle(resources: Resources) -> set[str]:
    """Give what refers to itself by way of others, and what refers to that.

    CloudFormation refuses a circle, and `sam validate --lint` does not see it.
    """
    needs = {name: _needed(it, set(resources)) - {name} for name, it in resources.items()}
    while leaves := [name for name, needed in needs.items() if not needed]:
        for leaf in leaves:
            del needs[leaf]
        for needed in needs.values():
            needed.difference_update(leaves)
    return set(needs)


def _needed(value: Any, names: set[str]) -> set[str]:
    """Give the resources that a piece of the template refers to."""
    if isinstance(value, list):
        return set().union(*(_needed(item, names) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(_needed(item, names) for item in value.values()))
    depends = value.get("DependsOn", [])
    found.update([depends] if isinstance(depends, str) else depends)
    if "Ref" in value:
        found.add(value["Ref"])
    if "Fn::GetAtt" in value:
        got = value["Fn::GetAtt"]
        found.add(got.split(".")[0] if isinstance(got, str) else got[0])
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        found.update(re.findall(r"\$\{(\w+)", text))
    return found & names


@pytest.mark.parametrize("function", ["Answer", "Fallback", *KEEPING])
def test_a_function_that_a_caller_waits_for_has_no_layer(
    resources: Resources, function: str
) -> None:
    assert "Layers" not in properties(resources, f"{function}Function")


def test_the_layers_pin_what_the_tests_run_with() -> None:
    pins = _pins(ROOT / "constraints.txt")
    for requirements in (ROOT / "layers").glob("*/requirements.txt"):
        for name, version in _pins(requirements).items():
            assert pins[name] == version, f"{requirements.parent.name}: {name}"


def _pins(path: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    return {
        name.lower().replace("_", "-"): version
        for name, _, version in (line.partition("==") for line in lines if line)
    }


def test_no_file_of_pins_names_where_packages_come_from() -> None:
    files = [*ROOT.glob("constraints*.txt"), ROOT / "pyproject.toml"]
    files += (ROOT / "layers").rglob("*.txt")
    assert not [path for path in files if re.search(r"index-url|https?://", path.read_text())]


@pytest.mark.parametrize("layer", ["vonage", "powertools"])
def test_a_changed_layer_publishes_every_function_that_uses_it_anew(
    layer: str, resources: Resources, tmp_path: Path
) -> None:
    # given the same template with other content in one layer
    text = (ROOT / "template.yaml").read_text()
    changed = tmp_path / "template.yaml"
    changed.write_text(text.replace(f"ContentUri: layers/{layer}\n", "ContentUri: layers/new\n"))
    after = templates.read(changed, "eu-west-1", {}, {}).resources
    # when the versions of both are compared
    using = {
        name
        for name, function in of_type(after, "AWS::Lambda::Function").items()
        if any(
            other in json.dumps(function["Properties"].get("Layers"))
            for other in _new(after, resources)
        )
    }
    # then each function that has the layer gets a new version, or one that CloudFormation replaces
    assert using
    assert {name for name in using if _version(after, name) == _version(resources, name)} == set()


def _new(after: Resources, before: Resources) -> set[str]:
    return set(of_type(after, "AWS::Lambda::LayerVersion")) - set(before)


def _version(resources: Resources, function: str) -> tuple[str, Any]:
    """Give the logical id of a function's version, and the description that replaces it."""
    ((name, version),) = [
        (name, it["Properties"])
        for name, it in of_type(resources, "AWS::Lambda::Version").items()
        if it["Properties"]["FunctionName"] == {"Ref": function}
    ]
    return name, version["Description"]
