#!/usr/bin/env python3
"""Sends events to `watchfire serve` at a given rate, and tells what became of them, how fast, and in how much memory.

    e2e/load.py target/release/watchfire --rules detection-rules/rules --rate 25000 --seconds 600

Server and client are on the same machine. Needs Python alone, and /proc for the memory. Bodies are made before the clock
starts: what is measured is the server, as far as two processors let one tell it from the client. Beside the load, an event is sent
twice a second that a rule of its own looks for: the time until its alert is in the database is the latency of alerts.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BODIES = 40
# Programs with those that usually start them: a rule that alerts on one event in seven is not what is to be measured.
PROGRAMS = [
    ("svchost.exe", "services.exe"),
    ("chrome.exe", "explorer.exe"),
    ("mspaint.exe", "explorer.exe"),
    ("notepad.exe", "explorer.exe"),
    ("wordpad.exe", "explorer.exe"),
]
# Stands in bodies for the time at which they are sent.
STAMP = "2000-01-01T00:00:00"
EVENTS = 1_000


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def body(chance, size):
    """Process starts of some hosts, of about so many bytes each."""
    lines = []
    for _ in range(EVENTS):
        host, (program, parent) = chance.randrange(500), chance.choice(PROGRAMS)
        unique = f"{chance.getrandbits(64):016x}"
        event = {
            "@timestamp": f"{STAMP}.{chance.randrange(1000):03}Z",
            "agent": {"id": f"agent-{host}", "type": "endpoint", "version": "9.2.0"},
            "data_stream": {"type": "logs", "dataset": "endpoint.events.process", "namespace": "default"},
            "ecs": {"version": "8.10.0"},
            "event": {"category": ["process"], "type": ["start"], "kind": "event", "action": "start", "module": "endpoint",
                      "dataset": "endpoint.events.process", "outcome": "unknown"},
            "host": {"id": f"host-{host}", "name": f"ws{host}", "os": {"type": "windows", "family": "windows", "name": "Windows"}},
            "process": {
                "entity_id": unique, "pid": chance.randrange(65536), "name": program,
                "executable": f"C:\\Windows\\System32\\{program}",
                "args": [program, "--id", unique], "command_line": f"{program} --id {unique}", "args_count": 3,
                "hash": {"sha256": f"{chance.getrandbits(256):064x}"},
                "parent": {"entity_id": f"{chance.getrandbits(64):016x}", "pid": chance.randrange(65536), "name": parent,
                           "executable": f"C:\\Windows\\{parent}", "command_line": f"C:\\Windows\\{parent}"},
                "code_signature": [{"exists": True, "trusted": True, "status": "trusted", "subject_name": "Microsoft Windows"}],
            },
            "user": {"id": f"S-1-5-21-{host}", "name": f"user{host}", "domain": "CORP"},
        }
        text = json.dumps(event, separators=(",", ":"))
        event["message"] = "x" * max(0, size - len(text) - 14)
        lines.append('{"create":{"_index":"logs-endpoint.events.process-default"}}')
        lines.append(json.dumps(event, separators=(",", ":")))
    return ("\n".join(lines) + "\n").encode()


def sender(port, bodies, until, pace, results, lock):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    at, due = 0, time.time()
    while time.time() < until:
        due += pace
        time.sleep(max(0, due - time.time()))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        lines = bodies[at % len(bodies)].replace(STAMP.encode(), stamp.encode())
        began = time.time()
        try:
            connection.request("POST", "/_bulk?filter_path=errors", lines, {"content-type": "application/x-ndjson"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            with lock:
                results.append((time.time(), time.time() - began, 0, str(error)))
            connection.close()
            continue
        good = answer.status == 200 and b'"errors":false' in text
        with lock:
            results.append((time.time(), time.time() - began, EVENTS if good else 0, "" if good else str(answer.status)))
        at += 1


PROBE_RULE = """
[rule]
name = "Probe"
rule_id = "3f0f3a2e-8d53-4f0c-9d3c-5c8f0f1b7a11"
description = "Events that are sent to see how long their alert takes."
risk_score = 21
severity = "low"
type = "eql"
language = "eql"
index = ["logs-probe-*"]
query = 'process where process.name == "watchfire-probe.exe"'
interval = "5m"
from = "now-9m"
max_signals = 10000
"""
PROBE_PACE = 0.5


def prober(port, database, until, latencies, sent):
    """Sends probes, and looks for their alerts in between."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    state = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    number, due, known = 0, time.time(), set()
    while time.time() < until or (len(latencies) < len(sent) and time.time() < until + 20):
        if time.time() >= due and time.time() < until:
            due += PROBE_PACE
            probe = f"probe-{number}"
            number += 1
            event = {
                "@timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "event": {"category": ["process"], "type": ["start"], "kind": "event"},
                "process": {"name": "watchfire-probe.exe", "pid": number},
            }
            sent[probe] = time.time()
            lines = json.dumps({"create": {"_index": "logs-probe-default", "_id": probe}}) + "\n" + json.dumps(event) + "\n"
            try:
                connection.request("POST", "/_bulk", lines, {"content-type": "application/x-ndjson"})
                answer = json.loads(connection.getresponse().read())
                if answer.get("errors", True):
                    del sent[probe]
            except (OSError, http.client.HTTPException, ValueError):
                del sent[probe]
                connection.close()
        names = state.execute(
            "SELECT a.id FROM alerts a JOIN rules r ON a.rule = r.id WHERE r.rule_id = ?",
            ("3f0f3a2e-8d53-4f0c-9d3c-5c8f0f1b7a11",),
        ).fetchall()
        now = time.time()
        for (name,) in names:
            if name not in known:
                known.add(name)
                [(document,)] = state.execute("SELECT document FROM alerts WHERE id = ?", (name,)).fetchall()
                probe = json.loads(document)["kibana.alert.ancestors"][0]["id"]
                if probe in sent:
                    latencies[probe] = now - sent[probe]
        time.sleep(0.02)


