"""The admin API in process: the table of the template in moto, and a fake Vonage."""

from __future__ import annotations

import functools
import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlencode

import requests
from requests.adapters import BaseAdapter

from calls.idempotency import IdempotencyStore
from calls.routes import ROUTES, Services, make_handler
from calls.settings import from_environment
from calls.switchboard_secret import SwitchboardSecret
from dispatch.flow_runner import flow_names
from local.aws import template
from records.event import event_item, parse_event
from records.reader import RecordReader
from tests.openapi.conformance import check_exchange
from tests.support.context import FakeLambdaContext
from tests.support.environment import stack
from tests.support.gateway_events import DOMAIN, http_event
from voicekit.webhook import read
from vonage_client import VoiceClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[3]
BASE_URL = f"https://{DOMAIN}"
NUMBER = "447700900123"
LEG = "63f61863-4a51-4f6b-86e1-46edebcf9356"
CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
PLACED = {
    "uuid": LEG,
    "status": "started",
    "direction": "outbound",
    "conversation_uuid": CONVERSATION,
}
VONAGE_CALL = PLACED | {
    "to": {"type": "phone", "number": NUMBER},
    "from": {"type": "phone", "number": "447700900000"},
}
NOON = 1_800_000_000.0


class VonageRequest(NamedTuple):
    """A request that reached Vonage."""

    method: str
    path: str
    query: str
    body: Any


class FakeVoiceApi(BaseAdapter):
    """A Voice API that places each call, unless `next_results` has another result.

    Attributes
    ----------
    requests
        The requests that reached it.
    next_results
        The results of the next requests: responses, or exceptions to raise.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[VonageRequest] = []
        self.next_results: list[requests.Response | BaseException] = []

    @property
    def calls_placed(self) -> int:
        """How many calls it was requested to place."""
        return sum(one.method == "POST" for one in self.requests)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        path, _mark, query = str(request.path_url).partition("?")
        body = json.loads(request.body) if request.body else None
        self.requests.append(VonageRequest(request.method or "", path, query, body))
        if self.next_results:
            result = self.next_results.pop(0)
            if isinstance(result, BaseException):
                raise result
            return result
        if request.method == "POST":
            return vonage_response(201, PLACED)
        if path.endswith(("/talk", "/stream")) or re.fullmatch(".*/calls/[^/]*/dtmf", path):
            return vonage_response(200, {"message": "Accepted", "uuid": LEG})
        return (
            vonage_response(200, VONAGE_CALL) if request.method == "GET" else vonage_response(204)
        )

    def close(self) -> None:
        """Do nothing."""


def vonage_response(status: int, body: Any = None, **headers: str) -> requests.Response:
    """Return a response of the Voice API."""
    made = requests.Response()
    made.status_code = status
    made._content = b"" if body is None else json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


class FixedToken:
    """A token source that always returns the same token."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def get(self) -> str:
        if self.error is not None:
            raise self.error
        return "token"

    def refresh_after_401(self, _refused: str) -> None:
        return None


