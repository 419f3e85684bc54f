"""Which worker of pytest-xdist runs a test: a platform that tests share starts on one worker."""

from __future__ import annotations

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


class PlatformScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no type information
    """A schedule by file, with more or fewer tests together where a platform's start matters.

    The scopes with the most tests begin, so that the single tests fill the workers at the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in _SPREAD:
            return nodeid
        if file in _OF_LOCAL:
            return "tests/local/"
        return next((folder for folder in _SHARED if file.startswith(folder)), file)
