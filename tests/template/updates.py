"""What an update of the stack publishes: ``python -m tests.template.updates [BASE]``.

The transform decides which function versions CloudFormation replaces. Lambda publishes a version
only if the function's code or configuration differs from the latest version. Otherwise the update
fails with "A version for this Lambda function exists (N)". A changed function without a new version
does not go live. So an edit must replace the versions of exactly those functions that it changes.

It walks every parameter and every ordinary edit, and prints a row for each. With a base revision,
it also prints a row for the difference between that template and the one in the work tree.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from local.aws import template as templates
from tests.support.transformed_template import EVERYTHING, TEMPLATE, Attributes
from tests.template.golden import UnknownBase, base_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The properties of this template's functions that a version has: UpdateFunctionCode and
# UpdateFunctionConfiguration set them. Tags and ReservedConcurrentExecutions are none of them
# (github.com/aws/serverless-application-model, issue 3281).
VERSIONED = frozenset(
    (
        "Architectures",
        "Code",
        "Description",
        "Environment",
        "Handler",
        "Layers",
        "LoggingConfig",
        "MemorySize",
        "Role",
        "Runtime",
        "Timeout",
    )
)
# Parameters of stacks before an update.
STACKS = {
    "development": {},
    "production": EVERYTHING,
    "production with PublicBaseUrl": EVERYTHING | {"PublicBaseUrl": "https://proxy.example.com"},
}
# Another value for each parameter that has neither allowed values nor a maximum.
_VALUES = {
    "VonageNumber": "447700900002",
    "SecondNumber": "447700900003",
    "DefaultFlow": "voicemail",
    "NumberFlows": "447700900002=voicemail",
    "Language": "de-DE",
    "AllowedPrefixes": "44",
    "DeniedPrefixes": "447",
    "AllowedSipDomains": "sip.example.com",
    "Agent": "wss://bot.example.com/ws",
    "FlowPolicyArn": "arn:aws:iam::123456789012:policy/flows",
    "AlarmEmail": "other@example.com",
    "NotifyEmail": "other@example.com",
    "PublicBaseUrl": "https://other.example.com",
    "DomainName": "other.example.com",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1f1f1f1f",
}
_RUNTIME = "    Runtime: python3.13\n"
_NUMBER = ("        1 ${Stage} ", "        2 ${Stage} ")
# Ordinary edits: replacements in the text of template.yaml. A tag of a function, and its reserved
# concurrency, need a raised number of SettingsMark.
EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "code of the functions": (("CodeUri: functions\n", "CodeUri: edited\n"),),
    "packages of the layer": (("ContentUri: layers/packages\n", "ContentUri: edited\n"),),
    "description of the layer": (("Description: PyJWT,", "Description: Edited,"),),
    "setting of all functions": (("ANSWER_GET_HASH: report", "ANSWER_GET_HASH: enforce"),),
    "setting of one function": (("FOREIGN_ANSWER_URLS: refuse", "FOREIGN_ANSWER_URLS: allow"),),
    "log level": (("SystemLogLevel: WARN", "SystemLogLevel: INFO"),),
    "memory": (("    MemorySize: 1769", "    MemorySize: 2048"),),
    "timeout": (("Timeout: 28 #", "Timeout: 29 #"),),
    "runtime": ((_RUNTIME, "    Runtime: python3.14\n"),),
    "processor": (("Architectures: [!Ref Architecture]", "Architectures: [x86_64]"),),
    "description of a function": (("Description: Answers a call.", "Description: Edited."),),
    "role of a function": (("!GetAtt FallbackRole.Arn", "!GetAtt AnswerRole.Arn"),),
    "number of SettingsMark": (_NUMBER,),
    "tag of the functions, and the number": (
        (_RUNTIME, _RUNTIME + "    Tags: {team: voice}\n"),
        _NUMBER,
    ),
    "reserved concurrency, and the number": (
        (_RUNTIME, _RUNTIME + "    ReservedConcurrentExecutions: 20\n"),
        _NUMBER,
    ),
    "gradual deployment": (("Canary10Percent5Minutes", "Canary10Percent10Minutes"),),
    "log retention": (("!If [InProduction, 365, 30]", "!If [InProduction, 400, 30]"),),
    "statement of a role": (("logs:CreateLogStream, logs:PutLogEvents", "logs:*"),),
    "concurrency of a queue": (("{MaximumConcurrency: 3}", "{MaximumConcurrency: 4}"),),
    "limit of a route": (("{ThrottlingRateLimit: 50,", "{ThrottlingRateLimit: 60,"),),
    "threshold of an alarm": (("      Threshold: 10\n", "      Threshold: 20\n"),),
}


class PublishedFunction(NamedTuple):
    """The logical id and description of a function's version, and what the version contains."""

    version: str
    description: str
    configuration: dict[str, Any]


class Update(NamedTuple):
    """The functions whose versions an update replaces, and those whose configuration it changes."""

    replaced: frozenset[str]
    changed: frozenset[str]
    functions: int

    @property
    def refused(self) -> frozenset[str]:
        """The functions whose new version Lambda refuses, because nothing changed."""
        return self.replaced - self.changed

    @property
    def stale(self) -> frozenset[str]:
        """The functions whose change does not go live."""
        return self.changed - self.replaced


