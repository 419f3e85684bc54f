"""`vonage-agent-bench`: outcomes, counts, exit codes and documents; its times are real."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jwt
import pytest

from tests.simulator.agents import CountingAgent, serving, silence, tone, wav
from vonage_simulator import agent_bench, agent_bench_calls
from vonage_simulator.agent_bench import exit_status, main, parser, plan_of
from vonage_simulator.agent_bench_calls import BenchPlan, CallResult, run_calls
from vonage_simulator.agent_bench_report import (
    BaselineError,
    BenchMeasure,
    BenchReport,
    measure,
    read_baseline,
)

QUESTION = wav(tone(0.4) + silence(0.1))
SECRET = "a signature secret that is long enough"


def plan(url: str = "ws://127.0.0.1:1/ws", **options: Any) -> BenchPlan:
    chosen: dict[str, Any] = {
        "utterances": (QUESTION,),
        "names": ("question.wav",),
        "calls": 1,
    } | options
    return BenchPlan(url, **chosen)


async def results_of(agent: CountingAgent, **options: Any) -> list[CallResult]:
    """Return the results of a run against an agent."""
    results: list[CallResult] = []
    async with serving(agent) as url:
        await run_calls(plan(url, **options), results.append)
    return results


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for silent agents for a second only."""
    monkeypatch.setattr(agent_bench_calls, "PATIENCE", 1.0)


# Calls


async def test_a_good_agent_is_measured_with_all_four_times() -> None:
    results = await results_of(CountingAgent(), calls=3, parallel=3)
    assert sorted(one.number for one in results) == [1, 2, 3]
    for one in results:
        assert one.problems == ()
        assert one.first_audio is not None and one.first_audio >= 0
        assert len(one.responses) == 2 and None not in one.responses
        assert len(one.cleared) == len(one.silenced) == 1
        assert None not in (*one.cleared, *one.silenced)
        assert (one.wrong_frames, one.never_spoke) == (0, False)
        assert one.most_frames >= 50
        assert one.timed_frames > 100


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("refuses", "the agent did not answer: no WebSocket connection"),
        ("closes", "the agent closed the connection during the call"),
        ("sends wrong frames", "a wrong frame: unexpected frame size: 300 bytes"),
    ],
)
async def test_an_agent_that_cannot_be_measured_fails_its_call_and_is_not_tried_again(
    change: str, problem: str
) -> None:
    agent = CountingAgent(change)
    results = await results_of(agent, calls=2)
    assert [one.problems[0].startswith(problem) for one in results] == [True, True]
    assert all(one.first_audio is None for one in results)
    assert exit_status(BenchReport(plan(calls=2), results), []) == agent_bench.FAILED


@pytest.mark.usefixtures("impatient")
async def test_silence_is_null_and_fails() -> None:
    (result,) = await results_of(CountingAgent("is silent"))
    assert result.never_spoke
    assert (result.first_audio, result.responses) == (None, (None,))
    assert [problem.split(" within")[0] for problem in result.problems] == [
        "no audible audio",
        "no response",
    ]


@pytest.mark.usefixtures("impatient")
async def test_an_agent_that_does_not_respond_fails() -> None:
    (result,) = await results_of(CountingAgent("has no reply"))
    assert result.first_audio is not None
    assert result.responses == (None,)
    assert not result.never_spoke
    assert result.problems


async def test_each_file_is_said_and_each_but_the_first_interrupts() -> None:
    (result,) = await results_of(
        CountingAgent(), utterances=(QUESTION, QUESTION, QUESTION), names=("a", "b", "c")
    )
    assert (len(result.responses), len(result.silenced)) == (3, 2)


async def test_the_agent_gets_the_headers_and_a_token_only_if_asked() -> None:
    agent = CountingAgent("closes")
    await results_of(agent)
    assert "Authorization" not in agent.headers
    agent = CountingAgent("sends wrong frames")
    await results_of(
        agent,
        headers={"customer": "7"},
        signature_secret=SECRET,
        api_key="12345678",
        application_id="an-application",
    )
    token = agent.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["api_key"], claims["application_id"]) == ("12345678", "an-application")
    assert agent.texts[0]["customer"] == "7"


@pytest.mark.parametrize(("line", "loses"), [("clean", False), ("mobile", True), ("bad", True)])
async def test_a_bad_line_loses_frames_of_the_caller(line: str, loses: bool) -> None:
    # given a seed with which one frame in a hundred is lost within a second
    agent, said = CountingAgent(), wav(tone(1))
    (result,) = await results_of(agent, line=line, seed=5, utterances=(said,), names=("a",))
    assert result.first_audio is not None and None not in result.responses
    triples = zip(agent.heard, agent.heard[1:], agent.heard[2:], strict=False)
    assert ((True, False, True) in list(triples)) is loses


# Numbers


def test_p95_is_withheld_under_20_values() -> None:
    assert measure([0.1] * 19).p95 is None
    assert measure(n / 1000 for n in range(1, 21)) == BenchMeasure(20, 0, 10, 19, 20)


