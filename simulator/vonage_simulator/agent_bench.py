"""`vonage-agent-bench`: measure a voice agent at a WebSocket, in any language, in real time."""

import argparse
import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from . import __version__, audio
from .agent_bench_calls import LINES, BenchError, BenchPlan, CallResult, run_calls
from .agent_bench_report import BaselineError, BenchReport, read_baseline
from .endpoints import Endpoint
from .json_fields import FieldError
from .settings import SimulatorSettings
from .spoken_audio import loud_part

MAX_SECONDS = 30.0
MAX_CALLS = 10_000
MAX_PARALLEL = 100
DEFAULT_UTTERANCE = "a tone of 1.5 s"

PASSED, FAILED, CANNOT_RUN, NOT_RELIABLE, INTERRUPTED = 0, 1, 2, 3, 130

DESCRIPTION = """Measure a voice agent that speaks Vonage's WebSocket protocol, in any language.

The caller of each call listens to the greeting, speaks, and interrupts the response with the next
utterance. With one utterance, it says it twice. All of it takes real time."""
EPILOG = """examples:
  Five calls to an agent on this machine:
    vonage-agent-bench ws://127.0.0.1:8080/ws --say question.wav --say interruption.wav
  The numbers of 20 calls on a mobile line, kept as a baseline:
    vonage-agent-bench ws://127.0.0.1:8080/ws --say a.wav --say b.wav \\
      --calls 20 --line mobile --seed 7 --save-baseline agent.json
  In CI, fail if they are worse by more than the baseline allows:
    vonage-agent-bench ws://127.0.0.1:8080/ws --say a.wav --say b.wav \\
      --calls 20 --line mobile --seed 7 --baseline agent.json --junit agent.xml

exit status:
  0    every call was measured, and no baseline is exceeded
  1    a call failed: no connection, silence, a wrong frame; or a baseline is exceeded
  2    the arguments, a file or the simulator: nothing was measured
  3    the tool itself was too late for reliable numbers; use an idle machine
  130  interrupted: the report has the calls that ended

environment:
  VONAGE_SIGNATURE_SECRET, VONAGE_API_KEY, VONAGE_APPLICATION_ID
       for --auth vonage: what the agent verifies the handshake with"""


def agent_url(text: str) -> str:
    """Check the agent's URL."""
    try:
        parts = urlsplit(text)
        is_valid = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or any(character.isspace() for character in text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a WebSocket URL; expected one such as ws://127.0.0.1:8080/ws"
        )
    return text


def utterance(text: str) -> tuple[str, bytes]:
    """Read a WAV file; return its name and content."""
    path = Path(text)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from error
    pcm = audio.pcm_of(content)
    if not pcm:
        raise argparse.ArgumentTypeError(
            f"{text}: not a WAV file with 16-bit samples. Convert it with ffmpeg: "
            f"ffmpeg -i {path.name} -ac 1 -ar 16000 -sample_fmt s16 {path.stem}-16.wav"
        )
    if len(pcm) / 2 / audio.RATE > MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text}: longer than {MAX_SECONDS:.0f} s")
    if loud_part(pcm) is None:
        raise argparse.ArgumentTypeError(
            f"{text}: no voice above -36 dB, so no agent hears it. Use a louder recording"
        )
    return path.name, content


