"""Run functions in a separate process, as Lambda does: environment, layers, JSON logs.

As a program, this module is that process; as an import, it starts and invokes one.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_ROOT = Path(__file__).parents[2]
_WEBHOOK_LINE = '"logger": "voice"'  # printed, without the module logging
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({})))


class InvocationResult(NamedTuple):
    """The response of one invocation, None if it raised, and its log lines."""

    reply: Any
    logs: list[dict[str, Any]]
    raised: str | None

    @property
    def status(self) -> int:
        """The status code of the response to a webhook."""
        status: int = self.reply["statusCode"]
        return status

    @property
    def ncco(self) -> Any:
        """The JSON body of the response."""
        return json.loads(self.reply["body"])


class FunctionProcesses:
    """A process that runs functions, one invocation at a time.

    Parameters
    ----------
    environment
        All environment variables of the process; it inherits none.
    code
        The folder that contains the functions.
    layers
        More folders for the Python path.
    quiet
        Whether to discard what the functions print, instead of writing it to standard error.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *layers: Path,
        code: Path = _ROOT / "functions",
        quiet: bool = False,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(code), *map(str, layers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            env=dict(environment),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=30)  # closing its input ends it

    @property
    def process_id(self) -> int:
        """The process id."""
        return self._process.pid

    def __call__(self, function: str, event: object, seconds_left: float = 6.0) -> InvocationResult:
        """Invoke a function by the name of its folder."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps([function, event, seconds_left]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that runs the functions has ended")
        return InvocationResult(*json.loads(line))


class _Lines(logging.Handler):
    """A log handler that stores records in Lambda's JSON format."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        line = {
            name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES
        }
        line |= {"level": record.levelname, "message": record.getMessage()}
        if record.exc_info:
            line["stackTrace"] = logging.Formatter().formatException(record.exc_info)
        text = json.dumps(line, default=str, ensure_ascii=False)
        # Like Lambda's runtime, this raises on half of a surrogate pair.
        self.lines.append(json.loads(text.encode()))


class _Output(io.TextIOBase):
    """Standard output, which goes to standard error; stores the log lines of webhooks."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.lines = lines

    def write(self, text: str) -> int:
        if _WEBHOOK_LINE in text:
            self.lines.append(json.loads(text))
        return sys.stderr.write(text)


# Time limits of half a second, which the emulated AWS of a busy machine exceeds.
_SHORT_LIMITS = {
    "dispatch.event_webhook": "_WRITE_WHILE_A_CALLER_WAITS",
    "dispatch.flow_response": "READ_SECONDS",
    "voicekit.signing_secrets": "_RENEWAL_SECONDS",
}
_LIMIT = 2.0


def _extend_limits() -> None:
    for module, limit in _SHORT_LIMITS.items():
        if module in sys.modules:
            vars(sys.modules[module])[limit] = _LIMIT


def _serve(requests: IO[str], responses: IO[str]) -> None:
    from tests.support.context import FakeLambdaContext

    lines = _Lines([])
    sys.stdout = _Output(lines.lines)
    logging.getLogger().addHandler(lines)
    # Powertools excludes its own lines from the root logger.
    for service in ("fetch_recording", "publish_events"):
        logging.getLogger(service).addHandler(_Lines(lines.lines))
    for text in requests:
        function, event, seconds_left = json.loads(text)
        lines.lines.clear()
        reply, raised = None, None
        try:
            handler = importlib.import_module(f"{function}.app").handler
            _extend_limits()
            reply = handler(event, FakeLambdaContext(seconds_left))
        except BaseException as error:
            raised = repr(error)
        responses.write(json.dumps([reply, lines.lines, raised]) + "\n")
        responses.flush()


if __name__ == "__main__":
    sys.path[:0] = sys.argv[1:]
    sys.path.append(str(_ROOT))
    _serve(sys.stdin, sys.stdout)