@functools.cache
def _published(text: str, parameters: frozenset[tuple[str, str]]) -> dict[str, PublishedFunction]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "template.yaml")
        path.write_text(text, encoding="utf-8")
        # An older template lacks the parameters that came after it.
        known = {name: value for name, value in parameters if f"\n  {name}:\n" in text}
        template = templates.read(path, "eu-west-1", known, {})
    names = {name: name for name in template.resources}
    mark = template.resources["SettingsMark"]["Properties"]["Description"]
    attributes = Attributes()
    if "AgentMark" in template.resources:
        agent = template.resources["AgentMark"]["Properties"]["Description"]
        resolved = templates.Resolver(template, names, attributes).resolve(agent)
        # A replaced managed policy has another id, too.
        attributes["AgentMark", "PolicyId"] = f"AgentMark: {resolved}"
    description = templates.Resolver(template, names, attributes).resolve(mark)
    # A replaced managed policy has another ARN.
    names["SettingsMark"] = f"SettingsMark: {description}"
    resolver = templates.Resolver(template, names, Attributes())
    functions = {}
    for logical_id, version in template.of_type("AWS::Lambda::Version").items():
        name = version["Properties"]["FunctionName"]["Ref"]
        function = template.resources[name]
        if "Condition" in function and not resolver.holds(function["Condition"]):
            continue
        properties = resolver.resolve(function["Properties"])
        functions[properties["Handler"].removesuffix(".app.handler")] = PublishedFunction(
            logical_id,
            resolver.resolve(version["Properties"]["Description"]),
            {key: value for key, value in properties.items() if key in VERSIONED},
        )
    return functions


def update(
    before: str, after: str, old: Mapping[str, str], new: Mapping[str, str] | None = None
) -> Update:
    """Compare two texts of template.yaml, with the parameters of the stack before and after."""
    was = _published(before, frozenset(old.items()))
    now = _published(after, frozenset((old if new is None else new).items()))
    both = was.keys() & now.keys()  # a function that an update adds has no earlier version
    return Update(
        frozenset(name for name in both if was[name][:2] != now[name][:2]),
        frozenset(name for name in both if was[name].configuration != now[name].configuration),
        len(both),
    )


def of_parameter(name: str, stack: str, text: str | None = None) -> Update:
    """Return what another value of a parameter publishes in one of `STACKS`."""
    text = TEMPLATE.read_text(encoding="utf-8") if text is None else text
    old = STACKS[stack]
    parameter = _declared()[name]
    default = str(old.get(name, parameter["Default"]))
    values = [str(one) for one in parameter.get("AllowedValues", [])]
    values += [str(parameter["MaxValue"])] if "MaxValue" in parameter else []
    values = [value for value in values if value != default] or [_VALUES[name]]
    return update(text, text, old, {**old, name: values[-1]})


def of_edit(name: str) -> Update:
    """Return what one of `EDITS` publishes in production."""
    return of_edited(*EDITS[name])


def of_edited(*replacements: tuple[str, str]) -> Update:
    """Return what replacements in template.yaml publish in production.

    Raises
    ------
    ValueError
        If the template does not contain a text that is to be replaced.
    """
    before = TEMPLATE.read_text(encoding="utf-8")
    return update(before, edited(before, *replacements), EVERYTHING)


def edited(text: str, *replacements: tuple[str, str]) -> str:
    """Return a text with replacements, each of which it must contain."""
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"template.yaml does not contain {old!r}")
        text = text.replace(old, new)
    return text


@functools.cache
def _declared() -> dict[str, Any]:
    return templates.read(TEMPLATE, "eu-west-1", {}, {}).declared


def parameters() -> list[tuple[str, str]]:
    """Return each parameter with each of `STACKS`."""
    return [(name, stack) for name in _declared() for stack in STACKS]


def _rows() -> Iterator[tuple[str, Update]]:
    for name, stack in parameters():
        yield f"{name} ({stack})", of_parameter(name, stack)
    for name in EDITS:
        yield name, of_edit(name)


def _named(functions: frozenset[str], of: int) -> str:
    return "all" if len(functions) == of else ", ".join(sorted(functions)) or "none"


def _print(name: str, found: Update) -> None:
    replaced, changed = (_named(one, found.functions) for one in (found.replaced, found.changed))
    verdict = "ok"
    if found.refused:
        verdict = "FAILS: raise the number in SettingsMark"
    elif found.stale:
        verdict = "DOES NOT GO LIVE: raise the number in SettingsMark"
    print(f"{name:52} {replaced:22} {changed:22} {verdict}", flush=True)


def main(arguments: list[str], root: Path = TEMPLATE.parent) -> int:
    """Print all rows; return 1 if a row fails or does not go live."""
    print(f"{'parameter (stack) or edit':52} {'replaced versions':22} {'changed functions':22}")
    failed = False
    for name, found in _rows():
        _print(name, found)
        failed = failed or found.replaced != found.changed
    for revision in arguments[:1]:
        try:
            before = base_template(root, revision)
        except UnknownBase as error:
            sys.stderr.write(f"error: no base to compare with\n{error}\n")
            return 1
        after = (root / "template.yaml").read_text(encoding="utf-8")
        found = update(before, after, EVERYTHING)
        _print(f"template.yaml since {revision}", found)
        failed = failed or found.replaced != found.changed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