def test_what_is_missing_is_counted_and_is_not_0() -> None:
    assert measure([None, 0.3, None]) == BenchMeasure(1, 2, 300, None, 300)
    assert measure([None]) == BenchMeasure(0, 1, None, None, None)


def good(number: int, first_audio: float = 0.1, late: float = 0.0) -> CallResult:
    return CallResult(
        number,
        first_audio,
        (0.5, 0.6),
        (0.15,),
        (0.2,),
        most_frames=60,
        timed_frames=100,
        lateness_total=late * 100,
        lateness_worst=late,
    )


def report(*results: CallResult, **options: Any) -> BenchReport:
    return BenchReport(plan(calls=len(results) or 1, **options), results)


@pytest.mark.parametrize(
    ("results", "regressions", "status"),
    [
        ([good(1)], [], agent_bench.PASSED),
        ([good(1)], ["worse"], agent_bench.FAILED),
        ([good(1), CallResult(2, problems=("silence",))], [], agent_bench.FAILED),
        ([good(1, late=0.05)], [], agent_bench.NOT_RELIABLE),
        ([good(1, late=0.05)], ["worse"], agent_bench.NOT_RELIABLE),
    ],
)
def test_exit_status(results: list[CallResult], regressions: list[str], status: int) -> None:
    assert exit_status(report(*results), regressions) == status


def test_an_interrupted_run_has_its_own_exit_status() -> None:
    assert exit_status(BenchReport(plan(calls=2), [good(1)]), []) == agent_bench.INTERRUPTED


def test_the_table_says_what_is_missing_and_whether_the_tool_was_late() -> None:
    failed = CallResult(2, responses=(None,), never_spoke=True, problems=("no audible audio",))
    text = report(good(1), failed, line="mobile", seed=7).text(["response p50: 2 ms"])
    assert "2 of 2 calls, 1 FAILED, seed 7, line mobile (loss 1 %, jitter 40 ms)" in text
    assert "never spoke 1" in text and ": reliable" in text
    assert "2, 1 missing" in text
    assert "failed: call 2: no audible audio" in text
    assert "worse than the baseline: response p50: 2 ms" in text
    assert "NOT RELIABLE" in report(good(1, late=0.02)).text([])


def test_the_json_has_null_for_what_is_missing() -> None:
    failed = CallResult(1, responses=(None,), problems=("a",))
    document = json.loads(BenchReport(plan("wss://a/ws?token=secret"), [failed]).json(["b"]))
    assert document["url"] == "wss://a/ws"
    assert document["measures_ms"]["response"] == {
        "count": 0, "missing": 1, "p50": None, "p95": None, "worst": None,
    }  # fmt: skip
    assert document["results"][0]["response_ms"] == [None]
    assert (document["completed"], document["regressions"]) == (1, ["b"])


def test_junit_has_a_case_for_each_call_and_one_for_the_baseline() -> None:
    document = report(good(1), CallResult(2, problems=("<silence>",))).junit(["worse"])
    suite = ElementTree.fromstring(document)
    assert suite.attrib["tests"] == "3" and suite.attrib["failures"] == "2"
    cases = {case.attrib["name"]: case.find("failure") for case in suite.iter("testcase")}
    assert cases["call 1"] is None
    assert cases["call 2"] is not None and cases["call 2"].attrib["message"] == "<silence>"
    assert cases["baseline"] is not None


# Baselines


def saved(folder: Path, **changes: Any) -> Path:
    """Save a baseline of 100 ms to the first audio, and change its fields; None deletes one."""
    fields = json.loads(report(good(1)).baseline()) | changes
    path = folder / "baseline.json"
    path.write_text(json.dumps({key: it for key, it in fields.items() if it is not None}))
    return path


@pytest.mark.parametrize(
    ("percent", "floor", "now", "is_worse"),
    [
        (20, 40, 0.14, False),  # within the floor
        (20, 40, 0.141, True),
        (50, 40, 0.15, False),  # within the percentage
        (50, 40, 0.151, True),
        (0, 0, 0.05, False),  # better
    ],
)
def test_a_value_is_worse_if_it_exceeds_the_percentage_and_the_floor(
    tmp_path: Path, percent: float, floor: float, now: float, is_worse: bool
) -> None:
    baseline = read_baseline(saved(tmp_path, percent=percent, floor_ms=floor), plan())
    assert bool(report(good(1, now)).regressions(baseline)) is is_worse


