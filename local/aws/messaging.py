"""Create the template's event buses, topics and rules in moto, and the queue of the outbox.

moto invokes no function and publishes to no topic for a rule: PutEvents would fail. So only rules
with queues as targets are created.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from local.aws.constants import ACCOUNT, STACK
from local.aws.template import Resolver, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.aws.moto_server import MotoServer
    from local.aws.template import Template

OUTBOX = "outbox"
_QUEUE_ARN = "arn:aws:sqs:"


def create_buses_and_topics(
    server: MotoServer, template: Template
) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Create the event buses and topics; return their names and their attributes."""
    resolver = Resolver(template, {}, {})
    names: dict[str, str] = {}
    attributes: dict[tuple[str, str], str] = {}
    for logical, properties in _existing(template, resolver, "AWS::Events::EventBus"):
        names[logical] = resolver.resolve(properties["Name"])
        created = server.client("events").create_event_bus(Name=names[logical])
        attributes[logical, "Arn"] = created["EventBusArn"]
        attributes[logical, "Name"] = names[logical]
    for logical, _ in _existing(template, resolver, "AWS::SNS::Topic"):
        name = f"{STACK}-{logical}"
        names[logical] = server.client("sns").create_topic(Name=name)["TopicArn"]
        attributes[logical, "TopicArn"] = names[logical]
        attributes[logical, "TopicName"] = name
    return names, attributes


def create_outbox(
    server: MotoServer, template: Template, resolver: Resolver, names: dict[str, str]
) -> tuple[str, str] | None:
    """Create the rules and the email subscriptions, and a queue that receives what they would.

    Returns
    -------
    tuple or None
        The queue's URL and ARN; None if there is neither a bus nor an email subscription.
    """
    _create_rules(server, template, resolver)
    buses = [names[one] for one, _ in _existing(template, resolver, "AWS::Events::EventBus")]
    topics = _subscribe_addresses(server, template, resolver)
    if not buses and not topics:
        return None
    name = f"{STACK}-{OUTBOX}"
    url = server.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = f"{_QUEUE_ARN}{template.region}:{ACCOUNT}:{name}"
    everything = {"source": [{"prefix": ""}]}
    for bus in buses:
        _put_rule(server, OUTBOX, bus, everything, [{"Id": OUTBOX, "Arn": arn}])
    for topic in topics:
        server.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url, arn


def _create_rules(server: MotoServer, template: Template, resolver: Resolver) -> None:
    """Create the rules with an event pattern whose targets are queues of the template."""
    for logical, properties in _existing(template, resolver, "AWS::Events::Rule"):
        with contextlib.suppress(TemplateError):  # about a resource only in AWS, such as an alarm
            pattern = resolver.resolve(properties.get("EventPattern"))
            targets = resolver.resolve(properties.get("Targets", []))
            if pattern and all(one["Arn"].startswith(_QUEUE_ARN) for one in targets):
                bus = resolver.resolve(properties.get("EventBusName", "default"))
                targets = [{"Id": one["Id"], "Arn": one["Arn"]} for one in targets]
                _put_rule(server, f"{STACK}-{logical}", bus, pattern, targets)


def _put_rule(
    server: MotoServer, name: str, bus: str, pattern: Any, targets: list[dict[str, str]]
) -> None:
    client = server.client("events")
    client.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    client.put_targets(Rule=name, EventBusName=bus, Targets=targets)


def _subscribe_addresses(
    server: MotoServer, template: Template, resolver: Resolver
) -> dict[str, None]:
    """Create the email subscriptions, and return the ARNs of their topics without repeats."""
    topics: dict[str, None] = {}
    for _, properties in _existing(template, resolver, "AWS::SNS::Subscription"):
        one = resolver.resolve(properties)
        if one["Protocol"] == "email":
            topics[one["TopicArn"]] = None
            server.client("sns").subscribe(
                TopicArn=one["TopicArn"], Protocol="email", Endpoint=one["Endpoint"]
            )
    return topics


def _existing(
    template: Template, resolver: Resolver, kind: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the logical id and the properties of each resource whose condition holds."""
    for logical, resource in template.of_type(kind).items():
        if "Condition" not in resource or resolver.holds(resource["Condition"]):
            yield logical, resource.get("Properties", {})
