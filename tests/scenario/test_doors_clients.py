# SPDX-License-Identifier: Apache-2.0
"""test_doors_clients.py node|go [TEST...]: the gRPC doors with clients of other make than test_doors.py's: each has an
HTTP/2 and a gRPC of its own. The same scenario for each."""
import base64
import enum
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "doors"))
import stack_client  # noqa: E402
from farm import Farm, main  # noqa: E402
from gateway import Gateway  # noqa: E402

LIST = "todo.TodoService/"
TICKER = "StockTicker/SubscribeToStockUpdates"
HEALTH = "grpc.health.v1.Health/"
DATA, PLANT = "Grpc.RtoApi.DataProcessingService/", "Grpc.RtoApi.RtoService/"
EVERYWHERE = {"grpc.health.v1.Health": "grpc/health/v1/health.proto",
              "grpc.reflection.v1.ServerReflection": "grpc/reflection/v1/reflection.proto",
              "grpc.reflection.v1alpha.ServerReflection": "grpc/reflection/v1alpha/reflection.proto"}
SERVED = {"lists": {"StockTicker": "fin.proto", "todo.TodoService": "todo.proto"},
          "data": {"Grpc.RtoApi.DataProcessingService": "rto.proto"},
          "plant": {"Grpc.RtoApi.RtoService": "rto.proto"}}
UNKNOWN = "err_sessionNotFound"
CALLS_MAX = 100  # at once on a connection
# Between two signs of life. The door takes 20 a second for good; Go's client takes no shorter time than this.
FASTEST_SIGN_MS = {"node": 55, "go": 10000}
SIGNS_MS = 13000  # of the former there are more in it than the door takes at once


class Code(enum.IntEnum):
    OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = range(6)
    RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 8, 12, 13, 14


# One learns from the door's headers to compress no more; the other goes on as it was told.
AFTER_COMPRESSED = {"node": Code.OK, "go": Code.UNIMPLEMENTED}


class StackFarm(Farm):
    """A farm with all doors of gRPC, and a client with a connection to each: lists (ticker and to-do), data, plant."""

    def doors(self, worker=False):
        self.broker()
        if worker:
            self.worker()
        self.serve()
        self.client = stack_client.Client(self, WORDS)
        for on, port in self.doors_at.items():
            self.client.open(on, port)
        return self.client

    def serve(self):
        self.doors_at = {"data": self.port + 4, "plant": self.port + 5, "lists": self.port + 6}
        self.gateway = Gateway(self, "--doors", "rto,ticker,todo", "--rto-port", self.doors_at["data"],
                               "--rto-plant-port", self.doors_at["plant"], "--ticker-port", self.doors_at["lists"],
                               "--todo-port", self.doors_at["lists"], "--ticker-interval", "0.1")


def watch(client, on="lists", **options):
    call = client.start(on, LIST + "WatchTasks", **options)
    call.headers()
    return call


def change(id_, title, completed, action):
    return {"task": {"id": id_, "title": title, "completed": completed}, "action": action}


# --- one call ------------------------------------------------------------------------------------


def test_the_list(farm):
    client = farm.doors()
    for id_, title in enumerate(("Купить молоко", "50 % more", "x" * 1000), 1):
        assert client.ask("lists", LIST + "AddTask", {"title": title}, metadata={"accesstoken": "none"}) == \
            {"task": {"id": id_, "title": title, "completed": False}}
    assert client.ask("lists", LIST + "CompleteTask", {"task_id": 2}) == {"success": True}
    assert [(task["id"], task["completed"]) for task in client.ask("lists", LIST + "GetTasks")["tasks"]] == \
        [(1, False), (2, True), (3, False)]
    for id_ in (99, 0, -1, 2**31 - 1):
        call = client.fails(Code.NOT_FOUND, "lists", LIST + "CompleteTask", {"task_id": id_}, text="Task not found")
        assert not call.greeted  # headers and status were one


