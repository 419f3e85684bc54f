"""A flow explored: walked, drawn, and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from local.paths.drawing import as_svg, as_text
from local.paths.findings import findings
from local.paths.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.paths.asking import Application


class Explored(NamedTuple):
    """What was found: the tree as text and as SVG, and what is wrong with the flow."""

    text: str
    svg: str
    findings: list[str]


async def explore(
    application: Application, flow: str, handlers: Iterable[str], say: Sequence[str] = ()
) -> Explored:
    """Walk every path of a flow.

    Parameters
    ----------
    application
        The running application.
    flow
        The flow's name.
    handlers
        The functions that the flow has for webhooks.
    say
        What callers say besides what the flow listens for, where it takes speech.
    """
    tree = await walk(application, flow, say)
    return Explored(as_text(tree), as_svg(tree), findings(tree, handlers))
