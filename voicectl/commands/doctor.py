"""``doctor``: check everything a call depends on, and say how to fix what fails."""

from __future__ import annotations

import email.utils
import json
import uuid
from typing import TYPE_CHECKING, Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from voicectl import application as applications
from voicectl import call_event_checks, key_pair, stack_secrets, webhook_history
from voicectl import stack as stacks
from voicectl.admin_api import admin_api
from voicectl.check_result import CheckResult
from voicectl.cli import command
from voicectl.command_line import command_line
from voicectl.commands.up import linked_to
from voicectl.errors import NotConfiguredError, VoicectlError
from voicekit import webhook_signer
from voicekit.signature import SigningSecrets, fingerprint
from voicekit.switchboard import stored_spelling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

    from voicectl.check_result import State
    from voicectl.context import Context

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_TIMEOUT = (5, 15)  # seconds
_SKEW_WARNS, _SKEW_FAILS = 15, 120  # seconds
_CALLER = "447700900009"  # one of Ofcom's numbers for drama, which are never assigned
_EVENT_WEBHOOKS = ("dtmf", "asr", "notification", "event", "recordings")
_NEW_ACCOUNT = 10  # the concurrency limit of new AWS accounts
_HOSTS = {
    "na-east": "api-us-3",
    "na-west": "api-us-4",
    "eu-west": "api-eu-3",
    "eu-east": "api-eu-4",
    "apac-sng": "api-ap-3",
    "apac-australia": "api-ap-4",
}


