#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reeve-gateway as a server: how it starts and stops, whom it answers, its limits and its metrics. Its event streams
are test_updates.py's, what the JSON API says is test_api.py's."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

import farm as farm_module
from farm import DEADLINE_S, Worker
from gateway import Gateway
from raw import Raw, Stream, ask, figures, open_farm, real_worker, request, resident_mib, untouched

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "FOO")
OPEN = ("/livez", "/readyz", "/healthz", "/version", "/", "/index.html")
CLOSED = ("/v1/status", "/v1/jobs", "/v1/queues/a.b/hold", "/v1/updates?topic=todo", "/v1/nothing", "/metrics")


# --- starting and stopping -----------------------------------------------------------------------------------------


def test_what_it_does_not_start_with(farm):
    def refused(status, text, *words):
        process = farm.start("reeve-gateway", "--broker", farm.address, *words)
        assert process.wait() == status and text in process.stderr(), (words, process.stderr())

    token = farm.folder / "state/reeve/token"
    here = ("--http", f"127.0.0.1:{farm.port + 3}")
    for address in ("0.0.0.0", "192.0.2.1", "[::]", "example.org"):
        refused(7, "reeve keys init", "--http", f"{address}:{farm.port + 3}")
        assert not token.exists()
    for wrong in ("127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x"):
        refused(2, "--http", "--http", wrong)
    refused(2, "unexpected word", *here, "more")
    refused(7, "tcp://", *here, "--broker", "nonsense")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", farm.port + 3))
        taken.listen()
        refused(7, str(farm.port + 3), *here)
    token.chmod(0o644)
    refused(7, str(token), *here)
    token.chmod(0o600)
    token.write_text("guess\n")
    refused(7, str(token), *here)
    refused(7, "no/such", *here, "--token-file", "/proc/no/such")


def test_the_token_is_made_once_and_kept(farm):
    gateway = open_farm(farm)
    token = farm.folder / "state/reeve/token"
    assert re.fullmatch("[0-9a-f]{64}\n", token.read_text()) and token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    assert gateway.process.stop() == 0
    again = Gateway(farm)
    assert again.token == gateway.token
    assert again.process.stop() == 0
    own = farm.folder / "own"
    own.write_text("f" * 64)
    own.chmod(0o600)
    process = farm.start("reeve-gateway", "--http", f"127.0.0.1:{again.port}", "--broker", farm.address, "--token-file", own)
    farm.until(lambda: "listening" in process.stderr(), "it listens")
    assert ask(again, "GET", "/v1/jobs")[0] == 401
    again.token = own.read_text()
    farm.until(lambda: ask(again, "GET", "/v1/jobs")[0] == 200, "it has found the broker")


def test_it_ends_streams_and_waits_when_it_is_told_to(farm):
    gateway = open_farm(farm)
    Worker(farm, "a.b").close()
    stream = Stream(gateway, "topic=queue/a.b")
    stream.next(event="snapshot")
    waiting = Raw(gateway)
    body = b'{"method": "a.b", "args": []}'
    waiting.send(request(gateway, "POST", "/v1/jobs?wait=60", "Content-Type: application/json",
                         f"Content-Length: {len(body)}") + body)
    farm.until(lambda: farm.json("status")["totals"]["submitted"] == 1, "the job is there")
    gateway.process.kill(signal.SIGTERM)
    while stream.text():
        pass
    assert waiting.answer()[0] == 503
    assert gateway.process.wait() == 0


def test_names_of_a_proxy(farm):
    gateway = open_farm(farm, "--name", "farm.example")
    assert ask(gateway, "GET", "/livez", host="farm.example")[0] == 200
    assert ask(gateway, "GET", "/livez", "Origin: https://farm.example", host="farm.example")[0] == 200
    assert ask(gateway, "GET", "/livez", host="other.example")[0] == 421


# --- whom it answers -----------------------------------------------------------------------------------------------


def test_wrong_hosts_origins_and_tokens_on_every_method(farm):
    gateway = open_farm(farm)
    before = farm.json("status")

    def status(*words, **options):
        return ask(gateway, *words, **options)[0]

    for method in METHODS:
        for path in OPEN + CLOSED:
            for host in ("evil.example", f"127.0.0.1:{gateway.port + 1}", f"127.0.0.1.evil.example:{gateway.port}"):
                assert status(method, path, host=host) == 421, (method, path, host)
            for origin in ("http://evil.example", "null", f"http://127.0.0.1:{gateway.port + 1}"):
                assert status(method, path, f"Origin: {origin}") == 403, (method, path, origin)
            assert status(method, path, "Sec-Fetch-Site: cross-site") == 403, (method, path)
        for path in CLOSED:
            assert status(method, path, token=False) == 401, (method, path)
            wrong = f"Authorization: Bearer {'0' * 64}"
            assert status(method, path, wrong, token=False) == 401, (method, path)
        for path in OPEN:
            assert status(method, path, token=False) == (200 if method in ("GET", "HEAD") else 405), (method, path)
    assert ask(gateway, "GET", "/v1/status", f"Origin: http://localhost:{gateway.port}",
               "Sec-Fetch-Site: same-origin")[0] == 200
    untouched(farm, before)


