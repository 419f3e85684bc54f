"""The transformed template: nothing that protects data or callers may vanish."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import template as templates
from tests.support.transformed_template import EVERYTHING, TEMPLATE, outputs
from tests.template.updates import VERSIONED

if TYPE_CHECKING:
    from pathlib import Path

ROOT = TEMPLATE.parent
Resources = dict[str, dict[str, Any]]

WEBHOOKS = ("Answer", "Dtmf", "Asr", "Notification", "Event", "Recordings", "Fallback")
ADMIN_ROUTES = {
    "/calls": ["get", "post"],
    "/calls/{uuid}": ["get", "put"],
    "/calls/{uuid}/talk": ["delete", "put"],
    "/calls/{uuid}/stream": ["delete", "put"],
    "/calls/{uuid}/dtmf": ["put"],
    "/calls/{uuid}/input/dtmf": ["delete", "put"],
    "/calls/{uuid}/events": ["get"],
    "/history": ["get"],
    "/voicemails": ["get"],
    "/recordings/{uuid}": ["get"],
    "/switchboard": ["get", "put"],
}
LINK = "/listen/{token}"  # of a mail; its token is its authorization
# Requests a second, and a burst; every other route of the admin API has those of GET /calls.
LIMITS = {
    "POST /webhooks/event": (200, 400),
    "GET /webhooks/event": (200, 400),
    "POST /webhooks/recordings": (50, 100),
    "GET /webhooks/recordings": (50, 100),
    "POST /calls": (5, 100),
    "GET /switchboard": (5, 10),
    "PUT /switchboard": (1, 10),
    "GET /listen/{token}": (5, 20),
}
# Megabytes, seconds, and whether it has the layer.
FUNCTIONS = {
    "answer": (1769, 6, False),
    "dtmf": (1769, 6, False),
    "asr": (1769, 6, False),
    "notification": (1769, 6, False),
    "event": (512, 10, False),
    "recordings": (512, 10, False),
    "fallback": (256, 3, False),
    "drain": (512, 30, False),
    "fetch_recording": (1024, 300, True),
    "calls": (1024, 28, True),
    "heartbeat": (256, 20, False),
    "publish_events": (512, 30, True),
    "listen": (512, 10, False),
}


@pytest.fixture(scope="module")
def template() -> templates.Template:
    return templates.read(TEMPLATE, "eu-west-1", {"Stage": "production"}, {})


@pytest.fixture(scope="module")
def resources(template: templates.Template) -> Resources:
    return template.resources


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: it for name, it in resources.items() if it["Type"] == kind}


def properties(resources: Resources, name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[name]["Properties"]
    return found


# Functions


def test_every_function_has_its_memory_timeout_and_layers(production: Resources) -> None:
    assert {
        one["Properties"]["Handler"].removesuffix(".app.handler"): (
            one["Properties"]["MemorySize"],
            one["Properties"]["Timeout"],
            bool(one["Properties"].get("Layers")),
        )
        for one in of_type(production, "AWS::Lambda::Function").values()
    } == FUNCTIONS


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_every_function_runs_on_the_processor_of_the_parameter_and_python_3_13(
    template: templates.Template, architecture: str
) -> None:
    values = template.parameters | {"Architecture": architecture}
    resolver = templates.Resolver(template, values, {})
    for function in of_type(template.resources, "AWS::Lambda::Function").values():
        assert resolver.resolve(function["Properties"]["Architectures"]) == [architecture]
        assert function["Properties"]["Runtime"] == "python3.13"


def test_every_function_logs_json_at_level_info(production: Resources) -> None:
    for function in of_type(production, "AWS::Lambda::Function").values():
        logging = function["Properties"]["LoggingConfig"]
        assert (logging["LogFormat"], logging["ApplicationLogLevel"]) == ("JSON", "INFO")
        assert logging["SystemLogLevel"] == "WARN"


def test_every_log_group_follows_the_stage_with_its_retention(
    production: Resources, development: Resources
) -> None:
    for resources, days in ((production, 365), (development, 30)):
        groups = of_type(resources, "AWS::Logs::LogGroup").values()
        assert {group["Properties"]["RetentionInDays"] for group in groups} == {days}


def test_the_access_log_has_no_query_string(production: Resources) -> None:
    stage = properties(production, "ApiApiGatewayDefaultStage")
    assert properties(production, "ApiLogs")["LogGroupName"] == "/aws/vendedlogs/voice-local-api"
    logged = set(re.findall(r"\$context\.(\w+)", stage["AccessLogSettings"]["Format"]))
    assert logged == {
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "responseLatency",
        "integrationLatency",
        "integrationErrorMessage",
        "responseLength",
    }


@pytest.mark.parametrize(
    ("mapping", "queue", "batch", "concurrency"),
    [
        ("DrainFunctionOverflow", "OverflowQueue", 10, 2),
        ("FetchRecordingFunctionRecordings", "RecordingsQueue", 1, 3),
        ("PublishEventsFunctionQueue", "CallEventsQueue", 5, 2),
    ],
)
def test_a_queue_invokes_its_function_which_reports_failed_messages(
    production: Resources, mapping: str, queue: str, batch: int, concurrency: int
) -> None:
    assert properties(production, mapping) == {
        "EventSourceArn": f"{queue}.Arn",
        "FunctionName": f"{mapping.partition('Function')[0]}FunctionAliaslive",
        "BatchSize": batch,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": concurrency},
    }


def test_the_tables_stream_invokes_publish_events(production: Resources) -> None:
    mapping = properties(production, "PublishEventsFunctionStream")
    filters = [one["Pattern"] for one in mapping.pop("FilterCriteria")["Filters"]]
    assert len(filters) <= 5  # the limit of an event source mapping
    assert {tuple(json.loads(one)["eventName"]) for one in filters} == {("INSERT",)}
    assert mapping == {
        "EventSourceArn": "EventsTable.StreamArn",
        "FunctionName": "PublishEventsFunctionAliaslive",
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    stream = properties(production, "EventsTable")["StreamSpecification"]
    assert stream == {"StreamViewType": "NEW_IMAGE"}


def test_settings_without_a_parameter_have_these_values(production: Resources) -> None:
    settings: dict[str, str] = {}
    for function in of_type(production, "AWS::Lambda::Function").values():
        settings |= function["Properties"]["Environment"]["Variables"]
    assert {name: settings[name] for name in sorted(LITERALS)} == LITERALS


LITERALS = {
    "ANSWER_GET_HASH": "report",
    "CONFERENCE_NAME": "reception",
    "FLOW_TIME_LIMIT": "2500",
    "FOREIGN_ANSWER_URLS": "refuse",
    "MAX_RECORDING_MEGABYTES": "1024",
    "RETRY_SECONDS": "60",
    "SETTLE_SECONDS": "30",
    "SIGNATURE_MAX_AGE": "300",
}


def test_the_template_does_not_set_the_host_of_the_local_platform() -> None:
    assert "VONAGE_LOCAL_HOST" not in TEMPLATE.read_text()


# Versions


def test_the_settings_mark_describes_every_version_and_is_in_every_environment(
    resources: Resources,
) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    versions = of_type(resources, "AWS::Lambda::Version").values()
    assert len(of_type(resources, "AWS::Lambda::Alias")) == len(functions) == len(versions)
    mark = {"Ref": "SettingsMark"}
    for version in versions:
        described = version["Properties"]["Description"]
        # That of publish_events has a word more where mails are sent.
        if version["Properties"]["FunctionName"] == {"Ref": "PublishEventsFunction"}:
            assert described["Fn::If"][1:] == [{"Fn::Sub": "${SettingsMark} notifies"}, mark]
        else:
            assert described == mark
    for function in functions.values():
        assert function["Properties"]["Environment"]["Variables"]["SETTINGS_MARK"] == mark


def test_a_replaced_version_is_retained(resources: Resources) -> None:
    for version in of_type(resources, "AWS::Lambda::Version").values():
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_function_has_no_property_that_no_version_has(resources: Resources) -> None:
    """SAM would publish a version for a changed tag or concurrency, and Lambda would refuse it.

    Tags belong into samconfig.toml, and docs/operate.md has a command for reserved concurrency.
    """
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert set(function["Properties"]) - VERSIONED == {"Tags"}
        assert function["Properties"]["Tags"] == [{"Key": "lambda:createdBy", "Value": "SAM"}]


def test_the_mark_has_a_number_and_every_parameter_of_a_function(
    template: templates.Template,
) -> None:
    number, *words = properties(template.resources, "SettingsMark")["Description"][
        "Fn::Sub"
    ].split()
    assert number.isdecimal()
    functions = json.dumps(list(of_type(template.resources, "AWS::Lambda::Function").values()))
    used = {
        f"${{{name}}}"
        for name in template.declared
        if json.dumps({"Ref": name}) in functions or f"${{{name}}}" in functions
    }
    # The id of another policy is in place of Agent, whose values would be too long.
    assert sorted(words) == sorted({*used, "${AgentMark.PolicyId}"} - {"${Agent}"})
    described = properties(template.resources, "AgentMark")["Description"]["Fn::Sub"]
    assert described == "Agent=${Agent}"


def test_the_mark_holds_the_longest_values_of_all_parameters(template: templates.Template) -> None:
    mark = properties(template.resources, "SettingsMark")["Description"]["Fn::Sub"]
    # The id of a policy has 21 characters (IAM User Guide: IAM identifiers).
    mark = mark.replace("${AgentMark.PolicyId}", "ANPA" + "X" * 17)
    names = re.findall(r"\$\{(\w+)\}", mark)
    rest = len(re.sub(r"\$\{\w+\}", "", mark))
    assert sum(_longest(template.declared[name]) for name in names) + rest <= 1000


def _longest(parameter: dict[str, Any]) -> int:
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        return len(str(parameter["MaxValue"]))
    if "MaxLength" in parameter:
        return int(parameter["MaxLength"])
    bounds = re.findall(r"\{\d+,(\d+)\}", parameter["AllowedPattern"])
    assert len(bounds) == 1, "the pattern has one bound, or the parameter a MaxLength"
    return int(bounds[0]) + 1


def test_a_changed_layer_publishes_every_function_that_uses_it(
    resources: Resources, tmp_path: Path
) -> None:
    # given the same template with other content in the layer
    changed = tmp_path / "template.yaml"
    uri = "ContentUri: layers/packages\n"
    changed.write_text(TEMPLATE.read_text().replace(uri, "ContentUri: layers/other\n"))
    after = templates.read(changed, "eu-west-1", {"Stage": "production"}, {}).resources
    # then each function with the layer gets a new version
    using = {
        name
        for name, function in of_type(after, "AWS::Lambda::Function").items()
        if "Layers" in function["Properties"]
    }
    assert using == {"CallsFunction", "FetchRecordingFunction", "PublishEventsFunction"}
    assert {name for name in using if _version(after, name) == _version(resources, name)} == set()


def _version(resources: Resources, function: str) -> str:
    """Return the logical id of a function's version."""
    (name,) = [
        name
        for name, it in of_type(resources, "AWS::Lambda::Version").items()
        if it["Properties"]["FunctionName"] == {"Ref": function}
    ]
    return name


