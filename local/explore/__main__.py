"""``python -m local.explore FLOW``: print every path through a flow, and its problems."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.aws import samconfig
from local.aws.layers import LayerError
from local.aws.template import TemplateError
from local.console import application_folder, fail, say, stop_like_ctrl_c
from local.explore.flow_files import missing, read_all
from local.explore.render import as_svg, as_text
from local.explore.report import explore
from local.explore.traversal import NODE_LIMIT
from local.local_platform import LocalPlatform, PlatformOptions, SwitchboardRejected
from vonage_simulator.command_options import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Nothing connects to it: the explorer follows what happens if it comes, and if it does not.
_AGENT = {"Agent": "wss://agent.example.com/ws"}
_INTERVAL = 5.0  # seconds between two progress lines


def main() -> int:
    """Explore the flows in the arguments, and return the exit status: 1 if one has a problem."""
    arguments = _parser().parse_args()
    stop_like_ctrl_c()
    root = arguments.root
    known = {flow["name"]: flow for flow in read_all(root / "functions/flows")}
    unknown = sorted(set(arguments.flow) - set(known))
    if unknown:
        fail(missing(unknown[0], known))
        return 2
    try:
        selected = [known[name] for name in arguments.flow or known]
        return asyncio.run(_explore(root, selected, arguments))
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except SwitchboardRejected as error:
        return fail(f"{arguments.switchboard}: {error}")
    except (TemplateError, LayerError, OSError) as error:
        return fail(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.explore",
        description="Follow every path through a call flow: each digit, silence, speech, and no"
        " answer.",
        epilog="The exit status is 1 if a flow has a dead end, an infinite loop, a silent ending,"
        " an unprompted input, an overlap, an unreachable action, or speech without the line's"
        " language.",
    )
    parser.add_argument("flow", nargs="*", help="names of flows (default: all)")
    parser.add_argument(
        "--say", action="append", default=[], metavar="TEXT", help="a further text that callers say"
    )
    parser.add_argument(
        "--svg", type=_folder, metavar="FOLDER", help="write FLOW.svg for each flow to this folder"
    )
    parser.add_argument(
        "--places",
        type=_count_of_nodes,
        default=NODE_LIMIT,
        metavar="N",
        help=f"maximum number of nodes of a flow (default: {NODE_LIMIT})",
    )
    parser.add_argument(
        "--switchboard", type=Path, metavar="FILE", help="explore with this switchboard document"
    )
    parser.add_argument(
        "--to",
        type=number,
        metavar="NUMBER",
        help="the number that callers call (default: VonageNumber)",
    )
    parser.add_argument("--check", action="store_true", help="print only problems")
    parser.add_argument(
        "--root",
        type=application_folder,
        default=".",
        metavar="FOLDER",
        help="folder of template.yaml (default: this folder)",
    )
    return parser


def _folder(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def _count_of_nodes(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of nodes: expected 1 or more")
    return int(text)


async def _explore(
    root: Path, flows: Sequence[Mapping[str, Any]], arguments: argparse.Namespace
) -> int:
    # In a folder of its own, so that it can run while `make up` is running.
    store = root / ".local"
    store.mkdir(exist_ok=True)
    board = arguments.switchboard
    with tempfile.TemporaryDirectory(prefix="explored-", dir=store) as folder:
        options = PlatformOptions(
            folder=Path(folder),
            parameters=_AGENT | samconfig.overrides(root),
            switchboard=board.read_text(encoding="utf-8") if board else None,
            say=say,
        )
        async with LocalPlatform(root, options) as platform:
            counts = [await _explore_one(platform, flow, arguments) for flow in flows]
    say(f"{_count(len(flows), 'flow')} explored, {_count(sum(counts), 'problem')} found")
    return 1 if sum(counts) else 0


def _count(size: int, noun: str) -> str:
    return f"{size or 'no'} {noun}{'' if size == 1 else 's'}"


class _Progress:
    """Progress lines on standard error, if that is a terminal."""

    def __init__(self, flow: str) -> None:
        self._flow, self._printed_at = flow, time.monotonic()

    def print(self, nodes: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._printed_at > _INTERVAL:
            self._printed_at = time.monotonic()
            sys.stderr.write(f"{self._flow}: {nodes} nodes so far; Ctrl-C stops it\n")


async def _explore_one(
    platform: LocalPlatform, flow: Mapping[str, Any], arguments: argparse.Namespace
) -> int:
    """Explore a flow, print the report, and return the number of problems."""
    name, progress = flow["name"], _Progress(flow["name"])
    client = await asyncio.to_thread(platform.app_client, arguments.to)
    report = await explore(client, flow, arguments.say, arguments.places, progress.print)
    if not arguments.check:
        say(f"\n{as_text(report.tree)}\n")
    if arguments.svg:
        arguments.svg.mkdir(parents=True, exist_ok=True)
        (arguments.svg / f"{name}.svg").write_text(as_svg(report.tree), encoding="utf-8")
    for line in report.findings:
        say(f"{name}: {line}")
    return len(report.findings)


if __name__ == "__main__":
    sys.exit(main())
