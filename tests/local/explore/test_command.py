"""The explorer as a command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.explore", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_draws_a_flow_and_ends_well(tmp_path: Path) -> None:
    done = run("greet", "--svg", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Thank you for calling from" in done.stdout
    assert "1 flow walked, nothing found wrong" in done.stdout
    assert (tmp_path / "greet.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_flow_may_ring_whom_samconfig_allows(tmp_path: Path) -> None:
    flow = """
        from voicekit import ncco

        def answer(call):
            return [
                ncco.connect(ncco.phone("447700900555")),
                ncco.talk("Thank you for your call."),
            ]
        """
    shutil.copy(ROOT / "template.yaml", tmp_path)
    for name in ("functions", "layers"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "layers").symlink_to(ROOT / ".local" / "layers")
    (tmp_path / "functions" / "flows" / "dials.py").write_text(textwrap.dedent(flow))
    allowed = '[default.deploy.parameters]\nparameter_overrides = "AllowedPrefixes=44"\n'
    (tmp_path / "samconfig.toml").write_text(allowed)
    done = run("dials", "--root", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_names_the_flows_when_there_is_none_of_that_name() -> None:
    done = run("gret")
    assert done.returncode == 2
    assert "there is no flow gret; there are conference, connect" in done.stdout


def test_a_walk_is_ended_by_ctrl_c_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.explore", "greet", *["dtmf_menu"] * 200]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as walking:
        assert walking.stdout is not None
        assert any("dtmf_menu" in line for line in walking.stdout)
        walking.send_signal(signal.SIGINT)
        told = walking.stdout.read()
    assert walking.returncode == 130
    assert told.endswith("ended\n")
    assert list(tmp_path.iterdir()) == []
