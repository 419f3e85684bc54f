"""The IAM role of the admin API in template.yaml allows exactly what the function does."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from calls.app import secret_of
from local.aws.template import read
from records.recording_item import ArchiveKey, FileInfo, recording_item
from tests.unit.calls.api_harness import CONVERSATION, LEG, NUMBER, ROOT, ApiHarness, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDING = "30cf9a4f-5f4a-4c4a-9c4a-1a2b3c4d5e6f"
_BY_PART = {"Put": "PutItem", "Update": "UpdateItem"}


class Action(NamedTuple):
    """An AWS action, its resource in the template, and its partition key in the table."""

    action: str
    resource: str
    key: str | None


class Recorder:
    """Records the operations of boto3 clients."""

    def __init__(self, api: ApiHarness) -> None:
        self.actions: set[Action] = set()
        self._tables = {api.table: "EventsTable"}
        self._secrets = {api.switchboard: "SwitchboardSecret"}

    def record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Record one operation; a transaction is recorded as its parts."""
        service, operation = model.service_model.service_name, model.name
        if operation == "TransactWriteItems":
            for part in params["TransactItems"]:
                ((kind, one),) = part.items()
                self._record_table(_BY_PART[kind], one)
        elif operation == "BatchGetItem":
            for table in params["RequestItems"]:
                self._record_table(operation, {"TableName": table})
        elif service == "dynamodb":
            self._record_table(operation, params)
        elif service == "s3":
            self.actions.add(Action(f"s3:{operation}", f"RecordingsBucket/{params['Key']}", None))
        else:
            secret = self._secrets.get(params["SecretId"], params["SecretId"])
            self.actions.add(Action(f"{service}:{operation}", secret, None))

    def _record_table(self, operation: str, params: dict[str, Any]) -> None:
        index = params.get("IndexName")
        where = self._tables[params["TableName"]] + (f"/index/{index}" if index else "")
        item = params.get("Key") or params.get("Item")
        key = item["pk"]["S"] if item else None
        self.actions.add(Action(f"dynamodb:{operation}", where, key))


@pytest.fixture
def actions(make_client: Callable[[str], Any]) -> Iterator[set[Action]]:
    """Return the actions of all routes that use AWS."""
    api = ApiHarness(make_client)
    secrets = make_client("secretsmanager")
    secrets.create_secret(Name="ApplicationSecret", SecretString="{}")
    api.store_event(
        status="started",
        uuid=LEG,
        conversation_uuid=CONVERSATION,
        timestamp="2027-01-15T08:00:00Z",
    )
    for kind in ("record", "transcription"):
        content = FileInfo(1, "0" * 64, "0" * 8, "audio/mpeg", None, None)
        place = ArchiveKey(kind, CONVERSATION, RECORDING)
        purpose = {"purpose": "voicemail"}
        api.put_item(recording_item(place, content, purpose, api.now, 30))
    recorder = Recorder(api)
    clients = [make_client(name) for name in ("dynamodb", "s3", "secretsmanager")]
    for client in clients:
        client.meta.events.register("before-parameter-build", recorder.record, unique_id="recorder")
    statuses = [
        api.place("k").status,
        api.place("k").status,
        api.transfer(ncco=[connect(NUMBER)]).status,
        api.send("GET", f"/calls/{LEG}/events").status,
        api.send("GET", "/history", query="day=2027-01-15").status,
        api.send("GET", "/voicemails", query="month=2027-01").status,
        api.send("GET", f"/recordings/{RECORDING}").status,
        api.send("PUT", "/switchboard", {"dialling": "on"}).status,
        api.send("GET", "/switchboard").status,
    ]
    secret_of(secrets, "ApplicationSecret")()
    for client in clients:
        client.meta.events.unregister("before-parameter-build", unique_id="recorder")
    secrets.delete_secret(SecretId="ApplicationSecret", ForceDeleteWithoutRecovery=True)
    assert statuses == [201, 201, 204, 200, 200, 200, 200, 200, 200]
    yield recorder.actions


@pytest.fixture(scope="module")
def statements() -> list[dict[str, Any]]:
    role = read(ROOT / "template.yaml", "eu-west-2", {}, {}).resources["CallsRole"]
    (policy,) = role["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return [it for it in found if "Logs" not in it["Sid"]]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resource(value: dict[str, Any]) -> str:
    """Return a resource of the template in one form: `EventsTable/index/by-leg`."""
    if "Fn::Sub" in value:
        return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", value["Fn::Sub"])
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


def allows(statement: dict[str, Any], one: Action) -> bool:
    keys = json.loads(json.dumps(statement.get("Condition", {})))
    patterns = keys.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ["*"])
    return (
        one.action in many(statement["Action"])
        and any(fnmatchcase(one.resource, resource(it)) for it in many(statement["Resource"]))
        and (one.key is None or any(fnmatchcase(one.key, pattern) for pattern in patterns))
    )


def test_every_action_of_the_function_is_allowed(
    actions: set[Action], statements: list[dict[str, Any]]
) -> None:
    assert not [one for one in actions if not any(allows(it, one) for it in statements)]


def test_every_allowed_action_is_used(
    actions: set[Action], statements: list[dict[str, Any]]
) -> None:
    for statement in statements:
        for action in many(statement["Action"]):
            for where in many(statement["Resource"]):
                only = {"Action": action, "Resource": where}
                assert any(allows(only, one) for one in actions), (action, where)
