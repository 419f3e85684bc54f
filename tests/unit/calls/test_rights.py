"""The rights of the owner's API in template.yaml: what it does it may do, and no more."""

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


class Taken(NamedTuple):
    """An action that was taken: on which resource of the template, and under which table key."""

    action: str
    resource: str
    key: str | None


class Watch:
    """Writes down what boto3's clients are asked for."""

    def __init__(self, stage: ApiHarness) -> None:
        self.taken: set[Taken] = set()
        self._tables = {stage.table: "EventsTable"}
        self._secrets = {stage.switchboard: "SwitchboardSecret"}

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Take down one operation, a transaction as its parts."""
        service, operation = model.service_model.service_name, model.name
        if operation == "TransactWriteItems":
            for part in params["TransactItems"]:
                ((kind, one),) = part.items()
                self._note_table(_BY_PART[kind], one)
        elif service == "dynamodb":
            self._note_table(operation, params)
        elif service == "s3":
            self.taken.add(Taken(f"s3:{operation}", f"RecordingsBucket/{params['Key']}", None))
        else:
            secret = self._secrets.get(params["SecretId"], params["SecretId"])
            self.taken.add(Taken(f"{service}:{operation}", secret, None))

    def _note_table(self, operation: str, params: dict[str, Any]) -> None:
        index = params.get("IndexName")
        where = self._tables[params["TableName"]] + (f"/index/{index}" if index else "")
        item = params.get("Key") or params.get("Item")
        key = item["pk"]["S"] if item else None
        self.taken.add(Taken(f"dynamodb:{operation}", where, key))


@pytest.fixture
def taken(make_client: Callable[[str], Any]) -> Iterator[set[Taken]]:
    """What the function does when every route of it that reaches AWS is used."""
    stage = ApiHarness(make_client)
    secrets = make_client("secretsmanager")
    secrets.create_secret(Name="ApplicationSecret", SecretString="{}")
    stage.keep(status="started", uuid=LEG, conversation_uuid=CONVERSATION)
    for kind in ("record", "transcription"):
        content = FileInfo(1, "0" * 64, "0" * 8, "audio/mpeg", None, None)
        place = ArchiveKey(kind, CONVERSATION, RECORDING)
        stage.put(recording_item(place, content, {}, stage.now, 30))
    watch = Watch(stage)
    clients = [make_client(name) for name in ("dynamodb", "s3", "secretsmanager")]
    for client in clients:
        client.meta.events.register("before-parameter-build", watch.note, unique_id="watch")
    statuses = [
        stage.place("k").status,
        stage.place("k").status,
        stage.transfer(ncco=[connect(NUMBER)]).status,
        stage.ask("GET", f"/calls/{LEG}/events").status,
        stage.ask("GET", "/history", query="day=2027-01-15").status,
        stage.ask("GET", f"/recordings/{RECORDING}").status,
        stage.ask("PUT", "/switchboard", {"dialling": "on"}).status,
        stage.ask("GET", "/switchboard").status,
    ]
    secret_of(secrets, "ApplicationSecret")()
    for client in clients:
        client.meta.events.unregister("before-parameter-build", unique_id="watch")
    secrets.delete_secret(SecretId="ApplicationSecret", ForceDeleteWithoutRecovery=True)
    assert statuses == [201, 201, 204, 200, 200, 200, 200, 200]
    yield watch.taken


@pytest.fixture(scope="module")
def statements() -> list[dict[str, Any]]:
    role = read(ROOT / "template.yaml", "eu-west-2", {}, {}).resources["CallsRole"]
    (policy,) = role["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return [it for it in found if "Logs" not in it["Sid"]]


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resource(value: dict[str, Any]) -> str:
    """Give a resource of the template in one form: `EventsTable/index/by-leg`."""
    if "Fn::Sub" in value:
        return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", value["Fn::Sub"])
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


def allows(statement: dict[str, Any], one: Taken) -> bool:
    keys = json.loads(json.dumps(statement.get("Condition", {})))
    patterns = keys.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ["*"])
    return (
        one.action in many(statement["Action"])
        and any(fnmatchcase(one.resource, resource(it)) for it in many(statement["Resource"]))
        and (one.key is None or any(fnmatchcase(one.key, pattern) for pattern in patterns))
    )


def test_everything_it_does_it_may_do(taken: set[Taken], statements: list[dict[str, Any]]) -> None:
    assert not [one for one in taken if not any(allows(it, one) for it in statements)]


def test_everything_it_may_do_it_does(taken: set[Taken], statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        for action in many(statement["Action"]):
            for where in many(statement["Resource"]):
                only = {"Action": action, "Resource": where}
                assert any(allows(only, one) for one in taken), (action, where)