# The API


def test_every_webhook_has_a_route_for_get_and_post(resources: Resources) -> None:
    paths = properties(resources, "Api")["Body"]["paths"]
    others = ADMIN_ROUTES.keys() | {LINK}
    webhooks = {path: sorted(it) for path, it in paths.items() if path not in others}
    assert list(paths[LINK]) == ["get"]
    assert webhooks == {f"/webhooks/{name.lower()}": ["get", "post"] for name in WEBHOOKS}


def test_only_the_admin_routes_need_an_iam_signature(resources: Resources) -> None:
    paths = properties(resources, "Api")["Body"]["paths"]
    signed = {
        path: sorted(it)
        for path, it in paths.items()
        if all(route.get("security") == [{"AWS_IAM": []}] for route in it.values())
    }
    assert signed == ADMIN_ROUTES
    webhooks = [it for path, it in paths.items() if path not in ADMIN_ROUTES]
    assert not [route for it in webhooks for route in it.values() if "security" in route]


def test_every_route_invokes_its_functions_alias_with_payload_format_2(
    production: Resources,
) -> None:
    for path, methods in properties(production, "Api")["Body"]["paths"].items():
        webhook = path.removeprefix("/webhooks/")
        function = "Calls" if path in ADMIN_ROUTES else webhook.capitalize()
        function = "Listen" if path == LINK else function
        for route in methods.values():
            integration = route["x-amazon-apigateway-integration"]
            assert integration["payloadFormatVersion"] == "2.0"
            assert f"/{function}FunctionAliaslive/" in integration["uri"]