def test_no_answer_without_its_headers(farm):
    gateway = open_farm(farm)
    policy = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
              "frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
    wanted = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
              "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}
    answers = [ask(gateway, "GET", path, token=token)[:2] for path in OPEN + CLOSED[:3] + CLOSED[4:] for token in (True, False)]
    answers += [ask(gateway, "DELETE", "/livez")[:2], ask(gateway, "GET", "/livez", host="evil.example")[:2]]
    stream = Stream(gateway, "topic=todo")
    answers.append((stream.status, stream.headers))
    for status, headers in answers:
        for name, value in wanted.items():
            assert headers.get(name) == value, (status, headers)
        assert headers["Cache-Control"] in ("no-store", "no-cache") and "Access-Control-Allow-Origin" not in headers
    status, headers, page = ask(gateway, "GET", "/", token=False)
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"<script>" not in page
    status, again, page = ask(gateway, "GET", "/", f"If-None-Match: {headers['ETag']}", token=False)
    assert (status, page) == (304, b"")


def test_tricks_with_paths(farm):
    gateway = open_farm(farm)
    before = farm.json("status")
    tricks = {404: ("/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/./",
                    "/index.html/", "//", "/main.c", "/etc/passwd", "/proc/self/environ", "/" + "a/" * 2000),
              400: ("/%00", "/index.html%00", "/%zz", "/%", "/%0d%0aX-Evil:1", "/?a=%00", "*", "http://x/livez"),
              401: ("/v1/../livez", "/v1//jobs", "/v1/jobs/", "/v1/%2e%2e/livez", "/v1", "/metrics/")}
    for status, paths in tricks.items():
        for path in paths:
            got, headers, body = ask(gateway, "GET", path, token=False)
            assert got == status, (path, got, body[:200])
            assert "X-Evil" not in headers and b"root:" not in body
    for path in ("/v1/../livez", "/v1//jobs", "/v1/jobs/", "/v1/queues//hold", "/v1/queues/%2e%2e/hold"):
        assert ask(gateway, "GET", path)[0] in (404, 405), path
    untouched(farm, before)


# --- limits --------------------------------------------------------------------------------------------------------


def flood(raw, piece, most):
    """Sends the piece again and again until the other side has had enough; how many bytes went."""
    sent = 0
    while sent < most:
        readable, writable, _ = select.select([raw.socket], [raw.socket], [], DEADLINE_S)
        assert readable or writable, "nobody takes it and nobody says no"
        if readable:
            return sent
        try:
            sent += raw.socket.send(piece)
        except (ConnectionResetError, BrokenPipeError):
            return sent
    raise AssertionError(f"{sent} bytes were taken")


def test_a_body_of_a_gigabyte(farm):
    gateway = open_farm(farm)
    before = farm.json("status")
    memory = resident_mib(gateway)
    piece = b"x" * 65536
    for method, path, status in (("POST", "/v1/jobs", 413), ("POST", "/v1/todo", 413), ("DELETE", "/v1/jobs/004hr3nnd9999", 413),
                                 ("GET", "/v1/jobs", 413), ("PUT", "/v1/jobs", 405), ("PATCH", "/v1/jobs", 405)):
        for framing in (f"Content-Length: {1 << 30}", "Transfer-Encoding: chunked"):
            if status == 405 and framing.startswith("Transfer"):
                continue
            raw = Raw(gateway)
            raw.send(request(gateway, method, path, framing, "Content-Type: application/json"))
            chunk = piece if framing.startswith("Content") else b"%x\r\n%s\r\n" % (len(piece), piece)
            sent = flood(raw, chunk, 64 << 20)
            assert sent < 16 << 20, (method, framing, sent)
            got, headers, body = raw.answer()
            assert got == status and "error" in json.loads(body), (method, framing, got, body)
            assert raw.ended(), (method, framing)
            raw.close()
    raw = Raw(gateway)
    raw.send(request(gateway, "POST", "/v1/jobs", f"Content-Length: {1 << 30}", "Expect: 100-continue",
                     "Content-Type: application/json"))
    assert raw.answer()[0] == 413, "before a byte of it was sent"
    for framing in ("Content-Length: 18446744073709551617", "Content-Length: -1", "Content-Length: 1, 2"):
        raw = Raw(gateway)
        raw.send(request(gateway, "POST", "/v1/jobs", framing, "Content-Type: application/json"))
        assert raw.answer()[0] in (400, 413), framing
    assert resident_mib(gateway) < memory + 32, (resident_mib(gateway), memory)
    untouched(farm, before)


