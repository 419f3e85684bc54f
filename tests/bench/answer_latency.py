"""Measure the answer webhook's latency, cold and warm."""

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

_BLOCK = 50  # consecutive requests per implementation


class _Bench(NamedTuple):
    """A function's environment variables, and the account that signs webhooks."""

    environment: dict[str, str]
    account: VonageSignature

    def request(self) -> dict[str, Any]:
        """Return API Gateway's event of a signed answer webhook."""
        return webhooks.post(self.account, "answer", webhooks.answer(webhooks.conversation()))


class _Cold(NamedTuple):
    """Milliseconds of one cold start.

    ``with_container`` includes the container's start, ``answer`` doesn't. The emulator reports
    ``init`` and the first ``invocation``.
    """

    with_container: float
    answer: float
    init: float
    invocation: float


def cold(
    runtime: Containers | Processes,
    implementations: Sequence[Baseline],
    rounds: int,
    report_progress: Callable[[str], None],
) -> Measurement:
    """Start each implementation once per round, and invoke it with one signed request.

    Parameters
    ----------
    runtime, implementations
        Where to start, and what.
    rounds
        Cold starts per implementation.
    report_progress
        Receives a line of text for each start.
    """
    starts: dict[str, list[_Cold]] = {one.name: [] for one in implementations}
    packages = {one.name: one.package for one in implementations}
    with _bench(runtime) as stage:
        for turn, name in in_turn(list(packages), rounds):
            report_progress(f"cold {turn + 1}/{rounds} {name}")
            with runtime.start(packages[name], stage.environment) as started:
                starts[name].append(_measured(started, stage.request(), name))
    return _cold_outcome(runtime.title, implementations, starts)


def warm(
    runtime: Containers | Processes,
    implementations: Sequence[Baseline],
    requests: int,
    report_progress: Callable[[str], None],
) -> Measurement:
    """Send each implementation many signed requests, in blocks that take turns."""
    times: dict[str, list[float]] = {one.name: [] for one in implementations}
    with _bench(runtime) as stage, ExitStack() as running:
        started = {}
        for one in implementations:
            started[one.name] = running.enter_context(runtime.start(one.package, stage.environment))
            for _ in range(_BLOCK):
                _check(one.name, started[one.name].invoke(stage.request()))
        for turn, name in in_turn(list(started), -(-requests // _BLOCK)):
            report_progress(f"warm {turn * _BLOCK}/{requests} {name}")
            for _ in range(_BLOCK):
                event = stage.request()
                start = time.perf_counter()
                response = started[name].invoke(event)
                times[name].append((time.perf_counter() - start) * 1000)
                _check(name, response)
    spreads = {name: spread(values) for name, values in times.items()}
    base = spreads["empty"].median
    rows = [
        [one.title, spreads[one.name], f"{spreads[one.name].median / base:.2f}"]
        for one in implementations
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
        signing = client.create_secret(Name="signing", SecretString=ours.secret_string())
        client.get_secret_value(SecretId=signing["ARN"])  # moto's first request is slower
        region = {"AWS_DEFAULT_REGION": "eu-west-2"}
        switchboard = client.create_secret(Name="switchboard", SecretString="{}")
        environment = stack(
            SIGNING_SECRET_ID=signing["ARN"], SWITCHBOARD_SECRET_ID=switchboard["ARN"]
        )
        yield _Bench(environment | credentials(aws.endpoint) | region, ours)


def _measured(started: Started, event: dict[str, Any], name: str) -> _Cold:
    sent_at = time.perf_counter()
    response = started.invoke(event)
    answered_at = time.perf_counter()
    _check(name, response)
    return _Cold(
        (answered_at - started.requested_at) * 1000,
        (answered_at - sent_at) * 1000,
        *started.emulator_times(),
    )


def _check(name: str, response: dict[str, Any]) -> None:
    """Raise unless the response greets the caller, or is empty for the empty handler."""
    actions = [action["action"] for action in json.loads(response["body"])]
    if actions != ([] if name == "empty" else ["talk"]):
        raise RuntimeError(f"{name}: unexpected response {response}")


def _cold_outcome(
    where: str, implementations: Sequence[Baseline], starts: dict[str, list[_Cold]]
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
        for one in implementations
    ]
    ratios = {
        "ours to empty": middle["ours"] / middle["empty"],
        "ours to empty, including the container's start": with_container["ours"]
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
