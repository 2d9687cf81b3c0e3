#!/usr/bin/env python3
"""Kills `watchfire serve` at random moments, while events come in and rules are executed, and counts what is left.

    e2e/crash.py target/release/watchfire --times 200

Every event that was acknowledged must be in the lake once, every other one at most once, and each event in the lake that
the rule looks for must have one alert, of which a file is told: one message each, which can be repeated under its id. Needs Python alone. The random moments come from --seed; what the machine does with
them does not.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

RULE = """
[rule]
name = "Marked"
rule_id = "7c0f1a52-0e0b-4f7a-8a55-1d3b9b1f0c12"
description = "Events with a mark."
risk_score = 21
severity = "low"
type = "eql"
language = "eql"
index = ["logs-*"]
query = "process where process.name == \\"marked.exe\\""
interval = "2s"
from = "now-1h"
max_signals = 1000
timestamp_override = "event.ingested"

[[rule.actions]]
id = "lines"
action_type_id = ".file"
group = "default"
frequency = { summary = false, notifyWhen = "onActiveAlert" }
params = { message = "{{alert.id}}" }
"""

CONFIG = """
[[connectors]]
id = "lines"
type = ".file"
config = { path = "told.ndjson" }
"""

STREAMS = ["logs-endpoint.events.process-default", "logs-windows.sysmon_operational-default", "logs-other-default"]
MARKED_EVERY = 50


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    def __init__(self, program, folder, port):
        self.log = open(os.path.join(folder, "server.log"), "ab")
        arguments = ["serve", "--data", "data", "--rules", "rule.toml", "--listen", f"127.0.0.1:{port}",
                     "--config", "watchfire.toml"]
        self.process = subprocess.Popen([program, *arguments], cwd=folder, stderr=self.log)
        self.port = port

    def wait(self):
        """Until it answers."""
        until = time.time() + 120
        while time.time() < until:
            if self.process.poll() is not None:
                sys.exit(f"the server ended by itself with {self.process.returncode}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/api/watchfire/ready")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit("the server does not answer")

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()
        self.log.close()


class Writer(threading.Thread):
    """Sends bulk requests until the server is gone."""

    def __init__(self, port, number, numbers, seed, state):
        super().__init__()
        self.port, self.number, self.numbers, self.state = port, number, numbers, state
        self.random = random.Random(seed)
        self.stopped = False

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.stopped:
            events = []
            for _ in range(self.random.randint(1, 200)):
                with self.state["lock"]:
                    self.state["next"] += 1
                    number = self.state["next"]
                events.append(number)
            lines = []
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            for number in events:
                name = "marked.exe" if number % MARKED_EVERY == 0 else "other.exe"
                lines.append(json.dumps({"create": {"_index": STREAMS[number % 3], "_id": f"e{number}"}}))
                lines.append(json.dumps({
                    "@timestamp": stamp,
                    "event": {"category": ["process"], "type": ["start"]},
                    "process": {"name": name, "args": ["a", str(number)], "command_line": "x" * 200},
                    "host": {"name": f"ws{number % 40}"},
                }))
            body = "\n".join(lines) + "\n"
            with self.state["lock"]:
                self.state["sent"].update(events)
            try:
                connection.request("POST", "/_bulk", body, {"content-type": "application/x-ndjson"})
                answer = connection.getresponse()
                items = json.loads(answer.read()) if answer.status == 200 else {"items": []}
            except (OSError, http.client.HTTPException, ValueError):
                return
            for number, item in zip(events, items["items"]):
                if item["create"]["status"] in (201, 409):
                    with self.state["lock"]:
                        self.state["kept"].add(number)


def messages(path):
    """The alerts that messages told of, by the id of the message, and the number of lines that a kill left unfinished."""
    told, torn = {}, 0
    with open(path, "rb") as lines:
        for line in lines:
            try:
                line = json.loads(line)
            except ValueError:
                torn += 1
                continue
            told[line["delivery"]] = line["params"]["message"]
    return told, torn


def lines_of(program, folder, *arguments):
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=4.0, help="most seconds until it is killed")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    chance = random.Random(options.seed)
    state = {"lock": threading.Lock(), "next": 0, "sent": set(), "kept": set()}
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "rule.toml"), "w") as rule:
            rule.write(RULE)
        with open(os.path.join(folder, "watchfire.toml"), "w") as config:
            config.write(CONFIG)
        began = time.time()
        for kill in range(options.times):
            server = Server(program, folder, port)
            # Also while it starts.
            if chance.random() < 0.1:
                time.sleep(chance.random() * 0.5)
                server.end(signal.SIGKILL)
                continue
            server.wait()
            writers = [Writer(port, at, 3, chance.random(), state) for at in range(2)]
            for writer in writers:
                writer.start()
            time.sleep(chance.random() * options.longest)
            server.end(signal.SIGKILL)
            for writer in writers:
                writer.stopped = True
                writer.join()
            if (kill + 1) % 10 == 0:
                print(f"{kill + 1} kills, {len(state['kept'])} events acknowledged", file=sys.stderr)
        server = Server(program, folder, port)
        server.wait()
        marked = {f"e{number}" for number in state["kept"] if number % MARKED_EVERY == 0}
        # The rule has seen all when no alert has been added for some executions.
        before, since, until = -1, time.time(), time.time() + 600
        while time.time() < until:
            alerts = len(lines_of(program, folder, "alerts", "list", "--data", "data", "--ndjson", "--limit", "1000000"))
            if alerts != before:
                before, since = alerts, time.time()
            if alerts >= len(marked) and time.time() - since > 8:
                break
            time.sleep(1)
        told, torn = {}, 0
        while time.time() < until:
            told, torn = messages(os.path.join(folder, "told.ndjson"))
            if len(set(told.values())) >= before:
                break
            time.sleep(1)
        server.end(signal.SIGTERM)
        events = Counter(event["_id"] for event in lines_of(program, folder, "lake", "export", "data/lake"))
        alerts = lines_of(program, folder, "alerts", "list", "--data", "data", "--ndjson", "--limit", "1000000")
        took = time.time() - began
    ids = {alert["_id"] for alert in alerts}
    of_alerts = Counter(alert["_source"]["kibana.alert.ancestors"][0]["id"] for alert in alerts)
    kept = {f"e{number}" for number in state["kept"]}
    sent = {f"e{number}" for number in state["sent"]}
    in_lake_marked = {event for event in events if int(event[1:]) % MARKED_EVERY == 0}
    rows = [
        ("kills", options.times, None),
        ("seconds", round(took), None),
        ("events sent", len(sent), None),
        ("events acknowledged", len(kept), None),
        ("events in the lake", sum(events.values()), None),
        ("acknowledged and not in the lake", len(kept - set(events)), 0),
        ("more than once in the lake", sum(1 for number in events.values() if number > 1), 0),
        ("in the lake and never sent", len(set(events) - sent), 0),
        ("events that the rule looks for", len(in_lake_marked), None),
        ("of these without an alert", len(in_lake_marked - set(of_alerts)), 0),
        ("with more than one alert", sum(1 for number in of_alerts.values() if number > 1), 0),
        ("alerts on other events", len(set(of_alerts) - in_lake_marked), 0),
        ("alerts of which nothing was told", len(ids - set(told.values())), 0),
        ("told of with two messages", len(told) - len(set(told.values())), 0),
        ("messages of other alerts", len(set(told.values()) - ids), 0),
        ("messages that a kill cut short, and were sent again", torn, None),
    ]
    print("| | number | must be |\n|---|--:|--:|")
    for name, number, wanted in rows:
        print(f"| {name} | {number} | {'' if wanted is None else wanted} |")
    if any(wanted is not None and number != wanted for _, number, wanted in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