def test_what_is_refused(farm):
    client = farm.doors()
    watcher = watch(client)
    client.fails(Code.INVALID_ARGUMENT, "lists", LIST + "AddTask", {"title": "x" * 1001})
    client.fails(Code.RESOURCE_EXHAUSTED, "lists", LIST + "AddTask", {"title": "x" * (5 << 20)}, text="4 MiB")
    client.fails(Code.INVALID_ARGUMENT, "lists", LIST + "AddTask", {"title": "x" * ((4 << 20) - 100)})
    for path in ("/todo.TodoService/None", "/none/None", "/50%25%", "/"):
        client.fails(Code.UNIMPLEMENTED, "lists", LIST + "AddTask", path=path, text=f"unknown method {path}")
    large = client.start("lists", LIST + "GetTasks", metadata={"big": "x" * 20000})
    assert large.end()[0] in (Code.RESOURCE_EXHAUSTED, Code.INTERNAL)  # the latter is the client's own word: it knows
    assert client.ask("lists", LIST + "AddTask", {"title": "fine"})["task"]["id"] == 1
    assert watcher.message() == change(1, "fine", False, "ADDED")  # all on one connection, which stands


def test_compressed(farm):
    client = farm.doors()
    client.open("gzip", farm.doors_at["lists"], gzip=True)
    milk = {"title": "milk" * 200}
    client.fails(Code.UNIMPLEMENTED, "gzip", LIST + "AddTask", milk, text="compressed")
    assert client.start("gzip", LIST + "AddTask", milk).value().get("code", Code.OK) == AFTER_COMPRESSED[LANGUAGE]
    assert client.ask("lists", LIST + "AddTask", milk)["task"]["id"]


def test_deadlines(farm):
    client = farm.doors()
    for ms in (0, 1, 200):
        client.fails(Code.DEADLINE_EXCEEDED, "lists", LIST + "WatchTasks", deadline_ms=ms)
    assert client.ask("lists", LIST + "AddTask", {"title": "milk"}, deadline_ms=10**8)["task"]["id"] == 1


# --- streams -------------------------------------------------------------------------------------


def test_watchers_on_one_connection_and_on_two(farm):
    client = farm.doors()
    client.open("other", farm.doors_at["lists"])
    first, second, third = watch(client), watch(client), watch(client, "other")
    assert client.ask("lists", LIST + "AddTask", {"title": "milk"})["task"]["id"] == 1
    assert client.ask("other", LIST + "CompleteTask", {"task_id": 1})["success"]
    for watcher in (first, second, third):
        assert watcher.message() == change(1, "milk", False, "ADDED")
        assert watcher.message() == change(1, "milk", True, "COMPLETED")
    for left in (second, third):
        left.cancel()
        assert left.end()[0] == Code.CANCELLED and left.greeted
    client.ask("lists", LIST + "AddTask", {"title": "bread"})
    assert first.message() == change(2, "bread", False, "ADDED")
    late = watch(client)  # no snapshot
    client.ask("lists", LIST + "AddTask", {"title": "last"})
    assert late.message() == first.message() == change(3, "last", False, "ADDED")


def test_the_ticker_goes_symbol_by_symbol(farm):
    client = farm.doors(worker=True)
    call = client.start("lists", TICKER)
    for symbol in ("AAPL", "brk.b", "AAPL"):
        call.send(ticker_symbol=symbol)
    call.half_close()
    updates = call.rest()  # it ends by itself
    assert [update["ticker_symbol"] for update in updates] == ["AAPL"] * 5 + ["brk.b"] * 5 + ["AAPL"] * 5
    for update in updates:
        before = update["current_price"] - update["price_change"]
        assert 100 <= before <= 500 and 1000 <= update["volume"] <= 100000, update
        assert abs(update["change_percent"] - 100 * update["price_change"] / before) < 0.01, update
        assert int(update["timestamp"]) > 1_600_000_000


def test_the_ticker_talks_while_it_is_asked(farm):
    client = farm.doors(worker=True)
    call = client.start("lists", TICKER)
    call.headers()  # before anything was asked
    for symbol in ("AAPL", "TSLA"):
        call.send(ticker_symbol=symbol)
        assert [call.message()["ticker_symbol"] for _ in range(5)] == [symbol] * 5
    call.half_close()
    assert call.rest() == []
    nothing = client.start("lists", TICKER)
    nothing.half_close()
    assert nothing.rest() == []
    wrong = client.start("lists", TICKER)
    wrong.send(ticker_symbol="no symbol")
    assert wrong.end()[0] == Code.INVALID_ARGUMENT
    left = client.start("lists", TICKER)
    left.send(ticker_symbol="AAPL")
    left.message()
    left.cancel()
    while "message" in (found := left.value()):
        pass
    assert found["code"] == Code.CANCELLED, found
    assert client.start("lists", TICKER, deadline_ms=300).end()[0] == Code.DEADLINE_EXCEEDED


