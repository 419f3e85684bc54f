"""The program of an execution environment's process, in the place of Lambda's Python runtime.

It runs without the platform on its path. It imports the function's handler and serves one
invocation at a time. Requests and results are JSON frames on two pipes of their own, so standard
output and error carry only the function's log.

Start it as ``python -I -S -B lambda_runtime.py REQUESTS RESULTS FOLDER...``: two file descriptors,
then the folders of code and layers. It ends when its standard input closes.
"""

import datetime
import importlib
import io
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

Handler = Callable[[Any, Any], Any]
Description = dict[str, Any]

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}


class LambdaContext:
    """The context object, a handler's second argument."""

    def __init__(self, request_id: str, deadline_ms: int, function_arn: str) -> None:
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = function_arn
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None
        self.tenant_id = None
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout; 0 after it."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


class JsonFormatter(logging.Formatter):
    """A formatter for Lambda's JSON log format: one object per line, ``extra`` as fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line of JSON."""
        created = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "timestamp": created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": getattr(record, "aws_request_id", None),
        }
        if record.exc_info and record.exc_info[0]:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = traceback.format_tb(record.exc_info[2])
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        for name, value in vars(record).items():
            if name not in _OWN_FIELDS and name not in line:
                line[name] = value
        return json.dumps(
            {name: value for name, value in line.items() if value is not None},
            ensure_ascii=False,
            default=str,
        )


class LambdaLogHandler(logging.Handler):
    """The handler that Lambda's runtime adds to the root logger."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record with the id of the current request."""
        record.aws_request_id = self.request_id or None
        text = self.format(record) + "\n"
        text.encode()  # Lambda's runtime raises on half of a surrogate pair, and so must this
        sys.stdout.write(text)


def set_up_logging() -> LambdaLogHandler:
    """Add Lambda's handler to the root logger, with the function's log format and level."""
    log = LambdaLogHandler()
    if os.environ["AWS_LAMBDA_LOG_FORMAT"] == "JSON":
        log.setFormatter(JsonFormatter())
    else:
        logging.Formatter.converter = time.gmtime
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        log.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(log)
    if os.environ["AWS_LAMBDA_LOG_FORMAT"] == "JSON":
        level = os.environ["AWS_LAMBDA_LOG_LEVEL"]
        root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))
    return log


def describe(error: BaseException, kind: str | None = None, text: str | None = None) -> Description:
    """Describe an exception as Lambda reports it to the caller of the function."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    return {
        "errorMessage": str(error) if text is None else text,
        "errorType": kind or type(error).__name__,
        "stackTrace": traceback.format_list(own),
    }


class HandlerNotLoaded(Exception):
    """The handler cannot be imported; ``description`` is Lambda's report of the cause."""

    def __init__(self, description: Description) -> None:
        super().__init__(description["errorMessage"])
        self.description = description


def find_handler(name: str) -> Handler:
    """Import a handler such as ``answer.app.handler``.

    Raises
    ------
    HandlerNotLoaded
        If that fails; its texts are those of Lambda's runtime.
    """
    module_name, _, function_name = name.rpartition(".")
    try:
        handler: Handler = getattr(importlib.import_module(module_name), function_name)
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise HandlerNotLoaded(describe(error, "Runtime.ImportModuleError", text)) from error
    except SyntaxError as error:
        text = f"Syntax error in module '{module_name}': {error}"
        raise HandlerNotLoaded(describe(error, "Runtime.UserCodeSyntaxError", text)) from error
    except AttributeError as error:
        if error.name != function_name:
            raise HandlerNotLoaded(describe(error)) from error
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise HandlerNotLoaded(describe(error, "Runtime.HandlerNotFound", text)) from error
    except Exception as error:
        raise HandlerNotLoaded(describe(error)) from error
    return handler


def encode(value: Any) -> str:
    """Return a handler's result as JSON, decimals as numbers, as Lambda's runtime does."""

    def number(item: Any) -> float:
        # A function that returns a Decimal has imported decimal; this module need not.
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(item, decimal.Decimal):
            return float(item)
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    return json.dumps(value, default=number, ensure_ascii=False, allow_nan=False)


def invoke(handler: Handler, event: Any, context: LambdaContext) -> dict[str, Any]:
    """Invoke the handler. SystemExit and its like end the process, as they do in Lambda."""
    try:
        value = handler(event, context)
    except Exception as error:
        return {"error": describe(error) | {"requestId": context.aws_request_id}}
    try:
        return {"payload": encode(value)}
    except (TypeError, ValueError, RecursionError) as error:
        text = f"Unable to marshal response: {error}"
        description = describe(error, "Runtime.MarshalError", text)
        return {"error": description | {"requestId": context.aws_request_id}}


def log_error(error: Description, request_id: str) -> None:
    """Log an error, as Lambda's runtime does before it reports it."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"timestamp": now, "level": "ERROR", **error, "requestId": request_id}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def receive(pipe: io.BufferedReader) -> bytes:
    """Read one frame: its length in four bytes, then its content; empty if the pipe is closed."""
    return pipe.read(int.from_bytes(pipe.read(4), "big"))


def send(pipe: io.BufferedWriter, value: dict[str, Any]) -> None:
    """Write one frame, after everything logged before it."""
    sys.stdout.flush()
    sys.stderr.flush()
    # ASCII: half of a surrogate pair in a handler's result must not end the process.
    body = json.dumps(value).encode()
    pipe.write(len(body).to_bytes(4, "big") + body)
    pipe.flush()


def end_with_parent() -> None:
    """End this process when its standard input closes; the function gets an empty one."""
    parent = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)

    def wait() -> None:
        os.read(parent, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Import the handler, report the outcome, then serve invocations until the pipe closes."""
    end_with_parent()
    requests = os.fdopen(int(sys.argv[1]), "rb")
    results = os.fdopen(int(sys.argv[2]), "wb")
    sys.path[:0] = sys.argv[3:]
    sys.argv = [sys.argv[0]]
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "utf-8", "replace", line_buffering=True)
    log = set_up_logging()
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except HandlerNotLoaded as error:
        log_error(error.description, "")
        send(results, {"init_error": error.description})
        return
    send(results, {"ready": True})
    while body := receive(requests):
        request = json.loads(body)
        log.request_id = request["id"]
        context = LambdaContext(request["id"], request["deadline_ms"], request["arn"])
        outcome = invoke(handler, request["event"], context)
        if "error" in outcome:
            log_error(outcome["error"], request["id"])
        log.request_id = ""
        send(results, outcome)


if __name__ == "__main__":
    main()
