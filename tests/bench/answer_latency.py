"""Measure the answer webhook's latency, cold and warm."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.bench.secrets_manager import Network, secrets_manager, trusted_by
from tests.bench.stats import Measurement, in_turn, number, spread, table
from tests.support import webhooks
from tests.support.environment import credentials, stack
from tests.support.signing import account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.baselines import Baseline
    from tests.bench.lambda_containers import Containers, Package, Processes, Started
    from tests.support.signing import VonageSignature

_BLOCK = 50  # consecutive requests per implementation
_ARN = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:"
_NEAR = Network()
_FAR = Network(round_trip=0.001, service=0.010)
_ALSO_FAR = ("ours", "fastapi")  # implementations that are also started with AWS far away


class _Bench(NamedTuple):
    """What functions find around them: environment variables, trusted certificates, and an account
    that signs webhooks.
    """

    environment: dict[str, str]
    roots: Path
    authority: str
    account: VonageSignature

    def request(self) -> dict[str, Any]:
        """Return API Gateway's event of a signed answer webhook."""
        return webhooks.post(self.account, "answer", webhooks.answer(webhooks.conversation()))


class _Cold(NamedTuple):
    """Milliseconds of one cold start.

    ``with_container`` includes the container's start, ``answer`` doesn't. ``processor`` is Python's
    processor time. The emulator reports ``init`` and the first ``invocation``.
    """

    with_container: float
    answer: float
    processor: float
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
    by_name = {one.name: one for one in implementations}
    rows = {name: (one.title, name, _NEAR) for name, one in by_name.items()}
    rows |= {
        f"{name}_far": (f"{by_name[name].title}; AWS 1 ms away, 10 ms a request", name, _FAR)
        for name in _ALSO_FAR
    }
    starts: dict[str, list[_Cold]] = {row: [] for row in rows}
    with ExitStack() as stack:
        benches = {one: stack.enter_context(_bench(runtime, one)) for one in (_NEAR, _FAR)}
        packages = {
            row: stack.enter_context(_trusting(by_name[name].package, benches[network].authority))
            for row, (_, name, network) in rows.items()
        }
        for turn, row in in_turn(list(rows), rounds):
            _, name, network = rows[row]
            bench = benches[network]
            report_progress(f"cold {turn + 1}/{rounds} {row}")
            with runtime.start(packages[row], bench.environment, bench.roots) as started:
                starts[row].append(_measured(started, bench.request(), name))
    where = {"where": runtime.title, "tls": str(runtime.trust())}
    return _cold_outcome(where, {row: title for row, (title, _, _) in rows.items()}, starts)


