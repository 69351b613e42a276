#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Looks for a session's line in the sidecar's log and checks it.

    verdict.py LOG wait PATH CAUSE[,CAUSE...] CODE CONTAINER
        waits for the first line about the session on PATH; its cause is one of the
        causes, close.code is CODE, and a leg of it is a process of CONTAINER
    verdict.py LOG count PATH NUMBER
        exactly NUMBER lines speak of that session

Says on stderr what is wrong, and then exits with 1.
"""

import json
import sys
import time

WAIT_SECONDS = 30
# Docker hands longer lines to its log driver in pieces.
LINE_BYTES_MAX = 16 * 1024


def lines_about(log, path):
    """The log may end in half a line while it is being written."""
    with open(log, "rb") as file:
        raw = file.read()
    found = []
    for line in raw[: raw.rfind(b"\n") + 1].splitlines():
        if len(line) >= LINE_BYTES_MAX:
            raise ValueError(f"a line of {len(line)} bytes")
        event = json.loads(line)
        if event.get("session", {}).get("path") == path:
            found.append(event)
    return found


def wait_for_line(log, path):
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = lines_about(log, path)
        if found:
            return found[0]
        time.sleep(0.1)
    raise ValueError(f"no line within {WAIT_SECONDS} s")


def container_of(leg):
    return (leg.get("container") or {}).get("id")


def problems(event, causes, code, container):
    legs = event.get("legs", [])
    own = [leg for leg in legs if container_of(leg) == container]
    if event["event"] != {"name": "session_end", "schema": "wstrace.v1"}:
        yield f"event is {event['event']}"
    if event["cause"]["id"] not in causes:
        yield f"cause is {event['cause']['id']}, not {' or '.join(causes)}"
    if event["close"]["code"] != code or event["close"]["clean"]:
        yield f"close is {event['close']}, not an unclean {code}"
    if not own:
        yield f"containers are {[container_of(leg) for leg in legs]}, without {container}"
    for leg in own:
        if leg["process"]["comm"] != "peer":
            yield f"the container's process is {leg['process']}, not peer"


def main(log, verb, path, *expected):
    if verb == "count":
        number = len(lines_about(log, path))
        wrong = [] if number == int(expected[0]) else [f"{number} lines, not {expected[0]}"]
    else:
        causes, code, container = expected
        event = wait_for_line(log, path)
        wrong = list(problems(event, causes.split(","), int(code), container))
        if wrong:
            wrong.append(json.dumps(event, indent=1))
    for problem in wrong:
        print(f"{path}: {problem}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (ValueError, KeyError, TypeError) as problem:
        sys.exit(f"{sys.argv[3]}: {problem!r}")