def wait_until_ready(server, port):
    while True:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/api/watchfire/ready")
            return
        except OSError:
            if server.poll() is not None:
                sys.exit("the server does not start")
            time.sleep(0.2)


def memory(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rules", action="append", default=[])
    parser.add_argument("--rate", type=int, default=25_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--bytes", type=int, default=1_500, help="of an event")
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument("--data", help="a folder to keep, instead of a temporary one")
    options = parser.parse_args()
    chance = random.Random(1)
    bodies = [body(chance, options.bytes) for _ in range(BODIES)]
    folder = options.data or tempfile.mkdtemp(prefix="load")
    os.makedirs(folder, exist_ok=True)
    port = free_port()
    arguments = ["serve", "--data", os.path.join(folder, "data"), "--listen", f"127.0.0.1:{port}"]
    probe_rule = os.path.join(folder, "probe.toml")
    with open(probe_rule, "w") as file:
        file.write(PROBE_RULE)
    for rules in [probe_rule, *options.rules]:
        arguments += ["--rules", os.path.abspath(rules)]
    log = open(os.path.join(folder, "server.log"), "wb")
    server = subprocess.Popen([os.path.abspath(options.program), *arguments], stderr=log)
    wait_until_ready(server, port)
    results, lock, resident = [], threading.Lock(), []
    began = time.time()
    until = began + options.seconds
    pace = EVENTS * options.senders / options.rate
    threads = [threading.Thread(target=sender, args=(port, bodies[at::options.senders], until, pace, results, lock)) for at in range(options.senders)]
    latencies_of_alerts, probes = {}, {}
    database = os.path.join(folder, "data", "state.db")
    threads.append(threading.Thread(target=prober, args=(port, database, until, latencies_of_alerts, probes)))
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        resident.append((time.time() - began, memory(server.pid)))
        time.sleep(1)
    took = max((at for at, _, _, _ in results), default=time.time()) - began
    acknowledged = sum(number for _, _, number, _ in results)
    # Until all of it is committed, and rules have seen it.
    settled = None
    since = time.time()
    while time.time() - since < 300:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("GET", "/logs-endpoint.events.process-default/_count")
        count = json.loads(connection.getresponse().read()).get("count", 0)
        if count >= acknowledged:
            settled = time.time() - since
            break
        time.sleep(1)
    server.send_signal(signal.SIGTERM)
    server.wait()
    latencies = sorted(latency for _, latency, number, _ in results if number)
    quantile = lambda share: latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000 if latencies else 0
    quarters = [max((mib for at, mib in resident if took * q / 4 <= at < took * (q + 1) / 4), default=0) for q in range(4)]
    failures = {}
    for _, _, number, why in results:
        if not number:
            failures[why] = failures.get(why, 0) + 1
    print("| | |\n|---|--:|")
    print(f"| asked | {options.rate} events/s of {statistics.mean(len(one) for one in bodies) / EVENTS:.0f} bytes, {options.seconds} s |")
    print(f"| acknowledged | {acknowledged} in {took:.0f} s: {acknowledged / took:.0f} events/s |")
    print(f"| answer to a request of {EVENTS} events, p50 · p99 · max | {quantile(0.5):.0f} · {quantile(0.99):.0f} · {quantile(1):.0f} ms |")
    alerted = sorted(latencies_of_alerts.values())
    of_alerts = lambda share: alerted[min(len(alerted) - 1, int(len(alerted) * share))] if alerted else 0
    print(
        f"| from sending an event to its alert, {len(alerted)} of {len(probes)}, p50 · p99 · max "
        f"| {of_alerts(0.5):.2f} · {of_alerts(0.99):.2f} · {of_alerts(1):.2f} s |"
    )
    print(f"| memory by quarters, greatest | {', '.join(f'{mib:.0f}' for mib in quarters)} MiB |")
    print(f"| requests that failed | {failures or 'none'} |")
    print(f"| all committed behind the last request | {'not within 300 s' if settled is None else f'{settled:.1f} s'} |")


if __name__ == "__main__":
    main()