def test_a_warning_about_a_path_parameter_does_not_fail_the_import(resources: Resources) -> None:
    """API Gateway warns of path parameters without a schema, as SAM's transform writes them."""
    paths = properties(resources, "Api")["Body"]["paths"]
    parameters = [
        one
        for methods in paths.values()
        for route in methods.values()
        for one in route.get("parameters", [])
    ]
    assert parameters
    assert not [one for one in parameters if "schema" in one]
    assert "FailOnWarnings" not in properties(resources, "Api")


def test_every_route_is_throttled_as_stated(resources: Resources) -> None:
    stage = properties(resources, "ApiApiGatewayDefaultStage")
    admin = {
        f"{method.upper()} {path}": (20, 40)
        for path, methods in ADMIN_ROUTES.items()
        for method in methods
    }
    limits = {
        route: (one["ThrottlingRateLimit"], one["ThrottlingBurstLimit"])
        for route, one in stage["RouteSettings"].items()
    }
    assert limits == admin | LIMITS
    callers = {"ThrottlingRateLimit": 500, "ThrottlingBurstLimit": 1000}
    assert stage["DefaultRouteSettings"] == callers


def test_a_route_with_settings_exists_and_is_removed_in_two_deployments(
    resources: Resources,
) -> None:
    """If a key vanishes here together with its route, an existing stack cannot be updated.

    docs/upgrade.md, "Rename or remove a route"; serverless-application-model issue 1939.
    """
    settings = properties(resources, "ApiApiGatewayDefaultStage")["RouteSettings"]
    admin = [
        f"{method.upper()} {path}" for path, methods in ADMIN_ROUTES.items() for method in methods
    ]
    assert set(settings) == {*admin, *LIMITS}
    routes = {
        f"{method.upper()} {path}"
        for path, methods in properties(resources, "Api")["Body"]["paths"].items()
        for method in methods
    }
    assert set(settings) <= routes