def warm(
    runtime: Containers | Processes,
    implementations: Sequence[Baseline],
    requests: int,
    report_progress: Callable[[str], None],
) -> Measurement:
    """Send each implementation many signed requests, in blocks that take turns."""
    times: dict[str, list[float]] = {one.name: [] for one in implementations}
    with _bench(runtime, _NEAR) as bench, ExitStack() as running:
        started = {}
        for one in implementations:
            package = running.enter_context(_trusting(one.package, bench.authority))
            started[one.name] = running.enter_context(
                runtime.start(package, bench.environment, bench.roots)
            )
            for _ in range(_BLOCK):
                _check(one.name, started[one.name].invoke(bench.request()))
        for turn, name in in_turn(list(started), -(-requests // _BLOCK)):
            report_progress(f"warm {turn * _BLOCK}/{requests} {name}")
            for _ in range(_BLOCK):
                event = bench.request()
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
def _bench(runtime: Containers | Processes, network: Network) -> Iterator[_Bench]:
    ours = account()
    secrets = {f"{_ARN}signing": ours.secret_string(), f"{_ARN}switchboard": "{}"}
    with (
        secrets_manager(runtime.listens, secrets, network) as aws,
        trusted_by(runtime.trust().bundle, aws.authority) as roots,
    ):
        endpoint = f"https://{runtime.called}:{aws.port}"
        environment = stack(
            SIGNING_SECRET_ID=f"{_ARN}signing", SWITCHBOARD_SECRET_ID=f"{_ARN}switchboard"
        )
        environment |= credentials(endpoint) | {"AWS_DEFAULT_REGION": "eu-west-2"}
        yield _Bench(environment, roots, aws.authority, ours)


@contextmanager
def _trusting(package: Package, authority: str) -> Iterator[Package]:
    """Yield a package that trusts one more authority where it trusts those of Amazon."""
    roots = Path("voicekit", "amazon_roots.pem")
    if not (package.code / roots).is_file():
        yield package
        return
    with tempfile.TemporaryDirectory() as folder:
        code = shutil.copytree(package.code, Path(folder, "code"))
        Path(folder).chmod(0o755)
        with (code / roots).open("a") as file:
            file.write(authority)
        yield package._replace(code=code)


def _measured(started: Started, event: dict[str, Any], name: str) -> _Cold:
    sent_at = time.perf_counter()
    response = started.invoke(event)
    answered_at = time.perf_counter()
    _check(name, response)
    return _Cold(
        (answered_at - started.requested_at) * 1000,
        (answered_at - sent_at) * 1000,
        started.processor_ms(),
        *started.emulator_times(),
    )


def _check(name: str, response: dict[str, Any]) -> None:
    """Raise unless the response greets the caller, or is empty for the empty handler."""
    actions = [action["action"] for action in json.loads(response["body"])]
    if actions != ([] if name == "empty" else ["talk"]):
        raise RuntimeError(f"{name}: unexpected response {response}")


def _cold_outcome(
    where: dict[str, str], titles: dict[str, str], starts: dict[str, list[_Cold]]
) -> Measurement:
    found = {
        name: {part: spread([getattr(one, part) for one in those]) for part in _Cold._fields}
        for name, those in starts.items()
    }
    middle = {
        part: {name: parts[part].median for name, parts in found.items()} for part in _Cold._fields
    }

    def to_empty(name: str, part: str) -> float:
        return middle[part][name] / middle[part]["empty"]

    head = ["cold", "init + first answer, ms", "to empty", "CPU, ms", "to empty", "init, ms"]
    rows = [
        [
            title,
            found[name]["answer"],
            f"{to_empty(name, 'answer'):.2f}",
            number(middle["processor"][name]),
            f"{to_empty(name, 'processor'):.2f}",
            number(middle["init"][name]),
            number(middle["with_container"][name]),
        ]
        for name, title in titles.items()
    ]
    # The first invocation alone: what a caller waits for if Lambda initialized the environment
    # before the call, as it does ahead of demand or with provisioned concurrency.
    earlier = [
        [title, found[name]["invocation"], f"{to_empty(name, 'invocation'):.2f}"]
        for name, title in titles.items()
    ]
    ratios = {
        "ours to empty": to_empty("ours", "answer"),
        "ours to empty, processor time": to_empty("ours", "processor"),
        "ours to empty, initialized earlier": to_empty("ours", "invocation"),
        "ours to empty, including the container's start": to_empty("ours", "with_container"),
        "ours beyond empty, ms": middle["answer"]["ours"] - middle["answer"]["empty"],
        "FastAPI to ours": middle["answer"]["fastapi"] / middle["answer"]["ours"],
        "FastAPI with bytecode to ours": middle["answer"]["fastapi_compiled"]
        / middle["answer"]["ours"],
        "FastAPI to ours, AWS 1 ms away": middle["answer"]["fastapi_far"]
        / middle["answer"]["ours_far"],
    }
    lines = [f"- {name}: {number(value)}" for name, value in ratios.items()]
    described = {
        name: {part: one.described() for part, one in parts.items()}
        for name, parts in found.items()
    }
    rounded = {
        name: None if math.isnan(value) else round(value, 3) for name, value in ratios.items()
    }
    tables = [
        f"TLS in the functions: {where['tls']}",
        table([*head, "with container, ms"], rows),
        table(["initialized earlier", "answer, ms", "to empty"], earlier),
        "\n".join(lines),
    ]
    return Measurement({**where, "milliseconds": described, **rounded}, "\n\n".join(tables))
