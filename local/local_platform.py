"""The local platform: start and stop all parts in order, and write the stack file."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shutil
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Self

import aiohttp
from botocore.exceptions import BotoCoreError

from local.agent_bot import AgentBot
from local.aws import credentials, layers, sigv4
from local.aws import template as templates
from local.aws.api_gateway import ApiGateway
from local.aws.event_sources import EventSources
from local.aws.lambda_service import LambdaService
from local.aws.messaging import OUTBOX
from local.aws.moto_server import MotoServer
from local.aws.outbox import Outbox
from local.aws.stack import create_stack
from local.aws.stream_sources import StreamSources
from local.explore.app_client import AppClient
from local.explore.flow_files import missing, read_all
from local.explore.report import explore
from local.samples.signing import Signer
from local.stack_file import StackFile
from local.webconsole import ConsoleContext, WebConsole
from vonage_simulator import Simulator, SimulatorSettings
from vonage_simulator.calibration import calibrated
from vonage_simulator.settings import WebhookTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from local.aws.lambda_service import Result
    from local.aws.stack import EmulatedStack
    from local.explore.report import FlowReport

# Numbers that Ofcom reserves for drama, and an address that does not exist (RFC 6761).
NUMBERS = {"VonageNumber": "447700900000", "SecondNumber": "447700900001"}
_ADDRESS = {"NotifyEmail": "you@example.com"}

_MESSAGE_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")

# How long a call's events may arrive after its end. Here, they do within a second, and a recording
# within a few.
_SETTLE_SECONDS = "5"

# The credentials that the web console redacts.
_SECRETS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "private_key",
    "api_secret",
    "signature_secret",
)


@dataclass(frozen=True)
class PlatformOptions:
    """Options of the local platform.

    Attributes
    ----------
    api_port, aws_port, vonage_port, vonage_tls_port
        Ports on 127.0.0.1; 0 picks a free one.
    phone_ports
        Ports for the web console; it uses the first free one.
    speed
        The speed of the simulator's clock relative to real time; 0 pauses it.
    seed
        The seed of the simulator's random numbers.
    calibration
        A file with measurements of a real call, from ``voicectl capture``.
    region
        The AWS region.
    parameters
        Values for the template's parameters.
    environment
        Environment variables to add for every function.
    folder
        The folder for the stack file, logs and layers; by default .local next to the template.
    concurrency
        The number of invocations of one function that run at the same time.
    switchboard
        A switchboard document to store at the start. The simulated account gets its ``lines``.
    example_agent
        Whether to start examples/bot if the template's parameter Agent is empty.
    say
        Called with a line of text before slow steps, and if the example agent fails.
    """

    api_port: int = 0
    aws_port: int = 0
    vonage_port: int = 0
    vonage_tls_port: int = 0
    phone_ports: tuple[int, ...] = (0,)
    speed: float = 1.0
    seed: int = 1
    calibration: Path | None = None
    region: str = "eu-west-1"
    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    concurrency: int = 4
    switchboard: str | None = None
    example_agent: bool = False
    say: Callable[[str], None] = lambda line: None


class SwitchboardRejected(Exception):
    """The application rejects a switchboard document; the text lists all problems."""


class LocalPlatform:
    """The platform, an async context manager. Its parts are attributes after the start.

    Parameters
    ----------
    root
        The folder with template.yaml, the functions and the layers.
    options
        The options.
    """

    credentials: credentials.LocalCredentials
    template: templates.Template
    moto: MotoServer
    stack: EmulatedStack
    lambdas: LambdaService
    gateway: ApiGateway
    sources: EventSources
    streams: StreamSources
    outbox: Outbox
    vonage: Simulator
    phone: WebConsole
    api_url: str

    def __init__(self, root: Path, options: PlatformOptions | None = None) -> None:
        self.root = root.resolve()
        self.options = options or PlatformOptions()
        self.folder = (self.options.folder or self.root / ".local").absolute()
        self.file = StackFile(self.folder)
        self._announced: dict[str, Any] = {}
        self._exit = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start every part. If one fails, stop those before it.

        Raises
        ------
        AlreadyRunning, TemplateError, LayerError, CalibrationError, SwitchboardRejected, OSError
            If a part cannot start; each has a message for the user.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def wait_for_failure(self) -> NoReturn:
        """Wait until a part fails that the others need.

        Raises
        ------
        OSError
            If moto's server ends.
        """
        ended = await self.moto.wait()
        await self.streams.stop()  # each of its looks, and of the polls, would log a warning
        await self.sources.stop()
        raise OSError(f"moto's server {ended}; start the local platform again")

    async def stop(self) -> None:
        """Stop every part in reverse order, and remove the stack file."""
        await self._exit.aclose()

    def app_client(self, number: str | None = None) -> AppClient:
        """Return a client of the webhook functions, with a new call of a number.

        It reads the switchboard, which blocks: call it in a thread.
        """
        values = self.template.parameters
        called = number or values["VonageNumber"]
        return AppClient(
            self.api_url,
            self.stack.routes,
            self._signer(),
            self.lambdas.invoke,
            self.root / "functions",
            called,
            self._language_of_line(called) or values.get("Language", "en-US"),
        )

    def _language_of_line(self, number: str) -> str | None:
        """Return the language of a number's business line; None without one."""
        secret = self.stack.secrets.get("SwitchboardSecret")
        if secret is None:
            return None
        stored = self.moto.client("secretsmanager").get_secret_value(SecretId=secret)
        try:
            language = json.loads(stored["SecretString"])["lines"][number]["language"]
        except (ValueError, LookupError, TypeError):
            return None
        return language if isinstance(language, str) else None

    def signed(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the headers of a request to the API, signed with the AWS credentials."""
        url = f"{self.api_url}{path}"
        return sigv4.signed_headers(
            self.credentials, self.options.region, method, url, content, headers
        )

    async def wait_until_idle(self) -> None:
        """Wait until every stored event is published, and every recording and mail has arrived.

        This waits for no webhook and for no delayed message, and never ends while a function
        fails: give it a deadline.
        """
        idle = 0
        while idle < 2:  # a message can be on its way from a queue to one that was just counted
            await self.streams.wait_until_read()
            idle = 0 if await asyncio.to_thread(self._has_messages) else idle + 1
            await asyncio.sleep(0.05)

    def _has_messages(self) -> bool:
        client = self.moto.client("sqs")
        sources = [*self.stack.sources, *([self.stack.outbox] if self.stack.outbox else [])]
        return any(
            int(count)
            for source in sources
            for count in client.get_queue_attributes(
                QueueUrl=source.queue_url, AttributeNames=_MESSAGE_COUNTS
            )["Attributes"].values()
        )

    def announce(self, **fields: Any) -> None:
        """Add fields to the stack file."""
        self._announced.update(fields)
        self.file.write(self._announced)

    async def _start(self) -> None:
        self.file.claim()
        self._exit.callback(self.file.release)
        for leftover in self.folder.glob("simulated-vonage-*"):  # of a killed platform
            shutil.rmtree(leftover, ignore_errors=True)
        listening = self._exit.enter_context(_listen(self.options.api_port))
        self.api_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.credentials = credentials.generate()
        await self._start_moto()
        await self._start_vonage()
        await self._start_lambdas()
        self.gateway = ApiGateway(
            self.stack.routes, self.lambdas.invoke, self.credentials, self.options.region
        )
        self._exit.push_async_callback(self.gateway.stop)
        await self.gateway.start(listening)
        self.sources.start()
        self.streams.start()
        # Stop the simulator before the API, so that calls can send their last webhooks. The second
        # stop does nothing.
        self._exit.push_async_callback(self.vonage.stop)
        if self.options.switchboard is not None:
            await self._store_switchboard(self.options.switchboard.encode())
        await self._start_console()
        self.announce(**self._description())

    async def _store_switchboard(self, document: bytes) -> None:
        url, headers = f"{self.api_url}/switchboard", self.signed("PUT", "/switchboard", document)
        async with (
            aiohttp.ClientSession() as http,
            http.put(url, data=document, headers=headers) as response,
        ):
            problem = await response.json(content_type=None)
        if response.status != 200:
            found = [(one["field"], one["reason"]) for one in problem.get("invalid", ())]
            text = "; ".join(": ".join(filter(None, one)) for one in found)
            raise SwitchboardRejected(text or problem["detail"])

    def _read_template(self) -> templates.Template:
        path = self.root / "template.yaml"
        parameters = dict(self.options.parameters)
        # The template requires https and your own numbers; neither exists locally.
        forced = {"PublicBaseUrl": self.api_url}
        defaults = NUMBERS | _ADDRESS
        forced |= {name: value for name, value in defaults.items() if name not in parameters}
        template = templates.read(path, self.options.region, parameters, forced)
        check_flows(template, self.root)
        return template

    async def _start_moto(self) -> None:
        self.moto = MotoServer(self.credentials, self.options.region, self.options.aws_port)
        self._exit.push_async_callback(self._stop_moto)
        await self.moto.start()
        self.template = await asyncio.to_thread(self._read_template)
        await self._start_example_agent()
        await self.moto.wait_until_ready()
        try:
            self.stack = await asyncio.to_thread(
                create_stack, self.moto, self.template, self.credentials, self.api_url
            )
        except BotoCoreError as error:
            raise OSError(f"moto's server does not respond: {error}") from None

    async def _start_example_agent(self) -> None:
        """Start examples/bot, if it is wanted, and the template has no other agent."""
        if not self.options.example_agent or self.template.parameters.get("Agent") != "":
            return
        bot = AgentBot(self.credentials, self.folder / "logs/agent-bot.log", self.options.say)
        self._exit.push_async_callback(bot.stop)
        try:
            url = await bot.start()
        except OSError as error:  # every other flow works without it
            self.options.say(f"no example agent: {error}")
            return
        parameters = self.template.parameters | {"Agent": url}
        self.template = dataclasses.replace(self.template, parameters=parameters)

    async def _stop_moto(self) -> None:
        """Stop moto, which ends the long polls that threads are waiting in."""
        await self.moto.stop()
        if hasattr(self, "sources"):
            await self.sources.join()

    async def _start_lambdas(self) -> None:
        self.lambdas = LambdaService(
            self.stack.functions,
            await asyncio.to_thread(self._folders),
            self._environment(),
            self.folder / "logs",
            self.options.concurrency,
        )
        self._exit.push_async_callback(self.lambdas.stop)
        self.outbox = Outbox()
        outbox = [self.stack.outbox] if self.stack.outbox else []
        region = self.options.region
        self.sources = EventSources(
            [*self.stack.sources, *outbox], self._invoke, self.moto.client("sqs"), region
        )
        self._exit.push_async_callback(self.sources.stop)
        self.streams = StreamSources(
            self.stack.streams, self._invoke, self.moto.client("dynamodbstreams"), region
        )
        self._exit.push_async_callback(self.streams.stop)

    async def _invoke(self, function: str, event: Any) -> Result:
        """Invoke a function with messages or records; those of the outbox need none."""
        target = self.outbox.receive if function == OUTBOX else self.lambdas.invoke
        return await target(function, event)

    def _folders(self) -> dict[str, tuple[Path, ...]]:
        """Return each function's search path.

        It is the code, the layers, the packages of the runtime, and those of the flows.
        """
        # Next to the code, so that platforms with another folder can reuse the layers.
        store = self.root / ".local" / "layers"
        used = {layer for one in self.stack.functions.values() for layer in one.layers}
        installed = {
            layer: layers.install(self.root / layer, store, self.options.say)
            for layer in sorted(used)
        }
        runtime = layers.runtime(self.folder)
        packages = {
            code: layers.install(
                self.root / code / "flows", store, self.options.say, layers.PURE_PYTHON
            )
            for code in {one.code for one in self.stack.functions.values()}
        }
        return {
            name: (
                self.root / function.code,
                *(installed[layer] for layer in function.layers),
                runtime,
                *(one for one in (packages[function.code],) if one.is_dir()),
            )
            for name, function in self.stack.functions.items()
        }

    async def _start_vonage(self) -> None:
        """Start the simulated Vonage, with the API's webhook URLs in its application."""
        values = self.template.parameters
        numbers = [values.get("VonageNumber"), *_flows_of_numbers(values)]
        numbers += _numbers_of_lines(self.options.switchboard)
        settings = calibrated(
            SimulatorSettings(
                http_port=self.options.vonage_port,
                tls_port=self.options.vonage_tls_port,
                application_id=self.credentials.application_id,
                public_key=self.credentials.public_key,
                api_key=self.credentials.api_key,
                api_secret=self.credentials.api_secret,
                signature_secret=self.credentials.signature_secret,
                answer=WebhookTarget(f"{self.api_url}/webhooks/answer"),
                event=WebhookTarget(f"{self.api_url}/webhooks/event", read_ms=10000),
                fallback=WebhookTarget(f"{self.api_url}/webhooks/fallback"),
                numbers=tuple(filter(None, dict.fromkeys(numbers))),
                speed=self.options.speed,
                seed=self.options.seed,
                temporary_folder=str(self.folder),
            ),
            self.options.calibration,
        )
        self.vonage = Simulator(settings)
        self._exit.push_async_callback(self.vonage.stop)
        await self.vonage.start()

    async def _start_console(self) -> None:
        listening = self._exit.enter_context(_listen_on_first(self.options.phone_ports))
        keys = self.credentials
        self.phone = WebConsole(
            ConsoleContext(
                about=self._about(),
                secrets=tuple(dataclasses.asdict(keys)[name] for name in _SECRETS),
                signer=self._signer(),
                request_log=self.gateway.request_log,
                listen=self.lambdas.listen,
                code=self.root / "functions",
                explore=self._explore,
                outbox=self.outbox,
                dynamodb=self.moto.client("dynamodb"),
                s3=self.moto.client("s3"),
                sign=self.signed,
            )
        )
        self._exit.push_async_callback(self.phone.stop)
        await self.phone.start(listening)

    async def _explore(self, flow: Mapping[str, Any]) -> FlowReport:
        return await explore(await asyncio.to_thread(self.app_client), flow)

    def _signer(self) -> Signer:
        keys = self.credentials
        return Signer(keys.signature_secret, keys.api_key, keys.application_id)

    def _about(self) -> dict[str, Any]:
        """Return the facts for the web console."""
        values, outputs = self.template.parameters, self.stack.outputs
        default = values.get("DefaultFlow")
        flows = _flows_of_numbers(values)
        return {
            "numbers": [
                {"number": number, "flow": flows.get(number, default)}
                for number in self.vonage.settings.numbers
            ],
            "second_number": values.get("SecondNumber"),
            "default_flow": default,
            "api_url": self.api_url,
            "vonage_url": self.vonage.http_url,
            "aws_url": self.moto.url,
            "table": outputs.get("TableName"),
            "bucket": outputs.get("BucketName"),
            "speed": self.options.speed,
            "region": self.options.region,
        }

    def _environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.credentials.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.aws_secret_access_key,
            "AWS_SESSION_TOKEN": self.credentials.aws_session_token,
            "AWS_REGION": self.options.region,
            "AWS_DEFAULT_REGION": self.options.region,
            "AWS_ENDPOINT_URL": self.moto.url,
            # These make the functions accept the simulator as Vonage. No deployed stack sets them.
            "VONAGE_API_URL": self.vonage.tls_url,
            "VONAGE_LOCAL_HOST": self.vonage.tls_url.removeprefix("https://"),
            "REQUESTS_CA_BUNDLE": self.vonage.ca_file,
            "SETTLE_SECONDS": _SETTLE_SECONDS,
            **self.options.environment,
        }

    def _description(self) -> dict[str, Any]:
        """Return the content of the stack file."""
        key_file = self.folder / "private.key"
        key_file.unlink(missing_ok=True)
        key_file.touch(mode=0o600)
        key_file.write_text(self.credentials.private_key, encoding="utf-8")
        self._exit.callback(key_file.unlink, missing_ok=True)
        return {
            "phone_url": self.phone.url,
            "vonage_url": self.vonage.http_url,
            "vonage_tls_url": self.vonage.tls_url,
            "vonage_ca_file": self.vonage.ca_file,
            "private_key_file": str(key_file),
            "api_url": self.api_url,
            "aws_url": self.moto.url,
            **describe(self.credentials, self.template, self.stack),
        }


