"""Looks at everything that a ringing phone depends on, and says how to mend what is wrong."""

from __future__ import annotations

import email.utils
import json
import uuid
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import requests
from botocore.exceptions import BotoCoreError, ClientError

from voicectl import application as applications
from voicectl import key_pair, stack_secrets, webhook_history
from voicectl import stack as stacks
from voicectl.admin_api import admin_api
from voicectl.commands.up import linked_to
from voicectl.errors import VoicectlError
from voicekit import webhook_signer
from voicekit.signature import SigningSecrets, fingerprint

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from voicectl.context import Context

NAME = "doctor"
HELP = "check everything between the phone and the stack, and say how to mend it"
State = Literal["ok", "warn", "fail"]
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_TIMEOUT = (5, 15)  # seconds
_SKEW_WARNS, _SKEW_FAILS = 15, 120  # seconds
_CALLER = "447700900009"  # of Ofcom's numbers for drama, which nobody has
_REFUSING = ("dtmf", "asr", "notification", "event", "recordings")
_NEW_ACCOUNT = 10  # instances at once, that new AWS accounts have
_HOSTS = {
    "na-east": "api-us-3",
    "na-west": "api-us-4",
    "eu-west": "api-eu-3",
    "eu-east": "api-eu-4",
    "apac-sng": "api-ap-3",
    "apac-australia": "api-ap-4",
}


class CheckResult(NamedTuple):
    """What a check found; ``text`` says what is wrong and how to mend it."""

    check: str
    state: State
    text: str


class CheckContext:
    """What the checks look at, each part read once and when it is first needed."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.stack = context.stack
        self.signing = stack_secrets.read(self.stack, self.stack.signing_secret)
        self.held = stack_secrets.read(self.stack, self.stack.application_secret)
        self.application_id = context.settings.application_id or self.held.get("application_id")
        self._application: dict[str, Any] | None = None

    @property
    def application(self) -> dict[str, Any]:
        """The application at Vonage."""
        if self._application is None:
            if not self.application_id:
                raise VoicectlError("there is none yet: run `python -m voicectl up`")
            self._application = applications.read(self.context, self.application_id)
        return self._application


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: it has none."""


def run(options: argparse.Namespace, context: Context) -> int:
    """Check; the exit status is 1 where something fails."""
    findings = []
    for finding in _findings(context):
        findings.append(finding)
        context.output.line(
            f"{finding.state:4}  {finding.check}: {finding.text}", _STYLES[finding.state]
        )
    failed = any(one.state == "fail" for one in findings)
    context.output.result({"healthy": not failed, "checks": [one._asdict() for one in findings]})
    return 1 if failed else 0


def _findings(context: Context) -> Iterator[CheckResult]:
    stack = list(_guarded("stack", lambda: _stack(context)))
    yield from stack
    yield from _guarded("credentials", lambda: _credentials(context))
    if any(one.state == "fail" for one in stack):
        return
    try:
        patient = CheckContext(context)
    except (VoicectlError, ClientError, BotoCoreError) as error:
        yield CheckResult("secrets", "fail", _error_text(error))
        return
    for name, check in _CHECKS.items():
        yield from _guarded(name, lambda check=check: check(patient))  # type: ignore[misc]


def _guarded(name: str, check: Callable[[], Iterator[CheckResult]]) -> Iterator[CheckResult]:
    """Have one check's failing end that check alone."""
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
    yield CheckResult("credentials", "ok", f"Vonage lets {context.account.api_key} in")


def _application(patient: CheckContext) -> Iterator[CheckResult]:
    application = patient.application
    if not applications.voice_of(application):
        yield CheckResult(
            "application", "fail", "it has no capability Voice: run `python -m voicectl up`"
        )
        return
    named = {patient.signing.get("application_id"), patient.held.get("application_id")}
    if named != {application["id"]}:
        yield CheckResult(
            "application",
            "fail",
            f"the stack's secrets name another one than {application['id']}: run `up`",
        )
        return
    yield CheckResult("application", "ok", f"{application.get('name')} {application['id']}")


