#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON door: what the farm is doing, jobs on data frames (played by the test), and requests that are none."""
import contextlib
import json
import random

import msgpack

import farm as farm_module
from farm import Worker
from plain_door import PlainFarm, begin, connect, more_files, reply
from raw import resident_mib

FILES = {"Directory": "C:/your_folder/", "Base": "time_series.parquet", "File": "work.py"}


def ask_bytes(farm, data, **options):
    return json.loads(reply(begin(farm.dask_port, data, **options)))


def ask(farm, request):
    """The Response; the request comes back with it, in its order."""
    answer = ask_bytes(farm, json.dumps(request).encode())
    assert list(answer) == [*request, "Response"], answer
    response = answer.pop("Response")
    assert answer == request and list(response) == ["Status", "Discription"], (answer, response)
    return response["Status"], response["Discription"]


def info(farm, request, header="Info"):
    status, text = ask(farm, {"Header": header, "Request": request})
    assert status == "complete", (status, text)
    return text


def opened(farm):
    farm.broker("--store", "memory")
    farm.doors()


def run(farm, request=None):
    return begin(farm.dask_port, json.dumps(request or {"Header": "Dask", "Request": FILES}).encode())


def test_an_idle_farm(farm):
    opened(farm)
    farm.worker()
    for header in ("Info", "info"):
        assert info(farm, "Status", header) == "Status: Ready"
        assert info(farm, "Dask process", header) == "Dask process: 0"
        assert info(farm, "All process", header) == "All process: 2"
        assert info(farm, "All statistic", header) == "All statistic: Status: Ready Dask process: 0 All process: 2"


def test_a_data_frame(farm):
    opened(farm)
    worker = Worker(farm, "dataframe.run", slots=3)
    clients = [run(farm), run(farm, {"Request": dict(FILES, More=1), "Header": "dask", "id": [1.5, None, "Я"]})]
    leases = [worker.receive("lease") for _ in clients]
    assert all(msgpack.unpackb(lease.args) == [FILES] for lease in leases), leases
    assert info(farm, "All statistic") == "All statistic: Status: Work Dask process: 2 All process: 4"
    said = {"Directory": FILES["Directory"], "File": "work_ansver.parquet"}
    for lease in leases:
        worker.answer(lease, msgpack.packb(said))
    answers = [json.loads(reply(client)) for client in clients]
    response = {"Status": "complete", "Discription": said}
    assert answers[0] == {"Header": "Dask", "Request": FILES, "Response": response}, answers[0]
    assert list(answers[1].items()) == [("Request", dict(FILES, More=1)), ("Header", "dask"), ("id", [1.5, None, "Я"]),
                                        ("Response", response)], answers[1]
    assert info(farm, "Status") == "Status: Ready" and info(farm, "All process") == "All process: 2"


def test_a_job_that_fails(farm):
    opened(farm)
    worker = Worker(farm, "dataframe.run")
    client = run(farm)
    worker.answer(worker.receive("lease"), msgpack.packb("work.py: ValueError: нет"), reason=1)
    assert json.loads(reply(client))["Response"] == {"Status": "error", "Discription": "work.py: ValueError: нет"}
    client = run(farm)
    worker.answer(worker.receive("lease"), msgpack.packb({"Directory": "d", "File": "f"}))
    assert json.loads(reply(client))["Response"]["Status"] == "complete"


def test_a_farm_without_such_a_worker(farm):
    opened(farm)
    status, text = ask(farm, {"Header": "Dask", "Request": FILES})
    assert status == "error" and text == "No worker of this farm runs dataframe jobs (dataframe.run).", text
    worker = Worker(farm, "dataframe.run")
    worker.send("goodbye")
    worker.close()
    farm.until(lambda: not farm.workers(), "the worker has left")
    assert ask(farm, {"Header": "Dask", "Request": FILES}) == (status, text)


def test_requests_that_ask_nothing_known(farm):
    opened(farm)
    Worker(farm, "dataframe.run")
    for request in ({"Header": "Other", "Request": "Status"}, {"Request": "Status"}, {}, {"Header": 1}, {"Header": "INFO"}):
        assert ask(farm, request) == ("error", "Unknown header."), request
    for request in ("status", None, {}, 1):
        assert ask(farm, {"Header": "Info", "Request": request}) == ("error", "Unknown request.")
    for request in ("Status", None, {"Directory": "d", "Base": "b"}, dict(FILES, File=3), dict(FILES, Base="")):
        status, text = ask(farm, {"Header": "Dask", "Request": request})
        assert status == "error" and "Directory, Base and File" in text, text
    again = ask_bytes(farm, b'{"Header":"Info","Response":{"old":1},"Request":"Status"}')
    assert again["Response"] == {"Status": "complete", "Discription": "Status: Ready"}, again


def bad(farm, data, **options):
    answer = ask_bytes(farm, data, **options)
    assert list(answer) == ["Header", "Response"] and answer["Header"] == "noheader", answer
    assert answer["Response"]["Status"] == "error" and answer["Response"]["Discription"], answer
    return answer["Response"]["Discription"]


def test_bad_json(farm):
    opened(farm)
    noise = random.Random(5)
    for data in (b"nonsense", b"[1,2]", b"12", b'"Info"', b'{"Header":"Info"', b'{"Header":"Info",}', b"{]", b"]", b"{'a':1}",
                 b'{"a":"', b'{"a":"\\', b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", b"[" * 100000, b'{"a":' * 1000,
                 b'{"a":"\xff"}', b"null", b" ", b"{" + noise.randbytes(2000)):
        bad(farm, data)  # which it sees by the silence, at the latest
        bad(farm, data, half_close=True)
    assert info(farm, "Status") == "Status: Ready"


def test_a_request_in_pieces(farm):
    opened(farm)
    request = b' \r\n{"Header": "Info", "Re\\"quest}": ["}{"], "Request": "Status"}'
    with connect(farm.dask_port) as client:
        for byte in request[:-1]:
            client.sendall(bytes([byte]))
        client.sendall(request[-1:] + b" and what follows is nobody's")
        answer = json.loads(client.recv(1 << 16))
    assert answer["Response"]["Discription"] == "Status: Ready" and answer['Re"quest}'] == ["}{"], answer


def test_five_mebibytes(farm):
    opened(farm)
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        assert "longer than 64 KiB" in bad(farm, b'{"Header":"' + b"x" * (5 << 20) + b'"}')
    assert info(farm, "Status") == "Status: Ready"


def test_thousands(farm):
    more_files()
    opened(farm)
    memory = resident_mib(farm.gateway)
    idle = [connect(farm.dask_port) for _ in range(800)]
    half = [begin(farm.dask_port, b'{"Header":') for _ in range(200)]
    clients = [begin(farm.dask_port, b'{"Header":"Info","Request":"Status"}') for _ in range(500)]
    assert {json.loads(reply(client))["Response"]["Discription"] for client in clients} == {"Status: Ready"}
    assert all(json.loads(reply(client))["Header"] == "noheader" for client in half)
    assert resident_mib(farm.gateway) < memory + 200, (resident_mib(farm.gateway), memory)
    for client in idle:
        client.close()


def test_a_broker_that_is_away(farm):
    broker = farm.broker("--store", "memory")
    farm.doors()
    broker.stop()
    farm.until(lambda: farm.gateway.get("/readyz").status != 200, "the gateway has noticed")
    for request in ({"Header": "Info", "Request": "Status"}, {"Header": "Dask", "Request": FILES}):
        status, text = ask(farm, request)
        assert status == "error" and text, (status, text)


if __name__ == "__main__":
    farm_module.main(globals(), PlainFarm)
