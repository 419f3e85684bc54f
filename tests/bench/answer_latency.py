"""How long the answer webhook takes: where Python starts with it, and where it runs already."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.moto_server import fake_aws
from tests.bench.stats import Measurement, in_turn, number, spread, table
from tests.support import webhooks
from tests.support.environment import credentials, stack
from tests.support.signing import account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.baselines import Baseline
    from tests.bench.lambda_containers import Containers, Processes, Started
    from tests.support.signing import VonageSignature

_BLOCK = 50  # requests after which another contender has its turn


class _Bench(NamedTuple):
    """What a function finds around it: its environment, and the account that signs."""

    environment: dict[str, str]
    account: VonageSignature

    def request(self) -> dict[str, Any]:
        """Give a signed answer webhook as API Gateway hands it to a function."""
        return webhooks.post(self.account, "answer", webhooks.answer(webhooks.conversation()))


class _Cold(NamedTuple):
    """Milliseconds of one start: until the answer with and without the container's own start, and
    of that what the emulator saw of init and the first invocation.
    """

    with_container: float
    answer: float
    init: float
    invocation: float


def cold(
    runtime: Containers | Processes,
    field: Sequence[Baseline],
    rounds: int,
    say: Callable[[str], None],
) -> Measurement:
    """Start every contender afresh in each round and have it answer one signed request.

    Parameters
    ----------
    runtime, field
        Where they are started, and who.
    rounds
        How often each is started.
    say
        Told how far it is.
    """
    starts: dict[str, list[_Cold]] = {one.name: [] for one in field}
    packages = {one.name: one.package for one in field}
    with _bench(runtime) as stage:
        for turn, name in in_turn(list(packages), rounds):
            say(f"cold {turn + 1}/{rounds} {name}")
            with runtime.start(packages[name], stage.environment) as started:
                starts[name].append(_measured(started, stage.request(), name))
    return _cold_outcome(runtime.title, field, starts)


def warm(
    runtime: Containers | Processes,
    field: Sequence[Baseline],
    requests: int,
    say: Callable[[str], None],
) -> Measurement:
    """Have every contender answer many signed requests, in blocks that take turns."""
    times: dict[str, list[float]] = {one.name: [] for one in field}
    with _bench(runtime) as stage, ExitStack() as running:
        started = {}
        for one in field:
            started[one.name] = running.enter_context(runtime.start(one.package, stage.environment))
            for _ in range(_BLOCK):
                _check(one.name, started[one.name].invoke(stage.request()))
        for turn, name in in_turn(list(started), -(-requests // _BLOCK)):
            say(f"warm {turn * _BLOCK}/{requests} {name}")
            for _ in range(_BLOCK):
                event = stage.request()
                begun = time.perf_counter()
                reply = started[name].invoke(event)
                times[name].append((time.perf_counter() - begun) * 1000)
                _check(name, reply)
    spreads = {name: spread(values) for name, values in times.items()}
    base = spreads["empty"].median
    rows = [
        [one.title, spreads[one.name], f"{spreads[one.name].median / base:.2f}"] for one in field
    ]
    return Measurement(
        {
            "where": runtime.title,
            "milliseconds": {name: found.described() for name, found in spreads.items()},
            "ours_to_empty": round(spreads["ours"].median / base, 3),
        },
        table(["warm", "answer, ms", "to empty"], rows),
    )


@contextmanager
def _bench(runtime: Containers | Processes) -> Iterator[_Bench]:
    ours = account()
    with fake_aws(runtime.listens, runtime.called) as aws:
        client = aws.client("secretsmanager")
        made = client.create_secret(Name="signing", SecretString=ours.secret_string())
        client.get_secret_value(SecretId=made["ARN"])  # moto's own first time
        region = {"AWS_DEFAULT_REGION": "eu-west-2"}
        board = client.create_secret(Name="switchboard", SecretString="{}")
        own = stack(SIGNING_SECRET_ID=made["ARN"], SWITCHBOARD_SECRET_ID=board["ARN"])
        own |= credentials(aws.endpoint) | region
        yield _Bench(own, ours)


def _measured(started: Started, event: dict[str, Any], name: str) -> _Cold:
    sent_at = time.perf_counter()
    reply = started.invoke(event)
    answered_at = time.perf_counter()
    _check(name, reply)
    return _Cold(
        (answered_at - started.asked_at) * 1000, (answered_at - sent_at) * 1000, *started.told()
    )


def _check(name: str, reply: dict[str, Any]) -> None:
    """See that a contender greeted the caller; the empty one says nothing."""
    actions = [action["action"] for action in json.loads(reply["body"])]
    if actions != ([] if name == "empty" else ["talk"]):
        raise RuntimeError(f"{name} answered {reply}")


def _cold_outcome(
    where: str, field: Sequence[Baseline], starts: dict[str, list[_Cold]]
) -> Measurement:
    found = {
        name: {part: spread([getattr(one, part) for one in those]) for part in _Cold._fields}
        for name, those in starts.items()
    }
    middle = {name: parts["answer"].median for name, parts in found.items()}
    with_container = {name: parts["with_container"].median for name, parts in found.items()}
    head = ["cold", "init + first answer, ms", "to empty", "init", "answer", "with container, ms"]
    rows = [
        [
            one.title,
            found[one.name]["answer"],
            f"{middle[one.name] / middle['empty']:.2f}",
            number(found[one.name]["init"].median),
            number(found[one.name]["invocation"].median),
            found[one.name]["with_container"],
        ]
        for one in field
    ]
    ratios = {
        "ours to empty": middle["ours"] / middle["empty"],
        "ours to empty, the container's start included": with_container["ours"]
        / with_container["empty"],
        "ours beyond empty, ms": middle["ours"] - middle["empty"],
        "FastAPI to ours": middle["fastapi"] / middle["ours"],
        "FastAPI with bytecode to ours": middle["fastapi_compiled"] / middle["ours"],
    }
    lines = [f"- {name}: {number(value)}" for name, value in ratios.items()]
    described = {
        name: {part: one.described() for part, one in parts.items()}
        for name, parts in found.items()
    }
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    return Measurement(
        {"where": where, "milliseconds": described, **rounded},
        "\n".join([table(head, rows), "", *lines]),
    )