# Data


def test_the_logical_ids_of_stateful_resources_never_change(resources: Resources) -> None:
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
        "CallEventsQueue": "AWS::SQS::Queue",
        "CallEventsDeadLetterQueue": "AWS::SQS::Queue",
        "SigningSecret": "AWS::SecretsManager::Secret",
        "ApplicationSecret": "AWS::SecretsManager::Secret",
        "SwitchboardSecret": "AWS::SecretsManager::Secret",
    }


def test_the_table_is_on_demand_encrypted_recoverable_and_expires_items(
    resources: Resources,
) -> None:
    table = properties(resources, "EventsTable")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_tables_keys_and_indexes_never_change(resources: Resources) -> None:
    table = properties(resources, "EventsTable")
    indexes = {one["IndexName"]: one for one in table["GlobalSecondaryIndexes"]}
    assert {name: _keys(one) for name, one in {"": table, **indexes}.items()} == {
        "": ["pk", "sk"],
        "by-leg": ["leg", "sk"],
        "by-day": ["day", "sk"],
    }
    assert {one["AttributeType"] for one in table["AttributeDefinitions"]} == {"S"}
    assert indexes["by-leg"]["Projection"] == {"ProjectionType": "ALL"}
    assert indexes["by-day"]["Projection"] == {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": ["leg", "status", "direction", "from", "to", "duration"],
    }


def _keys(table: dict[str, Any]) -> list[str]:
    assert [one["KeyType"] for one in table["KeySchema"]] == ["HASH", "RANGE"]
    return [one["AttributeName"] for one in table["KeySchema"]]