def test_many_at_once(farm):
    client = farm.doors()
    count = 1000
    calls = [client.start("lists", LIST + "AddTask", {"title": f"{i:01000}"}) for i in range(count)]
    assert sorted(call.message()["task"]["id"] for call in calls) == list(range(1, count + 1))
    assert all(call.end()[0] == Code.OK for call in calls)
    tasks = client.ask("lists", LIST + "GetTasks")["tasks"]  # a megabyte: many windows of a stream
    assert sorted(task["title"] for task in tasks) == [f"{i:01000}" for i in range(count)]


def test_streams_that_are_left(farm):
    client = farm.doors()
    first = watch(client)
    for round_ in range(1, 6):
        watchers = [watch(client) for _ in range(CALLS_MAX - 1)]
        for watcher in watchers:
            watcher.cancel()
        assert all(watcher.end()[0] == Code.CANCELLED for watcher in watchers)
        assert client.ask("lists", LIST + "AddTask", {"title": "milk"})["task"]["id"] == round_  # there is room
        assert first.message() == change(round_, "milk", False, "ADDED")


def test_more_streams_than_a_connection_has(farm):
    client = farm.doors()
    watchers = [watch(client) for _ in range(CALLS_MAX)]
    waiting = client.start("lists", LIST + "WatchTasks")
    client.fails(Code.DEADLINE_EXCEEDED, "lists", LIST + "GetTasks", deadline_ms=300)  # it waits as well
    watchers[0].cancel()
    waiting.headers()
    assert farm.reeve("todo", "add", "to all").returncode == 0
    for watcher in (*watchers[1:], waiting):
        assert watcher.message() == change(1, "to all", False, "ADDED")


# --- the connection ------------------------------------------------------------------------------


def test_a_gateway_that_comes_back(farm):
    client = farm.doors()
    watcher = watch(client)
    assert farm.gateway.process.stop() == 0
    assert watcher.end()[0] == Code.UNAVAILABLE
    waiting = client.start("lists", LIST + "AddTask", {"title": "milk"}, wait_for_ready=True)
    client.fails(Code.UNAVAILABLE, "lists", LIST + "GetTasks")
    farm.serve()
    found = waiting.value()
    while "message" not in found:  # the gateway is there a moment before it has heard of its broker, and adds nothing then
        assert (found["code"], found["text"]) == (Code.UNAVAILABLE, "no broker answers"), found
        found = client.start("lists", LIST + "AddTask", {"title": "milk"}, wait_for_ready=True).value()
    assert found["message"]["task"]["id"] == 1
    assert client.ask("lists", LIST + "GetTasks")["tasks"] == [{"id": 1, "title": "milk", "completed": False}]
    for on, service in (("data", DATA), ("plant", PLANT)):  # which had not called yet
        assert client.ask(on, service + "GetServiceStatus")["status"] == "Running"


def test_a_client_that_asks_whether_we_live(farm):
    client = farm.doors()
    client.open("alive", farm.doors_at["lists"], keepalive_ms=FASTEST_SIGN_MS[LANGUAGE])
    watcher = watch(client, "alive", deadline_ms=SIGNS_MS)
    assert watcher.end()[0] == Code.DEADLINE_EXCEEDED  # nobody has ended the connection
    assert "tasks" in client.ask("alive", LIST + "GetTasks")


def test_health(farm):
    client = farm.doors()
    for on, services in SERVED.items():
        for service in ("", *services, *EVERYWHERE):
            assert client.ask(on, HEALTH + "Check", {"service": service})["status"] == "SERVING"
        client.fails(Code.NOT_FOUND, on, HEALTH + "Check", {"service": "todo.TodoServic"})
    unknown = client.start("lists", HEALTH + "Watch", {"service": "none"})
    assert unknown.message()["status"] == "SERVICE_UNKNOWN"
    states = client.start("lists", HEALTH + "Watch", {"service": "todo.TodoService"})
    assert states.message()["status"] == "SERVING"
    assert farm.processes[0].stop() == 0
    assert states.message()["status"] == "NOT_SERVING"
    client.fails(Code.UNAVAILABLE, "lists", LIST + "GetTasks")
    farm.broker()
    assert states.message()["status"] == "SERVING"
    states.cancel()
    assert states.end()[0] == Code.CANCELLED


def compiled(folder, proto):
    """The file's descriptor, as protoc makes it."""
    made = folder / "descriptors"
    subprocess.run(["protoc", f"--descriptor_set_out={made}", proto], cwd=stack_client.ROOT / "proto", check=True)
    return made.read_bytes()