def header(text: str) -> tuple[str, str]:
    """Check a header of the endpoint."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not a header; expected NAME=VALUE")
    if name in ("event", "content-type"):
        raise argparse.ArgumentTypeError(f"{name}: Vonage sets this field of the first message")
    return name, value


def output_file(text: str) -> Path:
    """Check that a file can be written later, before the calls take their time."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: expected a file in a folder that exists")
    return path


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a function that checks an integer."""

    def check(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text[:9])

    return check


def parser() -> argparse.ArgumentParser:
    """Build the argument parser."""
    options = argparse.ArgumentParser(
        prog="vonage-agent-bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--version", action="version", version=__version__)
    add = options.add_argument
    add("url", type=agent_url, metavar="URL", help="the agent's ws or wss URL")
    add("--say", type=utterance, action="append", metavar="FILE",
        help="WAV file with 16-bit samples that the caller says; repeat for more, in order "
        "(default: a tone, which no speech recognition understands)")  # fmt: skip
    add("--calls", type=whole(1, MAX_CALLS), default=5, help="number of calls (default: 5)")
    add("--parallel", type=whole(1, MAX_PARALLEL), default=1, metavar="N",
        help="calls at the same time (default: 1)")  # fmt: skip
    add("--line", choices=tuple(LINES), default="clean",
        help="the caller's line: lost frames, jitter, stalls (default: clean)")  # fmt: skip
    add("--seed", type=whole(0, 10**8), default=1, help="repeat the line's faults (default: 1)")
    add("--header", type=header, action="append", metavar="K=V",
        help="header of the endpoint, a field of the first message; repeat for more")  # fmt: skip
    add("--auth", choices=("vonage", "none"), default="none",
        help="whether the handshake has Vonage's token (default: none)")  # fmt: skip
    add("--json", action="store_true", help="print JSON in place of the table")
    add("--junit", type=output_file, metavar="FILE", help="write a JUnit document")
    add("--baseline", type=Path, metavar="FILE",
        help="compare with a baseline, which has the percentage and the floor")  # fmt: skip
    add("--save-baseline", type=output_file, metavar="FILE", help="save the numbers as a baseline")
    return options


def plan_of(arguments: argparse.Namespace, environment: dict[str, str]) -> BenchPlan:
    """Build the plan from parsed arguments.

    Raises
    ------
    ValueError
        If the secret for `--auth vonage` is missing, or the headers are too long.
    """
    secret = environment.get("VONAGE_SIGNATURE_SECRET")
    if arguments.auth == "vonage" and not secret:
        raise ValueError(
            "--auth vonage: set VONAGE_SIGNATURE_SECRET to the secret that the agent verifies with"
        )
    headers = dict(arguments.header or ())
    limit = SimulatorSettings().websocket_header_bytes
    try:
        Endpoint("websocket", arguments.url, headers=headers).check_headers(limit)
    except FieldError:
        raise ValueError(f"--header: more than {limit} bytes, which Vonage refuses") from None
    said = arguments.say or [(DEFAULT_UTTERANCE, default_utterance())]
    return BenchPlan(
        url=arguments.url,
        utterances=tuple(content for _, content in said),
        names=tuple(name for name, _ in said),
        calls=arguments.calls,
        parallel=arguments.parallel,
        line=arguments.line,
        seed=arguments.seed,
        headers=headers,
        signature_secret=secret if arguments.auth == "vonage" else None,
        api_key=environment.get("VONAGE_API_KEY") or "abcd1234",
        application_id=environment.get("VONAGE_APPLICATION_ID") or None,
    )


def default_utterance() -> bytes:
    """Return a WAV file with a tone."""
    samples = audio.mix([audio.Clip(0, 1.5, 440)], 0, audio.RATE * 3 // 2)
    file = io.BytesIO()
    audio.write_wav(file, [samples.tobytes()], 1)
    return file.getvalue()


def progress(plan: BenchPlan) -> Callable[[CallResult], None]:
    """Return a function that prints a line for each call on standard error."""
    done = 0

    def show(result: CallResult) -> None:
        nonlocal done
        done += 1
        text = "; ".join(result.problems) or "measured"
        print(f"{done}/{plan.calls}  call {result.number}: {text}", file=sys.stderr, flush=True)

    return show


async def measure_calls(plan: BenchPlan, show: Callable[[CallResult], None]) -> BenchReport:
    """Run the calls; SIGINT and SIGTERM end them, and the report has those that ended before."""
    results: list[CallResult] = []

    def add(result: CallResult) -> None:
        results.append(result)
        show(result)

    running = asyncio.ensure_future(run_calls(plan, add))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    await asyncio.wait({running})
    if not running.cancelled():
        running.result()
    return BenchReport(plan, results)


def exit_status(report: BenchReport, regressions: Sequence[str]) -> int:
    """Return the exit status for a report."""
    if len(report.results) < report.plan.calls:
        return INTERRUPTED
    if report.failed:
        return FAILED
    if not report.is_reliable:
        return NOT_RELIABLE
    return FAILED if regressions else PASSED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    given = parser().parse_args(arguments)
    try:
        plan = plan_of(given, dict(os.environ))
        baseline = None if given.baseline is None else read_baseline(given.baseline, plan)
    except (ValueError, BaselineError) as error:
        return _fail(str(error))
    try:
        report = asyncio.run(measure_calls(plan, progress(plan)))
        regressions = [] if baseline is None else report.regressions(baseline)
        print(report.json(regressions) if given.json else report.text(regressions), flush=True)
        status = exit_status(report, regressions)
        if given.junit is not None:
            given.junit.write_bytes(report.junit(regressions))
        if given.save_baseline is not None:
            _save(report, given.save_baseline, status)
    except (BenchError, aiohttp.ClientError, OSError) as error:
        return _fail(str(error))
    return status


def _save(report: BenchReport, path: Path, status: int) -> None:
    if status == PASSED:
        path.write_text(report.baseline(), encoding="utf-8")
    else:
        print(f"not saved: {path} keeps only the numbers of a run that passed", file=sys.stderr)


def _fail(reason: str) -> int:
    print(f"vonage-agent-bench: error: {reason}", file=sys.stderr)
    return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