def test_heads_beyond_all_measure(farm):
    gateway = open_farm(farm)
    before = farm.json("status")
    raw = Raw(gateway)
    raw.send(request(gateway, "GET", "/livez?" + "a" * 20000))
    assert raw.answer()[0] == 414
    for head in (b"GET /" + b"a" * (1 << 20), b"GET / HTTP/1.1\r\n" + b"X-Long: 1\r\n" * 100000,
                 b"GET / HTTP/1.1\r\nX-Long: " + b"a" * (1 << 20)):
        raw = Raw(gateway)
        flood(raw, head, 64 << 20)
        raw.until(b"HTTP/1.1 4")
        assert raw.data[:2] in (b"00", b"13", b"14", b"31"), raw.data[:100]
        raw.close()
    for nonsense in (b"\0" * 1000, b"\x16\x03\x01\x02\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 10000 + b"x"):
        raw = Raw(gateway)
        raw.send(nonsense)
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.ended(), nonsense[:20]
        raw.close()
    assert ask(gateway, "GET", "/livez")[0] == 200
    untouched(farm, before)


def test_half_open_connections(farm):
    gateway = open_farm(farm)
    before = farm.json("status")
    silent = [Raw(gateway) for _ in range(300)]
    for i, raw in enumerate(silent):
        raw.send((b"", b"GE", request(gateway, "GET", "/livez")[:-2],
                  request(gateway, "POST", "/v1/jobs", "Content-Length: 100", "Content-Type: application/json") + b"{")[i % 4])
    began = time.monotonic()
    assert ask(gateway, "GET", "/livez")[0] == 200
    assert ask(gateway, "GET", "/v1/status")[0] == 200
    assert time.monotonic() - began < 5
    farm.until(lambda: figures(gateway)["reeve_gateway_connections"] == 301, "all are there, and the one that asks")
    for raw in silent:
        raw.close()
    farm.until(lambda: figures(gateway)["reeve_gateway_connections"] == 1, "all are gone")
    untouched(farm, before)


def test_who_leaves_is_not_waited_for(farm):
    gateway = open_farm(farm)
    Worker(farm, "a.b").close()
    body = b'{"method": "a.b", "args": []}'
    waiting = [Raw(gateway) for _ in range(20)]
    for raw in waiting:
        raw.send(request(gateway, "POST", "/v1/jobs?wait=300", "Content-Type: application/json",
                         f"Content-Length: {len(body)}") + body)
    farm.until(lambda: figures(gateway)["reeve_gateway_waiting"] == 21, "they wait, and the one that asks")
    for raw in waiting:
        raw.close()
    farm.until(lambda: figures(gateway)["reeve_gateway_connections"] == 1, "nobody is waited for")
    assert gateway.process.stop() == 0


# --- metrics and health --------------------------------------------------------------------------------------------


def test_metrics(farm):
    gateway = open_farm(farm)
    real_worker(farm)
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"
    assert farm.reeve("call", "calculator.calculate", 1, "/", 0).returncode == 1
    status, headers, text = ask(gateway, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", headers
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=DEADLINE_S, check=False)
    assert checked.returncode == 0 and not checked.stderr, checked
    is_ = figures(gateway)
    assert is_["reeve_up"] == 1 and is_["reeve_executions_total"] == 2
    queue = 'queue="calculator.calculate"'
    assert is_["reeve_jobs_submitted_total{%s}" % queue] == 2
    assert is_['reeve_jobs_finished_total{%s,outcome="ok"}' % queue] == 1
    assert is_['reeve_jobs_finished_total{%s,outcome="failed"}' % queue] == 1
    assert is_['reeve_workers{state="up"}'] == 1 and is_['reeve_attempts_total{cause="ok"}'] == 1
    assert is_["reeve_job_run_seconds_count"] == 2 == is_['reeve_job_run_seconds_bucket{le="+Inf"}']
    assert is_["process_resident_memory_bytes"] > 1 << 20 and is_["process_open_fds"] > 5
    assert abs(is_["process_start_time_seconds"] - time.time()) < 3600
    assert farm.json("jobs")["jobs"][0]["id"] not in text.decode(), "no job's id is a label"


def test_health(farm):
    gateway = open_farm(farm)
    assert json.loads(ask(gateway, "GET", "/livez", token=False)[2]) == {"status": "ok"}
    assert json.loads(ask(gateway, "GET", "/healthz", token=False)[2]) == {"status": "ok"}
    assert json.loads(ask(gateway, "GET", "/readyz", token=False)[2]) == \
        {"status": "ok", "checks": {"broker": "ok", "state": "serving"}}
    version = json.loads(ask(gateway, "GET", "/version", token=False)[2])
    assert version["version"] in farm.reeve("version").stdout, version
    broker = farm.json("status")["broker"]["pid"]
    os.kill(broker, signal.SIGSTOP)
    try:
        farm.until(lambda: ask(gateway, "GET", "/readyz", token=False)[0] == 503, "a broker that hangs is not ready")
        assert ask(gateway, "GET", "/livez", token=False)[0] == 200
    finally:
        os.kill(broker, signal.SIGCONT)
    farm.until(lambda: ask(gateway, "GET", "/readyz", token=False)[0] == 200, "it goes on")


def test_an_answer_waits_for_no_tick(farm):
    gateway = open_farm(farm)
    took = []
    for _ in range(41):
        began = time.monotonic()
        assert ask(gateway, "GET", "/v1/status")[0] == 200
        took.append(time.monotonic() - began)
    assert sorted(took)[20] < 0.04, sorted(took)


if __name__ == "__main__":
    farm_module.main(globals())