class Faulty:
    """A boto3 client with operations that fail: `fails` has their next exceptions."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.fails: dict[str, list[BaseException]] = {}

    def __getattr__(self, operation: str) -> Any:
        if self.fails.get(operation):
            error = self.fails[operation].pop(0)

            def fail(**_: Any) -> None:
                raise error

            return fail
        return getattr(self._client, operation)


class HarnessResponse(NamedTuple):
    """A response of the admin API."""

    status: int
    headers: dict[str, str]
    body: Any
    text: str


class ApiHarness:
    """An admin API with its own table. ``environment`` changes the settings."""

    def __init__(self, make_client: Callable[[str], Any], **environment: str) -> None:
        self.table = f"events-{uuid.uuid4()}"
        self.bucket = f"recordings-{uuid.uuid4()}"
        self.now = NOON
        self.pauses: list[float] = []
        self.plain = make_client("dynamodb")
        self.dynamodb = Faulty(self.plain)
        self._s3 = make_client("s3")
        region = {"LocationConstraint": "eu-west-2"}
        self._s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        self.vonage = FakeVoiceApi()
        self.tokens = FixedToken()
        self._make_table()
        plain = make_client("secretsmanager")
        self.switchboard = plain.create_secret(Name=str(uuid.uuid4()), SecretString="{}")["ARN"]
        self.secrets = Faulty(plain)
        self.configure(**environment)

    def configure(self, **environment: str) -> None:
        """Restart the function with other settings and the same table."""
        settings = from_environment(
            stack(TABLE_NAME=self.table, ALLOWED_PREFIXES="44", DENIED_PREFIXES="449")
            | {
                "SWITCHBOARD_SECRET_ID": self.switchboard,
                "APPLICATION_SECRET_ID": "application",
                "BUCKET_NAME": self.bucket,
                "CALLS_PER_DAY": "100",
                "FOREIGN_ANSWER_URLS": "refuse",
                "ALLOWED_SIP_DOMAINS": "pbx.example.com",
                "AGENT": "wss://x.example/s",
            }
            | environment
        )
        http = requests.Session()
        http.mount("https://", self.vonage)
        idempotency = IdempotencyStore(
            self.dynamodb,
            self.table,
            settings.calls_per_day,
            settings.stack.keep_events_days,
            now=lambda: self.now,
            sleep=self.pauses.append,
            chance=lambda: 1.0,
        )
        tokens: Any = self.tokens
        services = Services(
            settings=settings,
            switchboard=SwitchboardSecret(self.secrets, settings.stack, flow_names),
            idempotency=idempotency,
            records=RecordReader(self.dynamodb, self._s3, self.table, self.bucket),
            vonage=VoiceClient(http, tokens, sleep=self.pauses.append),
            tokens=tokens,
            sleep=self.pauses.append,
        )
        self._handler = make_handler(lambda: services)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        version: str | None = None,
        query: Mapping[str, Any] | str = "",
        signed: bool = True,
    ) -> HarnessResponse:
        """Send a request, as API Gateway passes it to the function."""
        raw = (
            body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        )
        text = query if isinstance(query, str) else urlencode(query)
        event = http_event(method, path, body=raw, query=text)
        # As API Gateway does, which matches the route and decodes its parameters.
        uuid_path = re.fullmatch("(/calls|/recordings)/([^/]+)(.*)", path)
        if uuid_path:
            before, encoded, after = uuid_path.groups()
            path = f"{before}/{{uuid}}{after}"
            event["pathParameters"] = {"uuid": unquote(encoded)}
        event["routeKey"] = f"{method} {path}"
        if key is not None:
            event["headers"]["idempotency-key"] = key
        if version is not None:
            event["headers"]["if-match"] = version
        if signed:
            arn = "arn:aws:iam::123456789012:user/operator"
            event["requestContext"]["authorizer"] = {"iam": {"userArn": arn}}
        return self.invoke(event)

    def invoke(self, event: dict[str, Any]) -> HarnessResponse:
        """Invoke the function with an event, and compare the response with docs/openapi.json."""
        result = self._handler(event, FakeLambdaContext())
        status, headers, text = result["statusCode"], result["headers"], result["body"]
        if event.get("routeKey") in ROUTES:
            headers_in_lower_case = {name.lower(): value for name, value in headers.items()}
            sent = read(event).body if status < 300 else None
            check_exchange(event["routeKey"], sent, status, headers_in_lower_case, text)
        return HarnessResponse(status, headers, json.loads(text) if text else None, text)

    def place(self, key: str | None = None, **changes: Any) -> HarnessResponse:
        """Place a call; a field that is None is left out."""
        return self.send("POST", "/calls", call(**changes), key=key or str(uuid.uuid4()))

    def change(self, body: Any) -> HarnessResponse:
        """Change the call `LEG`."""
        return self.send("PUT", f"/calls/{LEG}", body)

    def transfer(self, **destination: Any) -> HarnessResponse:
        """Transfer the call `LEG`."""
        return self.change({"action": "transfer", "destination": destination})

    def set_dialing(self, state: str) -> None:
        """Turn outbound dialing on or off, bypassing the API."""
        self.write_switchboard(f'{{"dialling": "{state}"}}')

    def write_switchboard(self, text: str) -> None:
        """Store a switchboard, bypassing the API, as in the AWS console."""
        self.secrets.put_secret_value(SecretId=self.switchboard, SecretString=text)

    def store_event(self, **fields: Any) -> None:
        """Store an event, as the webhook functions do."""
        body = json.dumps(fields, ensure_ascii=False)
        item = event_item(parse_event(fields), body, "POST", self.now, 30)
        self.put_item(item)

    def put_item(self, fields: Mapping[str, str | int | float]) -> None:
        """Put an item."""
        typed = {
            name: {"S": value} if isinstance(value, str) else {"N": str(value)}
            for name, value in fields.items()
        }
        self.plain.put_item(TableName=self.table, Item=typed)

    def delete_partition(self, partition: str) -> None:
        """Delete the items of a call, as the table does when they expire."""
        condition = {"KeyConditionExpression": "pk = :pk"}
        values = {":pk": {"S": partition}}
        found = self.plain.query(
            TableName=self.table, **condition, ExpressionAttributeValues=values
        )
        for item in found["Items"]:
            key = {name: item[name] for name in ("pk", "sk")}
            self.plain.delete_item(TableName=self.table, Key=key)

    def put_object(self, key: str, content: bytes) -> None:
        """Store a file in the bucket."""
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def callees_counted(self, day: str) -> int:
        """Return the number of callees that were counted on a day."""
        key = {"pk": {"S": "dialling"}, "sk": {"S": day}}
        found = self.plain.get_item(TableName=self.table, Key=key).get("Item")
        return int(found["calls"]["N"]) if found else 0

    def _make_table(self) -> None:
        self.plain.create_table(TableName=self.table, **_table_properties())


@functools.cache
def _table_properties() -> dict[str, Any]:
    resource = template.read(ROOT / "template.yaml", "eu-west-2", {}, {}).resources["EventsTable"]
    names = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes")
    return {name: resource["Properties"][name] for name in names}


def call(**changes: Any) -> dict[str, Any]:
    """Return the body of a request that places a call; a field that is None is left out."""
    body = {"to": [{"type": "phone", "number": NUMBER}], "flow": "greet"} | changes
    return {name: value for name, value in body.items() if value is not None}


def connect(number: str = "449000000000", **endpoint: Any) -> dict[str, Any]:
    """Return a connect action; the default number is outside the dial policy."""
    return {"action": "connect", "endpoint": [{"type": "phone", "number": number, **endpoint}]}
