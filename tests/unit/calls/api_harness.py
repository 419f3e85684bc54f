"""The owner's API in this process: the template's table at moto's, and a Vonage that obeys."""

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
from calls.routes import Services, make_handler
from calls.settings import from_environment
from calls.switchboard_secret import SwitchboardSecret
from dispatch.flow_runner import flow_names
from local.aws.template import read
from records.event import event_item, parse_event
from records.reader import RecordReader
from tests.support.context import FakeLambdaContext
from tests.support.environment import stack
from tests.support.gateway_events import DOMAIN, http_event
from vonage_client import VoiceClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[3]
HERE = f"https://{DOMAIN}"
NUMBER = "447700900123"
LEG = "63f61863-4a51-4f6b-86e1-46edebcf9356"
CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
PLACED = {
    "uuid": LEG,
    "status": "started",
    "direction": "outbound",
    "conversation_uuid": CONVERSATION,
}
NOON = 1_800_000_000.0


class VonageRequest(NamedTuple):
    """A request that reached Vonage."""

    method: str
    path: str
    query: str
    body: Any


class FakeVoiceApi(BaseAdapter):
    """A Vonage that places each call, unless it is told of something else.

    Attributes
    ----------
    asked
        What reached it.
    next
        What becomes of the next requests: an answer, or an exception that is raised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[VonageRequest] = []
        self.next: list[requests.Response | BaseException] = []

    @property
    def dialled(self) -> int:
        """How many calls it was asked to place."""
        return sum(one.method == "POST" for one in self.asked)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        path, _mark, query = str(request.path_url).partition("?")
        body = json.loads(request.body) if request.body else None
        self.asked.append(VonageRequest(request.method or "", path, query, body))
        if self.next:
            told = self.next.pop(0)
            if isinstance(told, BaseException):
                raise told
            return told
        if request.method == "POST":
            return answer(201, PLACED)
        return answer(204) if request.method == "PUT" else answer(200, {})

    def close(self) -> None:
        """Keep nothing."""


def answer(status: int, body: Any = None, **headers: str) -> requests.Response:
    """Make an answer of Vonage's."""
    made = requests.Response()
    made.status_code = status
    made._content = b"" if body is None else json.dumps(body).encode()
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


