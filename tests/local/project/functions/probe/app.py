"""A function whose event selects its behavior, for tests of the platform."""

import json
import logging
import os
import sys
import threading
import time

logger = logging.getLogger("probe")
VERSION = "first"
calls = 0
seen = set()


def handler(event, context):
    """Run the function named by the query parameter ``do``; by default, return the event."""
    global calls
    calls += 1
    do = event.get("queryStringParameters", {}).get("do", event.get("do", "echo"))
    return globals()[f"do_{do}"](event, context)


def do_echo(event, context):
    return event


def do_reply(event, context):
    return json.loads(event["body"])


def do_state(event, context):
    return {
        "version": VERSION,
        "calls": calls,
        "pid": os.getpid(),
        "main_thread": threading.current_thread() is threading.main_thread(),
        "path": sys.path,
        "environment": dict(os.environ),
        "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "request_id": context.aws_request_id,
        "stdin": sys.stdin.read(),
    }


def do_import(event, context):
    return __import__(event["name"]).__name__


def do_layer(event, context):
    import extra_words

    return extra_words.WORD


def do_log(event, context):
    print("printed")
    logger.info("said", extra={"outcome": "ok"})
    logger.debug("not said")
    try:
        raise ValueError("inside")
    except ValueError:
        logger.exception("caught")
    return "logged"


def do_log_half(event, context):
    logger.info("said", extra={"outcome": "\ud800"})


def do_raise(event, context):
    raise ValueError("no luck")


def do_exit(event, context):
    raise SystemExit(3)


def do_die(event, context):
    os._exit(7)


def do_segfault(event, context):
    os.kill(os.getpid(), 11)


def do_memory(event, context):
    raise MemoryError


def do_recurse(event, context):
    return do_recurse(event, context)


def do_sleep(event, context):
    time.sleep(event.get("seconds", 60))
    return "slept"


def do_unwritable(event, context):
    return object()


def do_huge(event, context):
    return "x" * 7_000_000


def work(event, context):
    """Handle messages; the body of the first selects the result."""
    print(json.dumps(event))
    do = json.loads(event["Records"][0]["body"])["do"]
    first = {"itemIdentifier": event["Records"][0]["messageId"]}
    if do == "raise":
        raise ValueError("no luck")
    return {
        "ok": None,
        "fail": {"batchItemFailures": [first]},
        "nonsense": {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
    }[do]


def follow(event, context):
    """Handle stream records; the attribute ``do`` of one selects what happens to it."""
    print(json.dumps(event))
    failed = []
    for record in event["Records"]:
        do = record["dynamodb"]["NewImage"]["do"]["S"]
        if do == "raise":
            raise ValueError("no luck")
        if do == "fail":
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
        if do == "fail_once" and record["eventID"] not in seen:
            seen.add(record["eventID"])
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failed}