def test_reflection(farm):
    client = farm.doors()
    for version in ("v1", "v1alpha"):
        for on, services in SERVED.items():
            call = client.start(on, f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            call.send(host="here", list_services="*")
            said = call.message()
            assert said["valid_host"] == "here" and said["original_request"]["list_services"] == "*", said
            assert {row["name"] for row in said["list_services_response"]["service"]} == {*services, *EVERYWHERE}
            for service, proto in {**services, **EVERYWHERE}.items():
                for asked in ({"file_containing_symbol": service}, {"file_by_filename": proto}):
                    call.send(**asked)
                    file, = call.message()["file_descriptor_response"]["file_descriptor_proto"]
                    assert compiled(farm.folder, proto).endswith(base64.b64decode(file)), (service, asked)
            call.send(file_containing_symbol="None")
            assert call.message()["error_response"]["error_code"] == Code.NOT_FOUND
            call.half_close()
            assert call.rest() == []


# --- optimisation --------------------------------------------------------------------------------


def tag(name, lower=-1e100, upper=1e100):
    return {"id": name, "name": name, "dataType": "Numeric", "lower_bound": lower, "upper_bound": upper}


def values(**numbers):
    """As clients in the field send them: isGood and the time are unset."""
    return [{"tagId": name, "numericValue": number} for name, number in numbers.items()]


def numbers(found):
    assert all(value["isGood"] and int(value["timeStamp"]) > 1_600_000_000_000 for value in found), found
    return {value["tagId"]: value["numericValue"] for value in found}


WILLIAMS_OTTO = {"mvs": [tag("FB", 3, 6), tag("TR", 70, 100)], "model_id": "williams_otto",
                 "optimization_method": "GradientDescent", "max_iterations": 30}


def begin(client, on, method, **fields):
    said = client.ask(on, method, fields)
    assert said["is_good"], said
    return said["optimization_instance_id"]


def optimise(client, session, method="StartOptimize", **fields):
    said = client.ask("data", DATA + method, {"optimization_instance_id": session, **fields})
    assert said["sessionId"] == session
    return said


def finish(farm, session, **fields):
    """The best MVs."""
    first = optimise(farm.client, session, **fields)
    assert (first["flag"], first["message"]) == (0, "msg_optimization_started"), first

    def ended():
        said = optimise(farm.client, session)
        assert said["flag"] in (2, 3), said
        return said if said["flag"] == 3 else None

    return numbers(farm.until(ended, "it is finished")["MVs"])


def test_williams_otto(farm):
    client = farm.doors(worker=True)
    assert client.ask("data", DATA + "GetServiceStatus", {"accessToken": "none"}) == \
        {"serviceId": "", "status": "Running", "serviceType": "RtoService", "user": "", "message": ""}
    said = client.ask("data", DATA + "Start", WILLIAMS_OTTO)
    assert said["is_good"] and said["message"] == "Session created with method GradientDescent", said
    session = said["optimization_instance_id"]
    mvs = finish(farm, session, initial_mvs=values(FB=4, TR=80))
    assert abs(mvs["FB"] - 4.787420) < 0.02 and abs(mvs["TR"] - 89.703884) < 0.2, mvs
    assert abs(farm.json("session", "show", session)["best"]["objective"] - 190.980) < 1e-3
    said = client.ask("data", DATA + "CalculateCV", {"sessionId": session, "mv_values": values(FB=4.787, TR=89.70)})
    for name, wanted in zip("ABCEGP", (.087481, .389604, .015310, .290608, .107540, .109457)):
        assert abs(numbers(said["cv_values"])["X" + name] - wanted) < 1e-5, said
    assert client.ask("data", DATA + "Targetfreq", {"sessionId": session})["objectiveFunction"]
    assert "success" in client.ask("data", DATA + "Stop", {"sessionId": session})["message"]
    assert optimise(client, session)["message"] == UNKNOWN
    client.fails(Code.NOT_FOUND, "data", DATA + "Targetfreq", {"sessionId": session}, text=UNKNOWN)


def test_pause_resume_stop(farm):
    client = farm.doors(worker=True)
    session = begin(client, "data", DATA + "Start", **{**WILLIAMS_OTTO, "optimization_method": "Evolutionary",
                                                       "max_iterations": 100000})
    pause = {"sessionId": session}
    assert client.ask("data", DATA + "Pause", pause) == {"message": "err_optimization_not_running", "is_paused": False}
    assert optimise(client, session)["flag"] == 0
    said = optimise(client, session, "StartOptimise")
    assert (said["flag"], said["message"]) == (2, "err_optimization_already_running")
    assert client.ask("data", DATA + "Pause", pause) == {"message": "msg_paused", "is_paused": True}
    assert client.ask("data", DATA + "Pause", pause) == {"message": "msg_already_paused", "is_paused": True}
    said = optimise(client, session, "StartOptimise")  # the other spelling
    assert (said["flag"], said["message"]) == (1, "msg_optimization_resumed")
    said = client.ask("data", DATA + "Stop", pause)["message"]
    assert "msg_session_stopped" in said and "success" in said


def test_sessions_that_are_none(farm):
    client = farm.doors(worker=True)
    for id_ in ("", "none", "0000000000000", "../../etc/passwd", "сессия"):
        said = optimise(client, id_)
        assert (said["flag"], said["message"], said["MVs"]) == (-1, UNKNOWN, []), said
        said = client.ask("plant", PLANT + "OptimizeIteration", {"optimization_instance_id": id_})
        assert (said["flag"], said["message"], said["mv_values"]) == (4, UNKNOWN, []), said
        for on, service in (("data", DATA), ("plant", PLANT)):
            assert client.ask(on, service + "Pause", {"sessionId": id_}) == {"message": UNKNOWN, "is_paused": False}
            assert client.ask(on, service + "Stop", {"sessionId": id_}) == {"message": UNKNOWN}


def test_sloppy_starts(farm):
    client = farm.doors(worker=True)
    doubled = [tag("x", -100, 100), tag("x", -1.797e308, 50), tag("x", -50, 1e100)]
    cvs = [tag("x", 40, 50), tag("level", 0, 9), tag("level", 4)]
    session = begin(client, "data", DATA + "Start", mvs=doubled, cvs=cvs,
                    objective_function="10 * Pow([x] + 7 , 2) + [level]", model_id="15b5132c-5041-4f0e")
    mvs = finish(farm, session, initial_mvs=values(x=-0.786), initial_cvs=values(level=5))
    assert abs(mvs["x"] + 7) < 1e-3, mvs
    assert abs(farm.json("session", "show", session)["best"]["objective"] - 5) < 1e-3
    for on, method, fields in (("data", DATA + "Start", {"objective_function": "[x]"}),
                               ("plant", PLANT + "StartOptimizeSession", {})):
        said = client.ask(on, method, {"mvs": [tag("x", 0, 5)], "optimization_method": "Newton", **fields})
        assert not said["is_good"] and not said["optimization_instance_id"], said
        assert "unknown method" in said["message"], said


def test_the_client_is_the_plant(farm):
    client = farm.doors(worker=True)
    mvs = [tag("x", -5, 5), tag("y", -5, 5), tag("x", -4, 9)]
    session = begin(client, "plant", PLANT + "StartOptimizeSession", mvs=mvs,
                    cvs=[tag("sum", 1), tag("J", -1, -0.5), tag("sum", -1e100, 50)], max_iterations=80,
                    optimization_method="Gradient Descent", model_id="none of ours")

    def iterate(**fields):
        return client.ask("plant", PLANT + "OptimizeIteration", {"optimization_instance_id": session, **fields})

    said = iterate(mv_values=[{"tagId": "x"}, {"tagId": "y"}])  # only names
    assert (said["flag"], said["message"]) == (0, "msg_optimization_started"), said
    count = 0
    while said["flag"] != 3:
        assert said["flag"] in (0, 2), said
        mvs = numbers(said["mv_values"])
        objective = {"tagId": "J", "numericValue": mvs["x"] ** 2 + mvs["y"] ** 2}
        said = iterate(cv_values=values(sum=mvs["x"] + mvs["y"]), objective_function_value=objective)
        count += 1
    best = numbers(said["mv_values"])  # x = y = 1/2; the bounds of J are no constraints
    assert said["message"] == "msg_optimization_finished" and count <= 80
    assert abs(best["x"] - 0.5) < 1e-2 and abs(best["y"] - 0.5) < 1e-2, best
    assert iterate()["flag"] == 3
    assert "success" in client.ask("plant", PLANT + "Stop", {"sessionId": session})["message"]
    assert iterate()["flag"] == 4


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in FASTEST_SIGN_MS:
        sys.exit(__doc__)
    LANGUAGE = sys.argv[1]
    WORDS = stack_client.made(LANGUAGE)
    main(globals(), make=StackFarm, wanted=sys.argv[2:])