class FixedToken:
    """Gives the same token always; what it is made of is the business of other tests."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def get(self) -> str:
        if self.error is not None:
            raise self.error
        return "token"

    def refresh_after_401(self, _refused: str) -> None:
        return None


class Faulty:
    """A boto3 client whose operations fail when they are told to; the others go through."""

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
    """What the API answered."""

    status: int
    headers: dict[str, str]
    body: Any


class ApiHarness:
    """An API with a table of its own. ``environment`` changes the stack's settings."""

    def __init__(self, make_client: Callable[[str], Any], **environment: str) -> None:
        self.table = f"events-{uuid.uuid4()}"
        self.bucket = "recordings"
        self.now = NOON
        self.pauses: list[float] = []
        self.plain = make_client("dynamodb")
        self.dynamodb = Faulty(self.plain)
        self._s3 = make_client("s3")
        self.vonage = FakeVoiceApi()
        self.tokens = FixedToken()
        self._make_table()
        plain = make_client("secretsmanager")
        self.switchboard = plain.create_secret(Name=str(uuid.uuid4()), SecretString="{}")["ARN"]
        self.secrets = Faulty(plain)
        self.settle_in(**environment)

    def settle_in(self, **environment: str) -> None:
        """Start the function anew, with other settings and the same table."""
        given = from_environment(
            stack(TABLE_NAME=self.table, ALLOWED_PREFIXES="44", DENIED_PREFIXES="449")
            | {
                "APPLICATION_SECRET_ID": "application",
                "BUCKET_NAME": self.bucket,
                "CALLS_PER_DAY": "100",
                "FOREIGN_ANSWER_URLS": "refuse",
                "ALLOWED_SIP_DOMAINS": "pbx.example.com",
            }
            | environment
        )
        http = requests.Session()
        http.mount("https://", self.vonage)
        claims = IdempotencyStore(
            self.dynamodb,
            self.table,
            given.calls_per_day,
            given.stack.keep_events_days,
            now=lambda: self.now,
            sleep=self.pauses.append,
            chance=lambda: 1.0,
        )
        tokens: Any = self.tokens
        desk = Services(
            settings=given,
            switchboard=SwitchboardSecret(self.secrets, self.switchboard, flow_names),
            idempotency=claims,
            records=RecordReader(self.dynamodb, self._s3, self.table, self.bucket),
            vonage=VoiceClient(http, tokens, sleep=self.pauses.append),
            tokens=tokens,
            sleep=self.pauses.append,
        )
        self._handler = make_handler(lambda: desk)

    def ask(
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
        """Send a request, as API Gateway passes it on."""
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
            arn = "arn:aws:iam::123456789012:user/owner"
            event["requestContext"]["authorizer"] = {"iam": {"userArn": arn}}
        return self.pass_on(event)

    def pass_on(self, event: dict[str, Any]) -> HarnessResponse:
        """Give an event to the function as it is."""
        got = self._handler(event, FakeLambdaContext())
        text = got["body"]
        return HarnessResponse(
            got["statusCode"], got["headers"], json.loads(text) if text else None
        )

    def place(self, key: str | None = None, **changes: Any) -> HarnessResponse:
        """Place a call; a field that is None is left out."""
        return self.ask("POST", "/calls", call(**changes), key=key or str(uuid.uuid4()))

    def change(self, body: Any) -> HarnessResponse:
        """Steer the call `LEG`."""
        return self.ask("PUT", f"/calls/{LEG}", body)

    def transfer(self, **destination: Any) -> HarnessResponse:
        """Transfer the call `LEG`."""
        return self.change({"action": "transfer", "destination": destination})

    def switch(self, state: str) -> None:
        """Switch dialling on or off, past the API."""
        self.write(f'{{"dialling": "{state}"}}')

    def write(self, text: str) -> None:
        """Write a switchboard past the API, as somebody may in the console."""
        self.secrets.put_secret_value(SecretId=self.switchboard, SecretString=text)

    def keep(self, **fields: Any) -> None:
        """Keep an event, as the webhook functions do."""
        made = event_item(parse_event(fields), json.dumps(fields), "POST", self.now, 30)
        self.put(made)

    def put(self, item_: Mapping[str, str | int | float]) -> None:
        """Write an item."""
        typed = {
            name: {"S": value} if isinstance(value, str) else {"N": str(value)}
            for name, value in item_.items()
        }
        self.plain.put_item(TableName=self.table, Item=typed)

    def rung(self, day: str) -> int:
        """Give how many telephones were counted on a day."""
        key = {"pk": {"S": "dialling"}, "sk": {"S": day}}
        found = self.plain.get_item(TableName=self.table, Key=key).get("Item")
        return int(found["calls"]["N"]) if found else 0

    def _make_table(self) -> None:
        self.plain.create_table(TableName=self.table, **_of_the_template())


@functools.cache
def _of_the_template() -> dict[str, Any]:
    wanted = read(ROOT / "template.yaml", "eu-west-2", {}, {}).resources["EventsTable"]
    names = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes")
    return {name: wanted["Properties"][name] for name in names}


def call(**changes: Any) -> dict[str, Any]:
    """Give the body of a request that places a call; a field that is None is left out."""
    body = {"to": [{"type": "phone", "number": NUMBER}], "flow": "greet"} | changes
    return {name: value for name, value in body.items() if value is not None}


def connect(number: str = "449000000000", **endpoint: Any) -> dict[str, Any]:
    """Give an action that connects to a number: to one that may not be called, if none is given."""
    return {"action": "connect", "endpoint": [{"type": "phone", "number": number, **endpoint}]}
