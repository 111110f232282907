# SPDX-License-Identifier: Apache-2.0
"""gateway: a reeve-gateway of a test's farm, and requests to it. Each answer of the JSON API is held against
openapi.json on the way."""
import http.client
import json
import os
import pathlib
import re
import select

import schema
from farm import DEADLINE_S

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "producer" / "gateway"
DOCUMENT = schema.Document(json.loads((SOURCES / "openapi.json").read_text()))


def routes():
    """{(METHOD, path): open} as the server's tables have them, without the page's files."""
    found = {}
    for source in SOURCES.rglob("*.c"):
        for method, path, open_ in re.findall(r'\{"([A-Z]+)", "([^"]+)", (true|false), \w+\}', source.read_text()):
            found[method, path] = open_ == "true"
    return {key: open_ for key, open_ in found.items() if key[1] not in ("/", "/{file}")}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.type = headers.get("Content-Type", "").split(";")[0]
        self.json = json.loads(body) if self.type == "application/json" and body else None

    @property
    def error(self):
        return self.json["error"]["code"]

    @property
    def message(self):
        return self.json["error"]["message"]


class Gateway:
    """Its process, once its port is bound. seen: {(METHOD, template): {status, ...}} of what was asked."""

    def __init__(self, farm, *words):
        reader, writer = os.pipe()
        self.port = farm.port + 3
        self.process = farm.start("reeve-gateway", "--http", f"127.0.0.1:{self.port}", "--broker", farm.address,
                                  "--ready-fd", writer, *words, keep=[writer])
        os.close(writer)
        with open(reader, "rb") as pipe:
            assert select.select([pipe], [], [], DEADLINE_S)[0] and pipe.read(1), "the gateway does not listen"
        self.token = (farm.folder / "state" / "reeve" / "token").read_text().strip()
        self.seen = {}
        farm.until(lambda: self.get("/v1/status").status == 200, "the gateway has found the broker")

    def ask(self, method, path, body=None, raw=None, **headers):
        """body: a value, sent as JSON; raw: bytes. Headers: with _ for -."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Authorization", f"Bearer {self.token}")
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        key, operation = DOCUMENT.operation(method, path.split("?")[0])
        DOCUMENT.check_answer(operation, answer.status, answer.type, answer.json if answer.body else None)
        if answer.status in (429, 503) and "error" in answer.json:
            assert int(answer.headers["Retry-After"]) >= 1, answer.headers
        self.seen.setdefault(key, set()).add(answer.status)
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.ask("POST", path, body, **headers)

    def good(self, method, path, body=None, status=200, **headers):
        """Its JSON; any other status is a failure."""
        answer = self.ask(method, path, body, **headers)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.body[:500]}"
        return answer.json

    def refused(self, status, code, method, path, body=None, text="", **headers):
        answer = self.ask(method, path, body, **headers)
        assert (answer.status, answer.error) == (status, code), f"{method} {path}: {answer.status} {answer.body[:500]}"
        assert text in answer.message, answer.message
        return answer
