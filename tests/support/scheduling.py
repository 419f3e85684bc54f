"""Which worker of pytest-xdist runs a test: a platform that tests share starts on one worker."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share a platform, and the files that share that of tests/local.
_SHARED = ("tests/examples/", "tests/flows/", "tests/local/webconsole/", "tests/recipes/")
_OF_LOCAL = frozenset(
    f"tests/local/test_{name}.py"
    for name in (
        *("api_gateway", "event_sources", "lambda_service", "outbox", "platform", "request_log"),
        *("secret_input", "storage", "stream_sources"),
    )
)
# Files whose tests share nothing and take seconds each: any worker runs the next one.
_SPREAD = frozenset(
    (
        "tests/docs/test_commands.py",
        "tests/docs/test_tutorial.py",
        "tests/local/explore/test_command.py",
        "tests/local/test_agent_bot.py",
        "tests/local/testing/test_plugin.py",
    )
)
# What takes longest, and therefore begins. These tests wait more than they compute.
_FIRST = (
    "tests/simulator/test_agent_bench.py",
    "tests/local/test_publish_faults.py",
    "tests/local/",
    "tests/unit/fetch_recording/test_fetching.py",
    "tests/local/test_call_events.py",
    "tests/unit/publish_events/test_mails.py",
    "tests/unit/dispatch/test_event_webhook.py",
    "tests/unit/dispatch/test_state_and_events.py",
)


class PlatformScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no type information
    """A schedule by file, with more or fewer tests together where a platform's start matters.

    After those that take longest, the scopes with the most tests begin, so that the single tests
    fill the workers at the end.
    """

    def _assign_work_unit(self, node: Any) -> None:
        waiting = next((one for one in _FIRST if one in self.workqueue), None)
        if waiting:
            self.workqueue.move_to_end(waiting, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in _SPREAD:
            return nodeid
        if file in _OF_LOCAL:
            return "tests/local/"
        return next((folder for folder in _SHARED if file.startswith(folder)), file)
