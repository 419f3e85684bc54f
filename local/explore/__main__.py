"""``python -m local.explore FLOW``: every path through a flow, drawn, with what is wrong in it."""

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
from local.console import say
from local.explore.flow_files import missing, read_all
from local.explore.report import explore
from local.explore.traversal import PLACES
from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS = 5.0  # between two lines about a long walk


def main() -> int:
    """Explore the flows that the arguments name; 1 if something is wrong with one of them."""
    arguments = _parser().parse_args()
    root = arguments.root.resolve()
    folder = root / "functions/flows"
    known = {flow["name"]: flow for flow in read_all(folder)}
    unknown = sorted(set(arguments.flow) - set(known))
    if unknown:
        say(f"error: {missing(unknown[0], folder, known)}")
        return 2
    try:
        chosen = [known[name] for name in arguments.flow or known]
        return asyncio.run(_explore(root, chosen, arguments))
    except KeyboardInterrupt:
        say("ended")
        return 130
    except (TemplateError, LayerError, OSError) as error:
        say(f"error: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.explore",
        description="Walk every path of a call flow: each key, silence, speech, no answer.",
        epilog="Ends with 1 if a caller would meet a dead end, an endless loop or a silent ending.",
    )
    parser.add_argument("flow", nargs="*", help="names of flows (all)")
    parser.add_argument(
        "--say", action="append", default=[], metavar="TEXT", help="something callers say as well"
    )
    parser.add_argument("--svg", type=Path, metavar="FOLDER", help="write FLOW.svg for each there")
    parser.add_argument(
        "--places",
        type=int,
        default=PLACES,
        metavar="N",
        help=f"look at so many places of a flow, at most ({PLACES})",
    )
    parser.add_argument("--check", action="store_true", help="say only what is wrong")
    parser.add_argument(
        "--root", type=Path, default=Path(), help="folder of template.yaml (this one)"
    )
    return parser


async def _explore(
    root: Path, flows: Sequence[Mapping[str, Any]], arguments: argparse.Namespace
) -> int:
    """Walk flows, given as their files tell; 1 if something is wrong with one."""
    # A folder of its own, so that it runs beside `make up`.
    with tempfile.TemporaryDirectory(prefix="explored-") as folder:
        options = PlatformOptions(
            folder=Path(folder), parameters=samconfig.overrides(root), say=say
        )
        async with LocalPlatform(root, options) as platform:
            wrong = [await _one(platform, flow, arguments) for flow in flows]
    found = sum(wrong)
    walked = "1 flow" if len(flows) == 1 else f"{len(flows)} flows"
    say(f"{walked} walked, {found or 'nothing'} found wrong")
    return 1 if found else 0


class _Counted:
    """Says on a terminal, every few seconds, how far a long walk is; not among what it prints."""

    def __init__(self, flow: str) -> None:
        self._flow, self._said = flow, time.monotonic()

    def tell(self, found: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._said > _SECONDS:
            self._said = time.monotonic()
            sys.stderr.write(f"{self._flow}: {found} places so far; Ctrl-C ends it\n")


async def _one(
    platform: LocalPlatform, flow: Mapping[str, Any], arguments: argparse.Namespace
) -> int:
    name, counted = flow["name"], _Counted(flow["name"])
    explored = await explore(
        platform.application(), flow, arguments.say, arguments.places, counted.tell
    )
    if not arguments.check:
        say(f"\n{explored.text}\n")
    if arguments.svg:
        arguments.svg.mkdir(parents=True, exist_ok=True)
        (arguments.svg / f"{name}.svg").write_text(explored.svg, encoding="utf-8")
    for line in explored.findings:
        say(f"{name}: {line}")
    return len(explored.findings)


if __name__ == "__main__":
    sys.exit(main())