class CheckContext:
    """What the checks share, each part read once, on first use."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.stack = context.stack
        self.signing = stack_secrets.read(self.stack, self.stack.signing_secret)
        self.application_secret = stack_secrets.read(self.stack, self.stack.application_secret)
        self.application_id = context.settings.application_id or self.application_secret.get(
            "application_id"
        )
        self._application: dict[str, Any] | None = None

    @property
    def application(self) -> dict[str, Any]:
        """The application at Vonage."""
        if self._application is None:
            if not self.application_id:
                raise NotConfiguredError(f"there is none yet. Run `{command_line('up')}`.")
            self._application = applications.read(self.context, self.application_id)
        return self._application


@command(
    "doctor",
    help="check everything between the phone and the stack, and say how to fix it",
    examples=("voicectl doctor", "voicectl --local doctor", "voicectl doctor --stack voice-prod"),
)
def doctor(options: SimpleNamespace, context: Context) -> int:
    """Run the checks; return 1 if one fails."""
    results = []
    for result in _results(context):
        results.append(result)
        context.output.line(
            f"{result.state:4}  {result.check}: {result.text}", _STYLES[result.state]
        )
    failed = any(one.state == "fail" for one in results)
    context.output.result({"healthy": not failed, "checks": [one._asdict() for one in results]})
    return 1 if failed else 0


def _results(context: Context) -> Iterator[CheckResult]:
    stack = list(_guarded("stack", lambda: _stack(context)))
    yield from stack
    yield from _guarded("credentials", lambda: _credentials(context))
    if any(one.state == "fail" for one in stack):
        return
    try:
        shared = CheckContext(context)
    except (VoicectlError, ClientError, BotoCoreError) as error:
        yield CheckResult("secrets", "fail", _error_text(error))
        return
    for name, check in _CHECKS.items():
        yield from _guarded(name, lambda check=check: check(shared))  # type: ignore[misc]


def _guarded(name: str, check: Callable[[], Iterator[CheckResult]]) -> Iterator[CheckResult]:
    """Run a check, and turn its error into a failed result."""
    try:
        yield from check()
    except (VoicectlError, ClientError, BotoCoreError) as error:
        yield CheckResult(name, "fail", _error_text(error))


def _error_text(error: Exception) -> str:
    if isinstance(error, ClientError | BotoCoreError):
        return stacks.explain_aws_error(error)
    return str(error)


def _stack(context: Context) -> Iterator[CheckResult]:
    stack = context.stack
    yield CheckResult("stack", "ok", f"{stack.name} in {stack.region}, {stack.base_url}")


def _credentials(context: Context) -> Iterator[CheckResult]:
    context.account.numbers()
    yield CheckResult("credentials", "ok", f"Vonage accepts the API key {context.account.api_key}")


def _application(shared: CheckContext) -> Iterator[CheckResult]:
    application = shared.application
    if not applications.voice_of(application):
        yield CheckResult(
            "application", "fail", f"it has no Voice capability. Run `{command_line('up')}`."
        )
        return
    named = {shared.signing.get("application_id"), shared.application_secret.get("application_id")}
    if named != {application["id"]}:
        yield CheckResult(
            "application",
            "fail",
            f"the stack's secrets name another application than {application['id']}. Run"
            f" `{command_line('up')}`.",
        )
        return
    yield CheckResult("application", "ok", f"{application.get('name')} {application['id']}")


def _urls(shared: CheckContext) -> Iterator[CheckResult]:
    """Compare the application's webhook URLs with the stack's."""
    stack = shared.stack
    addresses = {
        name: stack.output(webhook.output) for name, webhook in applications.WEBHOOKS.items()
    }
    target = applications.with_webhooks(shared.application, addresses)
    changes = applications.differences(shared.application, target)
    for change in changes:
        old, new = change.shown()
        yield CheckResult(
            "URLs", "fail", f"{change.what} is {old}, must be {new}. Run `{command_line('up')}`."
        )
    if not changes:
        yield CheckResult(
            "URLs", "ok", "answer, event and fallback URL point to the stack, signed, by POST"
        )


def _webhooks(shared: CheckContext) -> Iterator[CheckResult]:
    """Send each webhook a signed request without side effects."""
    signing = shared.signing
    if not signing.get("signature_secret"):
        yield CheckResult(
            "webhooks", "fail", f"the stack has no signature secret. Run `{command_line('up')}`."
        )
        return
    secrets = SigningSecrets(
        (signing["signature_secret"],),
        signing.get("api_key", ""),
        signing.get("application_id", ""),
    )
    call = {
        "from": _CALLER,
        "to": shared.stack.parameters.get("VonageNumber") or _CALLER,
        "uuid": "0" * 32,
        "conversation_uuid": "CON-00000000-0000-0000-0000-000000000000",
    }
    failed = False
    for name, body, expected in (
        ("answer", json.dumps(call).encode(), 200),
        # A signed request without an event: rejected with 400, after its signature was verified.
        *((name, b"[]", 400) for name in _EVENT_WEBHOOKS),
        ("fallback", json.dumps(call).encode(), 200),
    ):
        problem = _probe(shared, name, body, expected, secrets)
        if problem is not None:
            failed = True
            yield CheckResult(f"webhook {name}", "fail", problem)
    wrong = secrets._replace(secrets=(uuid.uuid4().hex,))
    problem = _probe(shared, "answer", json.dumps(call).encode(), 401, wrong)
    if problem is not None and not failed:
        failed = True
        yield CheckResult("webhooks", "fail", f"an invalid signature is not rejected: {problem}")
    if not failed:
        yield CheckResult(
            "webhooks", "ok", "all seven accept signed requests, and reject an invalid signature"
        )


def _probe(
    shared: CheckContext, name: str, body: bytes, expected: int, secrets: SigningSecrets
) -> str | None:
    """Send a signed request; return None if the status is as expected, else what is wrong."""
    url = f"{shared.stack.base_url}/webhooks/{name}"
    signed = webhook_signer.sign(secrets, "POST", "", body, shared.context.now())
    headers = {"Authorization": signed, "Content-Type": "application/json"}
    try:
        with requests.Session() as session:
            session.trust_env = not shared.stack.local
            response = session.post(
                url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
            if response.status_code == expected:
                return None
            return _PROBE_ADVICE.get(response.status_code, f"{url} returned {response.status_code}")
    except requests.RequestException as error:
        return f"{url} cannot be reached ({type(error).__name__}). Check PublicBaseUrl."


_PROBE_ADVICE = {
    401: "it rejects the stack's own signature secret. If the secret changed within the last"
    " minute, wait a minute; else check this machine's clock and SIGNATURE_MAX_AGE"
    " in template.yaml.",
    403: "something in front of the function rejects it. Check PublicBaseUrl and the host there.",
    404: "there is no such route. Deploy this checkout (sam build && sam deploy).",
    429: "the API is throttled. Run doctor again in a minute.",
    500: "the function fails. See its log group.",
    503: "the function cannot read its secret, or fails. See its log group.",
}


def _key(shared: CheckContext) -> Iterator[CheckResult]:
    private = shared.application_secret.get("private_key")
    if not private:
        yield CheckResult(
            "key pair", "fail", f"the stack has no private key. Run `{command_line('up')}`."
        )
        return
    known = applications.public_key_of(shared.application)
    if shared.application_secret.get("next_private_key"):
        yield CheckResult(
            "key pair",
            "warn",
            f"a rotation is in progress. Run `{command_line('rotate key')}` to finish it.",
        )
    elif key_pair.is_public(known, key_pair.public_half(private)):
        yield CheckResult(
            "key pair", "ok", "the stack's private key matches the public key at Vonage"
        )
    else:
        yield CheckResult(
            "key pair",
            "fail",
            "the stack's private key does not match the public key at Vonage, so it cannot place"
            " calls. Set VONAGE_APPLICATION_PRIVATE_KEY_PATH to the matching one and run"
            f" `{command_line('up')}`, or"
            f" run `{command_line('up --new-key')}`.",
        )


def _signature(shared: CheckContext) -> Iterator[CheckResult]:
    name, signing = "signature secret", shared.signing
    secret = signing.get("signature_secret")
    if not secret:
        yield CheckResult(
            name,
            "fail",
            f"the stack has none. Set VONAGE_SIGNATURE_SECRET and run `{command_line('up')}`.",
        )
        return
    if signing.get("previous_signature_secret"):
        yield CheckResult(
            name,
            "warn",
            f"two are accepted. Run `{command_line('rotate signature')}` to finish that rotation.",
        )
    own = shared.context.settings.signature_secret
    if own and own not in (secret, signing.get("previous_signature_secret")):
        yield CheckResult(
            name,
            "fail",
            f"VONAGE_SIGNATURE_SECRET differs from the stack's. Run `{command_line('up')}`.",
        )
    seen = webhook_history.latest(shared.stack, shared.context.now())
    if seen is None or seen.signed_by is None:
        yield CheckResult(name, "warn", "no real webhook has confirmed it yet. Call the number.")
        return
    at = seen.received_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    if seen.signed_by == fingerprint(secret):
        yield CheckResult(name, "ok", f"confirmed by a real webhook at {at}")
    else:
        yield CheckResult(
            name,
            "warn",
            f"the latest real webhook ({at}) was signed with another secret. If you changed the"
            " secret after that, call the number; else the stack's secret is wrong.",
        )


def _number(shared: CheckContext) -> Iterator[CheckResult]:
    parameter = shared.stack.parameters.get("VonageNumber")
    named = shared.context.settings.number or parameter
    if not named:
        yield CheckResult("number", "warn", "none is set. Set VONAGE_NUMBER.")
        return
    number = shared.context.account.number(named)
    if number is None:
        yield CheckResult("number", "fail", f"this account does not rent {named}")
        return
    if "VOICE" not in number.get("features", ["VOICE"]):
        yield CheckResult(
            "number", "fail", f"{named} cannot receive calls. Rent a number with Voice."
        )
        return
    if linked_to(number) != shared.application_id:
        yield CheckResult(
            "number",
            "fail",
            f"{named} is not linked to the application. Run `{command_line('up')}`.",
        )
        return
    if parameter != named:
        yield CheckResult(
            "number",
            "warn",
            f"the stack's parameter VonageNumber is {parameter or 'empty'}, not {named}. Outbound"
            " calls show the parameter's number.",
        )
        return
    yield CheckResult("number", "ok", f"{named} is linked to the application")


def _region(shared: CheckContext) -> Iterator[CheckResult]:
    region = applications.voice_of(shared.application).get("region")
    used = shared.stack.parameters.get("VonageApi", "")
    expected = f"https://{_HOSTS[region]}.vonage.com" if region in _HOSTS else None
    if shared.stack.local:
        yield CheckResult("region", "ok", "not applicable to the local platform")
    elif expected and used != expected:
        yield CheckResult(
            "region",
            "warn",
            f"the application is in {region}. Deploy with VonageApi={expected}, or its calls may"
            " not be found.",
        )
    else:
        yield CheckResult("region", "ok", f"{region or 'nearest'}, {used}")


def _clock(shared: CheckContext) -> Iterator[CheckResult]:
    try:
        with requests.Session() as session:
            session.trust_env = not shared.stack.local
            response = session.get(
                f"{shared.stack.base_url}/webhooks/event", timeout=_TIMEOUT, allow_redirects=False
            )
        reference = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (requests.RequestException, KeyError, ValueError):
        yield CheckResult("clock", "warn", "not checked: the stack returned no Date header")
        return
    skew = abs(shared.context.now() - reference)
    if skew < _SKEW_WARNS:
        yield CheckResult("clock", "ok", "this machine's clock is right")
        return
    state: State = "fail" if skew >= _SKEW_FAILS else "warn"
    yield CheckResult("clock", state, f"this machine's clock is {skew:.0f} s off. Set it.")


def _concurrency(shared: CheckContext) -> Iterator[CheckResult]:
    if shared.stack.local:
        yield CheckResult("concurrency", "ok", "four per function on the local platform")
        return
    limits = shared.stack.aws("lambda").get_account_settings()["AccountLimit"]
    total, free = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    if free <= _NEW_ACCOUNT:
        yield CheckResult(
            "concurrency",
            "warn",
            f"only {free} unreserved concurrent executions in this AWS account, for all its stacks."
            " Request more in Service Quotas (Lambda, concurrent executions).",
        )
        return
    yield CheckResult("concurrency", "ok", f"{free} of {total} concurrent executions unreserved")


def _alarms(shared: CheckContext) -> Iterator[CheckResult]:
    if shared.stack.local:
        yield CheckResult("alarms", "ok", "not applicable to the local platform")
        return
    pages = shared.stack.aws("cloudwatch").get_paginator("describe_alarms")
    listed = [
        alarm
        for page in pages.paginate(AlarmNamePrefix=f"{shared.stack.name}-")
        for alarm in page["MetricAlarms"]
    ]
    firing = [one for one in listed if one["StateValue"] == "ALARM"]
    for alarm in firing:
        description = alarm.get("AlarmDescription") or "see CloudWatch"
        yield CheckResult("alarms", "fail", f"{alarm['AlarmName']}: {description}")
    if not listed:
        yield CheckResult(
            "alarms", "warn", "the stack has none, so you are not notified of failures"
        )
    elif not firing:
        yield CheckResult("alarms", "ok", f"none of {len(listed)} is firing")


def _switchboard(shared: CheckContext) -> Iterator[CheckResult]:
    switchboard = admin_api(shared.context).get("/switchboard")
    for problem in switchboard["problems"]:
        where = problem["field"] or "the document"
        yield CheckResult(
            "switchboard",
            "fail",
            f"{where}: {problem['reason']}. Run `{command_line('switchboard undo')}` to restore"
            " the version before.",
        )
    if switchboard["problems"]:
        return
    document = stored_spelling(switchboard["document"])
    changes = [name for name in ("numbers", "lines", "opening") if document.get(name)]
    if document.get("dialling") == "off":
        yield CheckResult(
            "switchboard",
            "warn",
            f"outbound dialing is off. `{command_line('switchboard dialing on')}` turns it on.",
        )
    if "closed" in document and "opening" not in document:
        yield CheckResult("switchboard", "warn", "closed at all hours, until you remove `closed`")
    yield CheckResult("switchboard", "ok", f"overrides {', '.join(changes) or 'nothing'}")


_CHECKS: dict[str, Callable[[CheckContext], Iterator[CheckResult]]] = {
    "application": _application,
    "URLs": _urls,
    "webhooks": _webhooks,
    "key pair": _key,
    "signature secret": _signature,
    "number": _number,
    "region": _region,
    "clock": _clock,
    "switchboard": _switchboard,
    "concurrency": _concurrency,
    "stream": lambda shared: call_event_checks.stream(shared.stack, shared.context.now()),
    "event bus": lambda shared: call_event_checks.event_bus(shared.stack),
    "mail": lambda shared: call_event_checks.mail(shared.stack),
    "dead-letter queues": lambda shared: call_event_checks.dead_letters(shared.stack),
    "alarms": _alarms,
}
