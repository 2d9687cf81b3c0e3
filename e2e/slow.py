#!/usr/bin/env python3
"""Opens many connections that hardly send anything, and tells whether those who do are kept waiting.

    e2e/slow.py target/release/watchfire --connections 2000 --seconds 30

A third says nothing at all, a third sends its head letter by letter, and a third announces a large body and sends it letter by
letter. Beside them, requests of 1,000 events are sent one after another: for so long without the others, and for so long with
them. Needs Python alone; server and client are on the same machine.
"""

import argparse
import asyncio
import http.client
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import load

HEAD = b"POST /_bulk HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n"


async def slow(port, kind, stop, seen):
    """A connection of a kind: 0 says nothing, 1 sends a head slowly, 2 sends a body slowly."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seen["open"] += 1
    text = [b"", HEAD + b"x-padding: " + b"x" * 100_000, b'{"create":{"_index":"logs-slow-default"}}\n' * 100_000][kind]
    try:
        if kind == 2:
            writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(text))
        for at in range(len(text)):
            if stop.is_set():
                break
            writer.write(text[at : at + 1])
            await writer.drain()
            await asyncio.sleep(1)
        answer = asyncio.ensure_future(reader.read(1))
        while not stop.is_set() and not answer.done():
            await asyncio.wait([answer], timeout=1)
        answer.cancel()
    except OSError:
        pass
    seen["closed"] += not stop.is_set()
    writer.close()


async def slow_ones(port, number, stop, seen):
    await asyncio.gather(*(slow(port, at % 3, stop, seen) for at in range(number)), return_exceptions=True)


def written(port, bodies, seconds):
    """The time that each request took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    until, took, at = time.time() + seconds, [], 0
    while time.time() < until:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        lines = bodies[at % len(bodies)].replace(load.STAMP.encode(), stamp.encode())
        began = time.time()
        connection.request("POST", "/_bulk?filter_path=errors", lines, {"content-type": "application/x-ndjson"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or b'"errors":false' not in text:
            sys.exit(f"a request failed: {answer.status} {text[:200]}")
        took.append(time.time() - began)
        at += 1
    return took


def row(name, took, seconds):
    ordered = sorted(took)
    at = lambda share: ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
    rate = len(took) * load.EVENTS / seconds
    print(f"| {name} | {rate:.0f} | {statistics.median(ordered) * 1000:.0f} | {at(0.99):.0f} | {ordered[-1] * 1000:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    chance = random.Random(1)
    bodies = [load.body(chance, 1500) for _ in range(20)]
    port = load.free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [arguments.program, "serve", "--data", folder, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL
        )
        try:
            load.wait_until_ready(server, port)
            alone = written(port, bodies, arguments.seconds)
            stop, seen = threading.Event(), {"open": 0, "closed": 0}
            run = lambda: asyncio.run(slow_ones(port, arguments.connections, stop, seen))
            others = threading.Thread(target=run)
            others.start()
            while seen["open"] < arguments.connections and others.is_alive():
                time.sleep(0.1)
            beside = written(port, bodies, arguments.seconds)
            stop.set()
            others.join()
        finally:
            server.terminate()
            server.wait()
    print("| requests of 1,000 events, one after another | events/s | p50 ms | p99 ms | max ms |")
    print("|---|--:|--:|--:|--:|")
    row("alone", alone, arguments.seconds)
    row(f"beside {seen['open']} slow connections, {seen['closed']} of which the server closed", beside, arguments.seconds)
    worst = max(beside)
    sys.exit(0 if worst < 5 else f"a request waited for {worst:.1f} s")


main()
