"""Explore one flow: traverse and check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from local.explore.checks import findings
from local.explore.traversal import NODE_LIMIT, traverse
from local.explore.tree import DEAD_END, Node, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.explore.app_client import AppClient


class FlowReport(NamedTuple):
    """A flow's tree, and the problems found."""

    tree: Tree
    findings: list[str]


async def explore(
    client: AppClient,
    flow: Mapping[str, Any],
    say: Sequence[str] = (),
    limit: int = NODE_LIMIT,
    progress: Callable[[int], None] | None = None,
) -> FlowReport:
    """Traverse and check a flow, or report why it is broken.

    The parameters are those of ``traverse``.
    """
    if error := flow["error"]:
        line = f"flows/{flow['name']}.py:{error['line']}: " if error["line"] else ""
        problem = f"broken: {line}{error['text']}"
        return FlowReport(
            Tree(flow["name"], [Node(1, ending=DEAD_END, problem=problem)]), [problem]
        )
    tree = await traverse(client, flow, say, limit, progress)
    return FlowReport(tree, findings(tree, flow))