def _urls(patient: CheckContext) -> Iterator[CheckResult]:
    """Compare where Vonage sends webhooks with where the stack takes them."""
    stack = patient.stack
    addresses = {
        name: stack.output(webhook.output) for name, webhook in applications.WEBHOOKS.items()
    }
    wanted = applications.wired(patient.application, addresses)
    changes = applications.differences(patient.application, wanted)
    for change in changes:
        old, new = change.shown()
        yield CheckResult("URLs", "fail", f"{change.what} is {old}, and must be {new}: run `up`")
    if not changes:
        yield CheckResult(
            "URLs", "ok", "answer, event and fallback lead to the stack, signed, by POST"
        )


def _webhooks(patient: CheckContext) -> Iterator[CheckResult]:
    """Fetch each webhook with a signed request that has no effect."""
    signing = patient.signing
    if not signing.get("signature_secret"):
        yield CheckResult("webhooks", "fail", "the stack has no signature secret: run `up`")
        return
    secrets = SigningSecrets(
        (signing["signature_secret"],),
        signing.get("api_key", ""),
        signing.get("application_id", ""),
    )
    call = {
        "from": _CALLER,
        "to": patient.stack.parameters.get("VonageNumber") or _CALLER,
        "uuid": "0" * 32,
        "conversation_uuid": "CON-00000000-0000-0000-0000-000000000000",
    }
    wrong = 0
    for name, body, expected in (
        ("answer", json.dumps(call).encode(), 200),
        # A signed request that is no event: refused for what it is, after its signature was read.
        *((name, b"[]", 400) for name in _REFUSING),
        ("fallback", json.dumps(call).encode(), 200),
    ):
        said = _probe(patient, name, body, expected, secrets)
        if said is not None:
            wrong += 1
            yield CheckResult(f"webhook {name}", "fail", said)
    stranger = secrets._replace(secrets=(uuid.uuid4().hex,))  # who knows all but the secret
    said = _probe(patient, "answer", json.dumps(call).encode(), 401, stranger)
    if said is not None and not wrong:
        wrong += 1
        yield CheckResult("webhooks", "fail", f"a stranger's request is not refused: {said}")
    if not wrong:
        yield CheckResult(
            "webhooks", "ok", "all seven take signed requests, and refuse a stranger's"
        )