def test_what_was_measured_before_and_is_missing_now_is_worse(tmp_path: Path) -> None:
    baseline = read_baseline(saved(tmp_path), plan())
    found = report(CallResult(1)).regressions(baseline)
    assert "first_audio p50: 100 ms before, not measured now" in found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"percent": None}, "percent is missing"),
        ({"floor_ms": None}, "floor_ms is missing"),
        ({"percent": "20"}, "percent must be a number"),
        ({"measures_ms": 5}, "not a baseline"),
        ({"measures_ms": {"first_audio": {"p50": True}}}, "p50 must be a number"),
        ({"measures_ms": {"speed": {}}}, "unknown measure speed"),
        ({"line": "mobile"}, "measured on line mobile"),
        ({"say": ["other.wav"]}, "with other.wav"),
    ],
)
def test_a_baseline_that_does_not_fit_is_an_error(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(BaselineError, match=problem):
        read_baseline(saved(tmp_path, **changes), plan())


def test_a_baseline_that_is_not_json_or_does_not_exist_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("[")
    for one in (path, tmp_path / "missing", tmp_path):
        with pytest.raises(BaselineError):
            read_baseline(one, plan())


# The command


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "required: URL"),
        (["http://localhost"], "not a WebSocket URL; expected one such as ws://"),
        (["ws://"], "not a WebSocket URL"),
        (["ws://a", "--say", "missing.wav"], "missing.wav: No such file"),
        (["ws://a", "--say", "text.wav"], "not a WAV file with 16-bit samples"),
        (["ws://a", "--say", "quiet.wav"], "no voice above -36 dB"),
        (["ws://a", "--say", "long.wav"], "longer than 30 s"),
        (["ws://a", "--calls", "0"], "not a number from 1 to 10000"),
        (["ws://a", "--calls", "1e3"], "not a number from 1"),
        (["ws://a", "--parallel", "101"], "not a number from 1 to 100"),
        (["ws://a", "--header", "a"], "expected NAME=VALUE"),
        (["ws://a", "--header", "event=a"], "Vonage sets this field"),
        (["ws://a", "--header", f"a={'x' * 512}"], "more than 512 bytes"),
        (["ws://a", "--auth", "vonage"], "set VONAGE_SIGNATURE_SECRET"),
        (["ws://a", "--line", "wet"], "invalid choice"),
        (["ws://a", "--junit", "no/folder.xml"], "in a folder that exists"),
        (["ws://a", "--baseline", "missing.json"], "missing.json: No such file"),
    ],
)
def test_arguments_that_cannot_work_are_refused_before_any_call(
    arguments: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VONAGE_SIGNATURE_SECRET", raising=False)
    (tmp_path / "text.wav").write_text("text")
    (tmp_path / "quiet.wav").write_bytes(wav(silence(1)))
    (tmp_path / "long.wav").write_bytes(wav(tone(1) + silence(30)))
    try:
        status: Any = main(arguments)
    except SystemExit as error:
        status = error.code
    assert status == agent_bench.CANNOT_RUN
    assert problem in capsys.readouterr().err


def test_without_files_the_caller_says_a_tone() -> None:
    made = plan_of(parser().parse_args(["ws://a"]), {})
    assert made.names == ("a tone of 1.5 s",)
    assert (made.calls, made.parallel, made.line) == (5, 1, "clean")


def test_the_help_has_examples_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "examples:" in text and "exit status:" in text and "interrupted" in text


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vonage_simulator.agent_bench",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_command_prints_json_shows_progress_and_writes_its_files(tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    question.write_bytes(QUESTION)
    junit, baseline = tmp_path / "agent.xml", tmp_path / "agent.json"
    async with serving(CountingAgent()) as url:
        process = await started(
            *(url, "--say", str(question), "--calls", "2", "--parallel", "2", "--json"),
            *("--junit", str(junit), "--save-baseline", str(baseline)),
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    document = json.loads(output)
    assert document["completed"] == 2 and document["never_spoke"] == 0
    assert document["measures_ms"]["response"]["count"] == 4
    assert document["measures_ms"]["response"]["p95"] is None
    assert b"2/2  call" in errors
    assert ElementTree.parse(junit).getroot().attrib["failures"] == "0"
    if document["reliable"]:
        assert process.returncode == agent_bench.PASSED
        assert read_baseline(baseline, plan()).measures["first_audio"].keys() <= {"p50"}
    else:  # a busy machine
        assert process.returncode == agent_bench.NOT_RELIABLE
        assert not baseline.exists()


async def test_an_agent_that_refuses_is_exit_status_1_and_saves_no_baseline(tmp_path: Path) -> None:
    baseline = tmp_path / "agent.json"
    async with serving(CountingAgent("refuses")) as url:
        process = await started(url, "--calls", "2", "--save-baseline", str(baseline))
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == agent_bench.FAILED
    assert b"failed: call 1: the agent did not answer: no WebSocket connection" in output
    assert b"not saved" in errors and not baseline.exists()


async def test_ctrl_c_prints_the_calls_that_ended(tmp_path: Path) -> None:
    question = tmp_path / "question.wav"
    question.write_bytes(QUESTION)
    async with serving(CountingAgent()) as url:
        process = await started(url, "--say", str(question), "--calls", "50", "--json")
        assert process.stderr is not None
        line = await asyncio.wait_for(process.stderr.readline(), 60)
        assert line.startswith(b"1/50  call 1: ")
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == agent_bench.INTERRUPTED
    assert json.loads(output)["completed"] == 1
    assert b"Traceback" not in errors