@pytest.mark.parametrize("name", ["EventsTable", "RecordingsBucket"])
def test_table_and_bucket_outlive_their_stack(resources: Resources, name: str) -> None:
    # Except for a stack whose creation failed, which stored nothing.
    assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_bucket_is_private_encrypted_and_expires_objects(resources: Resources) -> None:
    bucket = properties(resources, "RecordingsBucket")
    assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    recordings, uploads = bucket["LifecycleConfiguration"]["Rules"]
    assert recordings["Status"] == uploads["Status"] == "Enabled"
    assert recordings["ExpirationInDays"] == {"Ref": "KeepRecordingsDays"}
    assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_bucket_sends_its_events_to_eventbridge(resources: Resources) -> None:
    notifications = properties(resources, "RecordingsBucket")["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_every_queue_is_encrypted_and_has_the_policy(resources: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    covered = properties(resources, "QueuePolicy")["Queues"]
    covered = [*covered, *properties(resources, "CallEventsQueuePolicy")["Queues"]]
    assert sorted(queue["Ref"] for queue in covered) == sorted(queues)
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue["Properties"]["MaximumMessageSize"] == 1024 * 1024


@pytest.mark.parametrize(
    ("function", "queue", "receives"),
    [
        ("Drain", "Overflow", 100),
        ("FetchRecording", "Recordings", 8),
        ("PublishEvents", "CallEvents", 100),
    ],
)
def test_a_message_is_hidden_for_six_timeouts_and_ends_in_the_dead_letter_queue(
    production: Resources, function: str, queue: str, receives: int
) -> None:
    timeout = properties(production, f"{function}Function")["Timeout"]
    found = properties(production, f"{queue}Queue")
    assert found["VisibilityTimeout"] == 6 * timeout
    assert found["RedrivePolicy"] == {
        "deadLetterTargetArn": f"{queue}DeadLetterQueue.Arn",
        "maxReceiveCount": receives,
    }


def test_the_first_values_of_the_secrets_never_change(resources: Resources) -> None:
    """CloudFormation would overwrite the user's keys at the next deployment."""
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


# Layers


def test_the_layer_is_for_both_processors(resources: Resources) -> None:
    (layer,) = of_type(resources, "AWS::Lambda::LayerVersion").values()
    assert "Condition" not in layer
    assert layer["Properties"]["CompatibleArchitectures"] == ["arm64", "x86_64"]
    assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
    assert layer["DeletionPolicy"] == "Delete"


def test_the_layer_pins_what_the_tests_run_with() -> None:
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


def test_no_file_with_pins_names_a_package_index() -> None:
    files = [*ROOT.glob("constraints*.txt"), ROOT / "pyproject.toml"]
    files += (ROOT / "layers").rglob("*.txt")
    assert not [path for path in files if re.search(r"index-url|https?://", path.read_text())]


# Parameters and outputs


def test_every_parameter_is_described_and_bounded(template: templates.Template) -> None:
    for parameter in template.declared.values():
        assert parameter["Description"]
        assert {"AllowedPattern", "AllowedValues", "MaxValue"} & set(parameter)


# Values that each parameter takes, and values that it refuses.
PARAMETERS: dict[str, tuple[list[str], list[str]]] = {
    "VonageNumber": (["", "447700900000"], ["+447700900000", "0447700900", "44 7700900000"]),
    "SecondNumber": (["", "447700900000"], ["+447700900000", "44770"]),
    "DefaultFlow": (["greet", "dtmf_menu"], ["", "Greet", "a/b"]),
    "NumberFlows": (
        ["", "447700900000=greet,12125550123=dtmf_menu"],
        ["greet", "12125550123=greet,"],
    ),
    "Language": (["en-US", "cmn-Hans-CN"], ["", "english", "en_US"]),
    "VonageApi": (["https://api-eu-4.vonage.com"], ["https://api.example.com"]),
    "AllowedPrefixes": (["", "44,1212"], ["+44", "44;1", "044"]),
    "DeniedPrefixes": (["", "44,1212"], ["+44", "44, 1"]),
    "AllowedSipDomains": (["", "sip.example.com,example.com"], ["a@example.com"]),
    "CallsPerDay": (["0", "99999"], ["-1", "100000"]),
    "Agent": (
        [
            "",
            "wss://bot.example.com",
            "wss://bot.example.com:8443/ws",
            "ws://127.0.0.1:8080/ws",
            "ws://[::1]/ws",
            "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/voice_agent-a1B2c3D4e5",
        ],
        [
            "https://bot.example.com",
            "ws://bot.example.com/ws",
            "ws://127a0a0.1/ws",
            "wss://user@bot.example.com/ws",
            "wss://bot.example.com/ws?key=1",
            "arn:aws:lambda:eu-west-1:123456789012:function:bot",
        ],
    ),
    "FlowPolicyArn": (
        ["", "arn:aws:iam::123456789012:policy/flows", "arn:aws-cn:iam::123456789012:policy/a/b"],
        ["flows", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::1:role/a"],
    ),
    "KeepEventsDays": (["1", "3650"], ["0", "3651"]),
    "KeepRecordingsDays": (["1", "3650"], ["0", "3651"]),
    "Stage": (["development", "staging", "production"], ["test"]),
    "GradualDeployment": (["production", "always", "never"], ["staging"]),
    "DeletionProtection": (["production", "always", "never"], ["staging"]),
    "Monitoring": (["production", "always", "never"], ["staging"]),
    "AlarmEmail": (["", "a@example.com"], ["example.com", "a b@example.com"]),
    "NotifyEmail": (["", "a@example.com"], ["example.com", "a b@example.com"]),
    "PublicBaseUrl": (
        [
            "",
            "https://a.example.com:8443/v",
            "https://a1b2c3d4e5.execute-api.us-gov-west-1.amazonaws.com",
            "https://a1b2c3d4e5.execute-api.cn-northwest-1.amazonaws.com.cn",
        ],
        ["http://a", "https://a/"],
    ),
    "DomainName": (["", "voice.example.com"], ["voice", "Voice.example.com"]),
    "CertificateArn": (["", EVERYTHING["CertificateArn"]], ["arn:aws:iam::1:role/a"]),
    "Architecture": (["arm64", "x86_64"], ["arm"]),
}


def test_every_parameter_takes_valid_values_only(template: templates.Template) -> None:
    assert list(PARAMETERS) == list(template.declared)
    for name, (valid, invalid) in PARAMETERS.items():
        parameter = template.declared[name]
        for value in (str(parameter["Default"]), *valid):
            templates._check(name, value, parameter)
        for value in invalid:
            with pytest.raises(templates.TemplateError, match=name):
                templates._check(name, value, parameter)


def test_the_outputs_are_the_addresses_and_names_that_users_need() -> None:
    url = "https://voice.example.com"
    console = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home"
    assert outputs(**EVERYTHING) == {
        "BaseUrl": url,
        "ApiUrl": "Api.ApiEndpoint",
        "AnswerUrl": f"{url}/webhooks/answer",
        "EventUrl": f"{url}/webhooks/event",
        "FallbackUrl": f"{url}/webhooks/fallback",
        "DomainTarget": "Domain.RegionalDomainName",
        "DomainTargetZone": "Domain.RegionalHostedZoneId",
        "AlarmTopicArn": "AlarmTopic",
        "DashboardUrl": f"{console}?region=eu-west-1#dashboards/dashboard/Dashboard",
        "TableName": "EventsTable",
        "BucketName": "RecordingsBucket",
        "RecordingsQueueUrl": "RecordingsQueue",
        "RecordingsDeadLetterQueueUrl": "RecordingsDeadLetterQueue",
        "OverflowQueueUrl": "OverflowQueue",
        "SigningSecretArn": "SigningSecret",
        "ApplicationSecretArn": "ApplicationSecret",
        "EventBusName": "EventBus.Name",
        "CallEventsQueueUrl": "CallEventsQueue",
        "CallEventsDeadLetterQueueUrl": "CallEventsDeadLetterQueue",
        "NotificationTopicArn": "NotificationTopic",
    }


def configured(environment: str) -> dict[str, str]:
    """Return the parameters that samconfig.toml sets in an environment."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    pairs = settings["deploy"]["parameters"]["parameter_overrides"].split()
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def test_samconfig_tags_every_stage_and_sets_no_unknown_parameter(
    template: templates.Template,
) -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    stages = template.declared["Stage"]["AllowedValues"]
    for stage in stages:
        environment = "default" if stage == "development" else stage
        tags = settings[environment]["deploy"]["parameters"]["tags"]
        assert tags == f"application=voice stage={stage}"
        assert configured(environment)["Stage"] == stage
        for name, value in configured(environment).items():
            templates._check(name, value, template.declared[name])
    deployed = [one for one in settings.values() if isinstance(one, dict) and "deploy" in one]
    assert len(deployed) == len(stages)


def test_only_development_can_be_synchronized_and_keeps_its_tags_and_layer() -> None:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    synced = {name for name, one in settings.items() if isinstance(one, dict) and "sync" in one}
    assert synced == {"default"}
    sync, deploy = (settings["default"][name]["parameters"] for name in ("sync", "deploy"))
    assert sync["tags"] == deploy["tags"]
    # By default, SAM moves the packages of each function into a layer of a nested stack.
    assert sync["dependency_layer"] is False


# Every `sam deploy` of the documentation with parameters, and `sam delete`: page and arguments.
SAM_COMMANDS = [
    (page.name, command)
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for command in re.findall(
        r"sam (?:deploy|delete)\b[^\n`]*", page.read_text().replace("\\\n", " ")
    )
]
WITH_PARAMETERS = [it for it in SAM_COMMANDS if "--parameter-overrides" in it[1]]


@pytest.mark.parametrize(("page", "command"), WITH_PARAMETERS)
def test_a_documented_command_drops_no_value_of_samconfig_and_sets_none_for_good(
    template: templates.Template, page: str, command: str
) -> None:
    """Parameters that neither names keep their value of the deployment before.

    The first deployment sets the reader's own values for good.
    """
    own = {"VonageNumber", "SecondNumber", "NotifyEmail", "Agent"}
    found = re.search(r"--config-env (\w+)", command)
    settings = configured(found[1] if found else "default")
    parameters = dict(re.findall(r"(\w+)=(\S+)", command))
    defaults = {name: str(one["Default"]) for name, one in template.declared.items()}
    assert parameters.get("Stage", defaults["Stage"]) == settings["Stage"], page
    needed = {name for name, value in settings.items() if value != defaults[name]}
    assert needed <= set(parameters) <= set(settings) | own, page


def test_the_runbook_has_commands_with_parameters() -> None:
    assert len({command for _, command in WITH_PARAMETERS}) >= 2


def test_the_pages_about_production_name_its_environment() -> None:
    commands = [command for page, command in SAM_COMMANDS if page == "operate.md"]
    assert commands
    assert [one for one in commands if "--config-env production" not in one] == []


# References


@pytest.mark.parametrize("stage", ["development", "production"])
def test_no_resources_refer_to_each_other_in_a_circle(stage: str) -> None:
    assert not in_a_circle(of_stage(stage))


def test_a_circle_through_an_alarm_on_the_api_is_found() -> None:
    resources = of_stage("production")
    resources["FunctionErrorsAlarm"]["Properties"]["Dimensions"] = [{"Value": {"Ref": "Api"}}]
    assert {"Api", "AnswerFunctionAliaslive"} <= in_a_circle(resources)


def of_stage(stage: str) -> Resources:
    return templates.read(TEMPLATE, "eu-west-1", {"Stage": stage}, {}).resources


def in_a_circle(resources: Resources) -> set[str]:
    """Return the resources that refer to themselves through others, and what refers to those.

    CloudFormation refuses a circle, but `sam validate --lint` does not find it.
    """
    needs = {name: _references(it, set(resources)) - {name} for name, it in resources.items()}
    while leaves := [name for name, needed in needs.items() if not needed]:
        for leaf in leaves:
            del needs[leaf]
        for needed in needs.values():
            needed.difference_update(leaves)
    return set(needs)


def _references(value: Any, names: set[str]) -> set[str]:
    """Return the resources that a part of the template refers to."""
    if isinstance(value, list):
        return set().union(*(_references(item, names) for item in value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(_references(item, names) for item in value.values()))
    depends = value.get("DependsOn", [])
    found.update([depends] if isinstance(depends, str) else depends)
    if "Ref" in value:
        found.add(value["Ref"])
    if "Fn::GetAtt" in value:
        attribute = value["Fn::GetAtt"]
        found.add(attribute.split(".")[0] if isinstance(attribute, str) else attribute[0])
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        found.update(re.findall(r"\$\{(\w+)", text))
    return found & names