def _probe(
    patient: CheckContext, name: str, body: bytes, expected: int, secrets: SigningSecrets
) -> str | None:
    """Fetch a webhook; give None where it answers as expected, else what is wrong."""
    url = f"{patient.stack.base_url}/webhooks/{name}"
    signed = webhook_signer.sign(secrets, "POST", "", body, patient.context.now())
    headers = {"Authorization": signed, "Content-Type": "application/json"}
    try:
        with requests.Session() as session:
            session.trust_env = not patient.stack.local
            response = session.post(
                url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
            if response.status_code == expected:
                return None
            return _PROBE_ADVICE.get(response.status_code, f"{url} answers {response.status_code}")
    except requests.RequestException as error:
        return f"{url} cannot be reached ({type(error).__name__}): is PublicBaseUrl right?"


_PROBE_ADVICE = {
    401: "it refuses the stack's own signature secret; where that was changed in this minute, wait"
    " one, else look at this machine's clock and at SIGNATURE_MAX_AGE in template.yaml",
    403: "something before the function refuses it: look at PublicBaseUrl and what stands there",
    404: "there is no such route: deploy this checkout (sam build && sam deploy)",
    429: "the API is throttled: run doctor again in a minute",
    500: "the function fails: look at its log group",
    503: "the function cannot read its secret, or fails: look at its log group",
}


def _key(patient: CheckContext) -> Iterator[CheckResult]:
    private = patient.held.get("private_key")
    if not private:
        yield CheckResult("key pair", "fail", "the stack has no private key: run `up`")
        return
    known = applications.public_key_of(patient.application)
    following = patient.held.get("next_private_key")
    if following:
        yield CheckResult("key pair", "warn", "a rotation is half done: run `rotate key` to end it")
    elif key_pair.is_public(known, key_pair.public_half(private)):
        yield CheckResult("key pair", "ok", "the stack's private key fits the public key at Vonage")
    else:
        yield CheckResult(
            "key pair",
            "fail",
            "the stack's private key does not fit the public key at Vonage, so no call can be"
            " placed: put the right one into VONAGE_APPLICATION_PRIVATE_KEY_PATH and run `up`, or"
            " `up --new-key`",
        )


def _signature(patient: CheckContext) -> Iterator[CheckResult]:
    name, signing = "signature secret", patient.signing
    secret = signing.get("signature_secret")
    if not secret:
        yield CheckResult(
            name, "fail", "the stack has none: set VONAGE_SIGNATURE_SECRET and run `up`"
        )
        return
    if signing.get("previous_signature_secret"):
        yield CheckResult(
            name, "warn", "two are accepted: run `rotate signature` to end that rotation"
        )
    own = patient.context.settings.signature_secret
    if own and own not in (secret, signing.get("previous_signature_secret")):
        yield CheckResult(
            name, "fail", "VONAGE_SIGNATURE_SECRET is another one than the stack's: run `up`"
        )
    seen = webhook_history.latest(patient.stack, patient.context.now())
    if seen is None or seen.signed_by is None:
        yield CheckResult(name, "warn", "no real webhook has confirmed it yet: ring the number")
        return
    at = seen.received_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    if seen.signed_by == fingerprint(secret):
        yield CheckResult(name, "ok", f"confirmed by a real webhook at {at}")
    else:
        yield CheckResult(
            name,
            "warn",
            f"the latest real webhook ({at}) was signed with another one: where that was before a"
            " change, ring the number; else the secret here is not Vonage's",
        )


def _number(patient: CheckContext) -> Iterator[CheckResult]:
    set_up = patient.stack.parameters.get("VonageNumber")
    named = patient.context.settings.number or set_up
    if not named:
        yield CheckResult("number", "warn", "none is named: set VONAGE_NUMBER")
        return
    number = patient.context.account.number(named)
    if number is None:
        yield CheckResult("number", "fail", f"this account does not rent {named}")
        return
    if "VOICE" not in number.get("features", ["VOICE"]):
        yield CheckResult("number", "fail", f"{named} cannot take calls: rent one with Voice")
        return
    if linked_to(number) != patient.application_id:
        yield CheckResult("number", "fail", f"{named} does not lead to the application: run `up`")
        return
    if set_up != named:
        shown = set_up or "empty"
        yield CheckResult(
            "number",
            "warn",
            f"the stack's parameter VonageNumber is {shown}, not {named}: calls that flows place"
            " show that one",
        )
        return
    yield CheckResult("number", "ok", f"{named} leads to the application")


def _region(patient: CheckContext) -> Iterator[CheckResult]:
    region = applications.voice_of(patient.application).get("region")
    used = patient.stack.parameters.get("VonageApi", "")
    wanted = f"https://{_HOSTS[region]}.vonage.com" if region in _HOSTS else None
    if patient.stack.local:
        yield CheckResult("region", "ok", "the local platform has one")
    elif wanted and used != wanted:
        yield CheckResult(
            "region",
            "warn",
            f"the application is in {region}: deploy with VonageApi={wanted}, or its calls may not"
            " be found",
        )
    else:
        yield CheckResult("region", "ok", f"{region or 'the nearest'}, {used}")


def _clock(patient: CheckContext) -> Iterator[CheckResult]:
    try:
        with requests.Session() as session:
            session.trust_env = not patient.stack.local
            response = session.get(
                f"{patient.stack.base_url}/webhooks/event", timeout=_TIMEOUT, allow_redirects=False
            )
        told = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (requests.RequestException, KeyError, ValueError):
        yield CheckResult("clock", "warn", "nobody told the time to compare with")
        return
    skew = abs(patient.context.now() - told)
    if skew < _SKEW_WARNS:
        yield CheckResult("clock", "ok", "this machine's clock is right")
        return
    state: State = "fail" if skew >= _SKEW_FAILS else "warn"
    yield CheckResult("clock", state, f"this machine's clock is {skew:.0f} s off: set it")


def _concurrency(patient: CheckContext) -> Iterator[CheckResult]:
    if patient.stack.local:
        yield CheckResult("concurrency", "ok", "the local platform runs four of each function")
        return
    limits = patient.stack.aws("lambda").get_account_settings()["AccountLimit"]
    total, free = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    if free <= _NEW_ACCOUNT:
        yield CheckResult(
            "concurrency",
            "warn",
            f"{free} functions at once in this AWS account, for all its stacks: ask for more in"
            " Service Quotas (Lambda, concurrent executions)",
        )
        return
    yield CheckResult("concurrency", "ok", f"{free} of {total} functions at once are not reserved")


def _queues(patient: CheckContext) -> Iterator[CheckResult]:
    stack = patient.stack
    sqs = stack.aws("sqs")
    waiting = {}
    for name, output in (("recordings", "RecordingsQueueUrl"), ("overflow", "OverflowQueueUrl")):
        policy = sqs.get_queue_attributes(
            QueueUrl=stack.output(output), AttributeNames=["RedrivePolicy"]
        )["Attributes"]["RedrivePolicy"]
        target = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
        url = sqs.get_queue_url(QueueName=target)["QueueUrl"]
        counted = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        waiting[name] = int(counted["ApproximateNumberOfMessages"])
    if not any(waiting.values()):
        yield CheckResult("dead-letter queues", "ok", "empty")
    for name, count in waiting.items():
        if count:
            yield CheckResult(
                "dead-letter queues",
                "warn",
                f"about {count} in that of {name}: `python -m voicectl redrive` shows why",
            )


def _alarms(patient: CheckContext) -> Iterator[CheckResult]:
    if patient.stack.local:
        yield CheckResult("alarms", "ok", "the local platform has none")
        return
    pages = patient.stack.aws("cloudwatch").get_paginator("describe_alarms")
    listed = [
        alarm
        for page in pages.paginate(AlarmNamePrefix=f"{patient.stack.name}-")
        for alarm in page["MetricAlarms"]
    ]
    ringing = [one for one in listed if one["StateValue"] == "ALARM"]
    for alarm in ringing:
        about = alarm.get("AlarmDescription") or "look at it in CloudWatch"
        yield CheckResult("alarms", "fail", f"{alarm['AlarmName']}: {about}")
    if not listed:
        yield CheckResult(
            "alarms", "warn", "the stack has none: nobody is told when something fails"
        )
    elif not ringing:
        yield CheckResult("alarms", "ok", f"none of {len(listed)} is in alarm")


def _switchboard(patient: CheckContext) -> Iterator[CheckResult]:
    told = admin_api(patient.context).get("/switchboard")
    for problem in told["problems"]:
        where = problem["field"] or "the document"
        yield CheckResult(
            "switchboard", "fail", f"{where}: {problem['reason']}; `switchboard undo`"
        )
    if told["problems"]:
        return
    changes = [name for name in ("numbers", "opening") if told["document"].get(name)]
    if told["document"].get("dialling") == "off":
        yield CheckResult("switchboard", "warn", "dialling is off: `switchboard dialling on`")
    if "closed" in told["document"] and "opening" not in told["document"]:
        yield CheckResult("switchboard", "warn", "closed at all hours, until `closed` is taken out")
    yield CheckResult("switchboard", "ok", f"sets {' and '.join(changes) or 'nothing'} otherwise")


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
    "dead-letter queues": _queues,
    "alarms": _alarms,
}