def describe(
    keys: credentials.LocalCredentials, template: templates.Template, stack: EmulatedStack
) -> dict[str, Any]:
    """Return the part of the stack file that `python -m local` and `local.sam` have in common."""
    known = dataclasses.asdict(keys)
    outputs = {
        "table": "TableName",
        "bucket": "BucketName",
        "queue_url": "RecordingsQueueUrl",
        "dead_letter_queue_url": "RecordingsDeadLetterQueueUrl",
        "event_bus": "EventBusName",
        "call_events_queue_url": "CallEventsQueueUrl",
        "call_events_dead_letter_queue_url": "CallEventsDeadLetterQueueUrl",
    }
    numbers = {"vonage_number": "VonageNumber", "second_number": "SecondNumber"}
    values = template.parameters
    return {
        "region": template.region,
        **{
            name: known[name]
            for name in (
                *("aws_access_key_id", "aws_secret_access_key"),
                *("application_id", "api_key", "api_secret", "signature_secret"),
            )
        },
        **{key: values[name] for key, name in numbers.items() if name in values},
        **{key: stack.outputs[name] for key, name in outputs.items() if name in stack.outputs},
        # As in CloudFormation, for `voicectl --local`.
        "outputs": stack.outputs,
        "parameters": values,
    }


def check_flows(template: templates.Template, root: Path) -> None:
    """Check that the flows in the template's parameters exist.

    Raises
    ------
    TemplateError
        If DefaultFlow or NumberFlows names no flow; the message lists the flows.
    """
    values = template.parameters
    named = {f"NumberFlows, {number}": flow for number, flow in _flows_of_numbers(values).items()}
    if "DefaultFlow" in values:
        named["DefaultFlow"] = values["DefaultFlow"]
    known = {flow["name"] for flow in read_all(root / "functions/flows")}
    for where, flow in named.items():
        if flow not in known:
            raise templates.TemplateError(f"{where}: {missing(flow, sorted(known))}")


def _flows_of_numbers(parameters: Mapping[str, str]) -> dict[str, str]:
    """Parse the template's parameter NumberFlows: pairs number=flow."""
    pairs = (pair.partition("=") for pair in parameters.get("NumberFlows", "").split(","))
    return {number: flow for number, _, flow in pairs if number}


def _numbers_of_lines(document: str | None) -> list[str]:
    """Return the numbers with a business line; none if the document is invalid."""
    try:
        return list(json.loads(document or "{}").get("lines", {}))
    except (ValueError, AttributeError, TypeError):
        return []  # the application reports the problem


def _listen(port: int) -> socket.socket:
    """Bind the port early, so that its number is known before the server starts."""
    listening = socket.create_server(("127.0.0.1", port))
    listening.setblocking(False)
    return listening


def _listen_on_first(ports: Sequence[int]) -> socket.socket:
    """Bind the first of some ports that is free; raise OSError if none is."""
    for port in ports[:-1]:
        with contextlib.suppress(OSError):
            return _listen(port)
    return _listen(ports[-1])
