# SPDX-License-Identifier: Apache-2.0
"""The doors of real-time optimisation with real clients of gRPC: sessions that are computed here (DataProcessingService)
and those whose plant is the client (RtoService), with all the sloppiness of clients in the field."""
import math
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "doors"))
import grpc_python  # noqa: E402

grpc_python.enter()

import grpc  # noqa: E402
from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase  # noqa: E402

from farm import DEADLINE_S, Farm, main  # noqa: E402
from gateway import Gateway  # noqa: E402

STUBS = tempfile.TemporaryDirectory(prefix="reeve-test-stubs-")
grpc_python.make_stubs(STUBS.name)
sys.path.insert(0, STUBS.name)

import rto_pb2 as rto  # noqa: E402
import rto_pb2_grpc  # noqa: E402

UNKNOWN = "err_sessionNotFound"
NO_IDS = ("", "none", "0000000000000", "../../etc/passwd", "../0000000000000", "x" * 10000, "сессия", "a\0b")
LONG = {"optimization_method": "Evolutionary", "max_iterations": 100000}  # goes on until it is stopped


class RtoFarm(Farm):
    def doors(self, worker=True):
        self.broker()
        if worker:
            self.worker()
        self.gateway = Gateway(self, "--doors", "rto", "--rto-port", self.port + 4, "--rto-plant-port", self.port + 5)
        self.channels = [grpc.insecure_channel(f"localhost:{self.port + i}") for i in (4, 5)]
        self.data = rto_pb2_grpc.DataProcessingServiceStub(self.channels[0])
        self.plant = rto_pb2_grpc.RtoServiceStub(self.channels[1])
        return self.data, self.plant

    def close(self):
        for channel in getattr(self, "channels", []):
            channel.close()
        super().close()


def tag(name, lower=-1e100, upper=1e100, kind="Numeric", **fields):
    return rto.TagType(id=name, name=name, dataType=kind, lower_bound=lower, upper_bound=upper, **fields)


def values(**numbers):
    return [rto.TagVal(tagId=name, numericValue=number) for name, number in numbers.items()]


def numbers(found):
    assert all(value.timeStamp > 1_600_000_000_000 for value in found), found
    return {value.tagId: value.numericValue for value in found}


def start(data, **fields):
    """The id of a new session."""
    said = data.Start(rto.StartRequest(**fields), timeout=DEADLINE_S)
    assert said.is_good and len(said.optimization_instance_id) == 13, said
    return said.optimization_instance_id


def optimise(data, session, **fields):
    return data.StartOptimize(rto.StartOptimizeRequest(optimization_instance_id=session, **fields), timeout=DEADLINE_S)


def finish(farm, session, **fields):
    """Lets it optimise to its end; the best MVs."""
    first = optimise(farm.data, session, **fields)
    assert (first.flag, first.message, first.sessionId) == (0, "msg_optimization_started", session), first

    def ended():
        said = optimise(farm.data, session)
        assert (said.flag, said.message) in ((2, "err_optimization_already_running"), (3, "msg_optimization_finished")), said
        return said if said.flag == 3 else None

    return numbers(farm.until(ended, "it is finished").MVs)


def best(farm, session):
    return farm.json("session", "show", session)["best"]


# --- computed here -------------------------------------------------------------------------------


def test_williams_otto_to_its_optimum(farm):
    data, _ = farm.doors()
    said = data.Start(rto.StartRequest(mvs=[tag("FB", 3, 6), tag("TR", 70, 100)], model_id="williams_otto",
                                       optimization_method="GradientDescent", max_iterations=30))
    assert said.is_good and said.message == "Session created with method GradientDescent", said
    session = said.optimization_instance_id
    lines = farm.folder / "state" / "reeve" / "sessions" / f"session_{session}.txt"
    assert "MV FB" in lines.read_text()  # there before Start is answered
    mvs = finish(farm, session, initial_mvs=values(FB=4, TR=80))
    assert abs(mvs["FB"] - 4.787420) < 0.02 and abs(mvs["TR"] - 89.703884) < 0.2, mvs
    assert abs(best(farm, session)["objective"] - 190.980) < 1e-3
    listed = {row["id"]: row for row in farm.json("session", "list")["sessions"]}
    assert listed[session]["state"] == "finished"
    assert data.Targetfreq(rto.TargetfreqRequest(sessionId=session)).objectiveFunction
    assert data.Stop(rto.StopRequest(sessionId=session)).message == "success: msg_session_stopped"
    assert optimise(data, session).message == UNKNOWN and not lines.exists()


def test_bounds_of_cvs_are_constraints(farm):
    data, _ = farm.doors()
    session = start(data, mvs=[tag("FB", 3, 6), tag("TR", 70, 100)], cvs=[tag("XA", upper=0.12), tag("XG", upper=0.08)],
                    model_id="williams_otto")
    finish(farm, session)
    assert abs(best(farm, session)["objective"] - 178.529) < 1e-3 and best(farm, session)["violation"] <= 1e-6


def test_all_methods(farm):
    data, plant = farm.doors()
    for method in ("GradientDescent", "Gradient Descent", "Evolutionary", "GaussOpt", "SimulatedAnnealingOpt",
                   "EvolutionaryOpt", "TestStepOpt", "Genetic_Algo"):
        said = data.Start(rto.StartRequest(mvs=[tag("x", -5, 5)], objective_function="([x] - 1)^2", optimization_method=method))
        assert said.is_good and said.message == f"Session created with method {method}", said
        said = plant.StartOptimizeSession(rto.StartSessionRequest(mvs=[tag("x", -5, 5)], optimization_method=method))
        assert said.is_good and said.message == f"Session created with method {method}", said
    for service, request in ((data.Start, rto.StartRequest(mvs=[tag("x", 0, 5)], objective_function="[x]")),
                             (plant.StartOptimizeSession, rto.StartSessionRequest(mvs=[tag("x", 0, 5)]))):
        request.optimization_method = "Newton"
        said = service(request)
        assert not said.is_good and not said.optimization_instance_id and "unknown method" in said.message, said
    assert len(farm.json("session", "list")["sessions"]) == 16  # those that were refused left nothing


def test_pause_resume_stop(farm):
    data, _ = farm.doors()
    session = start(data, mvs=[tag("FB", 3, 6), tag("TR", 70, 100)], model_id="williams_otto", **LONG)
    pause = rto.PauseRequest(sessionId=session)
    said = data.Pause(pause)
    assert (said.message, said.is_paused) == ("err_optimization_not_running", False)
    assert optimise(data, session).flag == 0
    farm.until(lambda: len(optimise(data, session).MVs) == 2, "it shows current MVs")
    said = optimise(data, session)
    assert (said.flag, said.message) == (2, "err_optimization_already_running"), said
    said = data.Pause(pause)
    assert (said.message, said.is_paused) == ("msg_paused", True)
    said = data.Pause(pause)
    assert (said.message, said.is_paused) == ("msg_already_paused", True)
    assert farm.json("session", "show", session)["state"] == "paused"
    said = data.StartOptimise(rto.StartOptimizeRequest(optimization_instance_id=session))  # the other spelling
    assert (said.flag, said.message) == (1, "msg_optimization_resumed") and len(said.MVs) == 2, said
    assert optimise(data, session).flag == 2
    said = data.Stop(rto.StopRequest(sessionId=session)).message
    assert "msg_session_stopped" in said and "success" in said.lower()
    # The iteration under way is ended by its worker first.
    farm.until(lambda: data.Stop(rto.StopRequest(sessionId=session)).message == UNKNOWN, "it is gone")


def test_sessions_that_are_none(farm):
    data, plant = farm.doors()
    assert farm.reeve("todo", "add", "no optimisation").returncode == 0
    task = farm.json("jobs")["jobs"][0]["id"]  # a session too, but none of this service
    for id_ in (*NO_IDS, task):
        said = optimise(data, id_)
        assert (said.flag, said.message, len(said.MVs)) == (-1, UNKNOWN, 0), said
        assert said.sessionId == id_.split("\0")[0]
        said = plant.OptimizeIteration(rto.OptimizeIterationRequest(optimization_instance_id=id_))
        assert (said.flag, said.message) == (4, UNKNOWN), said
        for service in (data, plant):
            said = service.Pause(rto.PauseRequest(sessionId=id_))
            assert (said.message, said.is_paused) == (UNKNOWN, False)
            assert service.Stop(rto.StopRequest(sessionId=id_)).message == UNKNOWN
        said = data.CalculateCV(rto.CalculateCVRequest(sessionId=id_, modelId="williams_otto"))
        assert said.message == UNKNOWN and not said.cv_values
        try:
            data.Targetfreq(rto.TargetfreqRequest(sessionId=id_))
            raise AssertionError("it has an objective")
        except grpc.RpcError as error:
            assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, UNKNOWN)
    assert "no optimisation" in farm.reeve("todo", "list").stdout


def test_starts_that_are_none(farm):
    data, plant = farm.doors()
    for text, fields in (("no objective", {}),
                         ("no MV", {"objective_function": "1"}),
                         ("crossed", {"mvs": [tag("x", 5, 1)], "objective_function": "[x]"}),
                         ("no number", {"mvs": [tag("x", math.nan, 1)], "objective_function": "[x]"}),
                         ("256 bytes", {"mvs": [tag("x" * 300, 0, 1)], "objective_function": "1"}),
                         ("no id", {"mvs": [rto.TagType()], "objective_function": "1"}),
                         ("column", {"mvs": [tag("x", 0, 1)], "objective_function": "[x]+"}),
                         ("max_iterations", {"mvs": [tag("x", 0, 1)], "objective_function": "[x]", "max_iterations": 2**31 - 1}),
                         ("no MV", {"mvs": [tag("nothing", 0, 1)], "model_id": "williams_otto"}),
                         ("more than", {"mvs": [tag(f"x{i}", 0, 1) for i in range(2000)], "objective_function": "1"})):
        said = data.Start(rto.StartRequest(**fields))
        assert not said.is_good and text in said.message, (said, fields)
    assert not plant.StartOptimizeSession(rto.StartSessionRequest()).is_good
    assert farm.json("session", "list")["sessions"] == []


def test_what_the_service_says_of_itself(farm):
    for service in farm.doors():
        assert service.GetServiceStatus(rto.ArgRequest()) == rto.ServiceStatus(status="Running", serviceType="RtoService")
    for channel, service in zip(farm.channels, ("DataProcessingService", "RtoService")):
        asked = health_pb2.HealthCheckRequest(service="Grpc.RtoApi." + service)
        assert health_pb2_grpc.HealthStub(channel).Check(asked).status == health_pb2.HealthCheckResponse.SERVING
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "Grpc.RtoApi." + service in database.get_services()
        assert database.FindFileContainingSymbol("Grpc.RtoApi." + service).name == "rto.proto"


def test_cvs_of_a_model(farm):
    data, _ = farm.doors()
    session = start(data, mvs=[tag("FB", 3, 6)], model_id="williams_otto")
    for model in ("", "williams_otto", "none of ours"):
        said = data.CalculateCV(rto.CalculateCVRequest(sessionId=session, modelId=model, mv_values=values(FB=4.787, TR=89.70)))
        cvs = numbers(said.cv_values)
        assert said.sessionId == session and said.message, said
        for name, wanted in zip("ABCEGP", (.087481, .389604, .015310, .290608, .107540, .109457)):
            assert abs(cvs["X" + name] - wanted) < 1e-5, cvs
    said = data.CalculateCV(rto.CalculateCVRequest(sessionId=session, mv_values=values(FB=math.nan)))
    assert "finite number" in said.message and not said.cv_values, said
    said = data.CalculateCV(rto.CalculateCVRequest(sessionId=session, modelId="van_de_vusse", mv_values=values(FB=4)))
    assert "no MV FB" in said.message, said


def test_an_objective_over_what_is_given(farm):
    data, _ = farm.doors()
    session = start(data, mvs=[tag("x", -1.797e308, 1.797e308)], objective_function="10 * Pow([x] + 7 , 2) + 15",
                    model_id="15b5132c-5041-4f0e")
    assert data.Targetfreq(rto.TargetfreqRequest(sessionId=session)).objectiveFunction == "10 * Pow([x] + 7 , 2) + 15"
    mvs = finish(farm, session, initial_mvs=values(x=-0.786))
    assert abs(mvs["x"] + 7) < 1e-3 and abs(best(farm, session)["objective"] - 15) < 1e-3


def test_cvs_without_a_model_stand_still(farm):
    data, _ = farm.doors()
    session = start(data, mvs=[tag("MV1", 0, 10)], cvs=[tag("CV1"), tag("CV2", 0, 5), tag("CV3", 1, 9)],
                    objective_function="[CV1]*[CV2]^2-3/[CV3] + ([MV1] - 3)^2")
    mvs = finish(farm, session, initial_cvs=values(CV1=2, CV2=3, CV3=4), initial_mvs=values(MV1=9))
    assert abs(mvs["MV1"] - 3) < 1e-3 and abs(best(farm, session)["objective"] - 17.25) < 1e-3
    session = start(data, mvs=[tag("MV1", 0, 10)], cvs=[tag("CV1", 4, 8)], objective_function="([MV1] - [CV1])^2")
    assert abs(finish(farm, session)["MV1"] - 4) < 1e-3  # nobody has said where it stands


def test_whole_numbers(farm):
    data, _ = farm.doors()
    for method in ("GradientDescent", "GaussOpt", "Evolutionary"):
        session = start(data, mvs=[tag("n", -3.5, 9, "Integer"), tag("on", 0, 0, "Bool"), tag("x", -1, 1)],
                        objective_function="([n] - 2.7)^2 + ([on] - 0.6)^2 + ([x] - 0.25)^2", optimization_method=method)
        mvs = finish(farm, session, initial_mvs=values(n=0.4, on=0.4, x=0))
        assert (mvs["n"], mvs["on"]) == (3, 1) and abs(mvs["x"] - 0.25) < 1e-3, (method, mvs)
        found = best(farm, session)  # what is shown is what was computed with
        assert found["mvs"] == mvs and abs(found["objective"] - (0.09 + 0.16 + (mvs["x"] - 0.25) ** 2)) < 1e-9, found
    said = data.Start(rto.StartRequest(mvs=[tag("n", 0.2, 0.8, "Integer")], objective_function="[n]"))
    assert not said.is_good and "no whole number between the bounds of n" in said.message, said


# --- the client is the plant ---------------------------------------------------------------------


def begin(plant, **fields):
    said = plant.StartOptimizeSession(rto.StartSessionRequest(**fields))
    assert said.is_good, said
    return said.optimization_instance_id


def iterate(plant, session, **fields):
    said = plant.OptimizeIteration(rto.OptimizeIterationRequest(optimization_instance_id=session, **fields), timeout=DEADLINE_S)
    assert said.sessionId == session
    return said


def run(plant, session, compute, ask_each=False):
    """Until flag 3; compute: {MV: value} -> (fields of what came of them). The best MVs, and how many were tried."""
    tags = [rto.TagVal(tagId="x"), rto.TagVal(tagId="y")]
    said = iterate(plant, session, mv_values=tags)
    assert (said.flag, said.message) == (0, "msg_optimization_started"), said
    count = 0
    while said.flag != 3:
        assert said.flag in (0, 2), said
        said = iterate(plant, session, **compute(numbers(said.mv_values)))
        count += 1
        if ask_each:
            again = iterate(plant, session, mv_values=tags)
            assert numbers(again.mv_values) == numbers(said.mv_values)
            said = again
    assert said.message == "msg_optimization_finished"
    return numbers(said.mv_values), count


def bowl(mvs):
    """CVs sum and J, the objective."""
    x, y = mvs["x"], mvs["y"]
    return {"cv_values": values(sum=x + y), "objective_function_value": rto.TagVal(tagId="J", numericValue=x * x + y * y)}


def test_the_client_is_the_plant_until_flag_3(farm):
    _, plant = farm.doors()
    session = begin(plant, mvs=[tag("x", -5, 5), tag("y", -5, 5)], cvs=[tag("sum", 1), tag("J", -1, -0.5)], max_iterations=80,
                    optimization_method="GradientDescent", model_id="none of ours")
    mvs, count = run(plant, session, bowl)  # x = y = 1/2; the bounds of J are no constraints
    assert abs(mvs["x"] - 0.5) < 1e-2 and abs(mvs["y"] - 0.5) < 1e-2 and count <= 80, (mvs, count)
    found = best(farm, session)
    assert abs(found["objective"] - 0.5) < 1e-2 and found["violation"] <= 1e-6, found
    assert iterate(plant, session).flag == 3


def test_an_iteration_is_an_evaluation(farm):
    _, plant = farm.doors()
    for method in ("GaussOpt", "Evolutionary", "TestStepOpt"):
        session = begin(plant, mvs=[tag("x", -5, 5), tag("y", 0, 4)], max_iterations=12, optimization_method=method)
        _, count = run(plant, session, bowl, ask_each=True)
        assert count == 12, count


def test_a_plant_with_whole_numbers(farm):
    _, plant = farm.doors()
    tried = []

    def valves(mvs):
        tried.append((mvs["x"], mvs["y"]))
        return {"objective_function_value": rto.TagVal(tagId="J", numericValue=(mvs["x"] - 2.2) ** 2 + (1 - mvs["y"]))}

    session = begin(plant, mvs=[tag("x", -5.5, 5.5, "Integer"), tag("y", kind="Bool")], max_iterations=24,
                    optimization_method="GaussOpt")
    mvs, count = run(plant, session, valves)
    assert mvs == {"x": 2, "y": 1} and best(farm, session)["mvs"] == mvs, mvs
    assert all(x in range(-5, 6) and y in (0, 1) for x, y in tried), tried
    assert len(set(tried)) == count <= 22, tried  # nothing is tried twice


def test_a_plant_pauses_and_goes_on(farm):
    _, plant = farm.doors()
    session = begin(plant, mvs=[tag("x", -5, 5), tag("y", -5, 5)], max_iterations=20)
    first = numbers(iterate(plant, session).mv_values)
    assert plant.Pause(rto.PauseRequest(sessionId=session)).message == "msg_paused"
    assert plant.Pause(rto.PauseRequest(sessionId=session)).message == "msg_already_paused"
    said = iterate(plant, session)
    assert (said.flag, said.message) == (1, "msg_optimization_resumed") and numbers(said.mv_values) == first, said
    assert plant.Pause(rto.PauseRequest(sessionId=session)).is_paused
    said = iterate(plant, session, **bowl(first))  # what came of them counts, though it was paused
    assert said.flag == 1 and numbers(said.mv_values) != first, said
    assert farm.json("session", "show", session)["evaluations"] == 1
    assert "msg_session_stopped" in plant.Stop(rto.StopRequest(sessionId=session)).message
    assert iterate(plant, session).flag == 4


def test_sloppy_plants(farm):
    _, plant = farm.doors()
    doubled = [tag("sum", -100, 100), tag("sum", 1, 1e100), tag("sum", -1.797e308, 50), tag("x", 40, 50)]
    session = begin(plant, mvs=[tag("x", -5, 5), tag("y", -5, 5), tag("x", -4, 9)], cvs=doubled, max_iterations=60)
    mvs, _ = run(plant, session, bowl)
    assert abs(mvs["x"] - 0.5) < 0.05 and abs(mvs["y"] - 0.5) < 0.05, mvs
    unbounded = begin(plant, mvs=[tag("x"), tag("y", -1.797e308, 1.797e308)], max_iterations=40, maximize=True)

    def hill(mvs):
        value = -(mvs["x"] - 2) ** 2 - (mvs["y"] + 1) ** 2
        return {"mv_values": values(**mvs), "objective_function_value": rto.TagVal(numericValue=value, isGood=False)}

    mvs, _ = run(plant, unbounded, hill)
    assert abs(mvs["x"] - 2) < 0.05 and abs(mvs["y"] + 1) < 0.05, mvs


def test_outcomes_that_are_no_numbers(farm):
    _, plant = farm.doors()
    for bad in (math.nan, math.inf, -math.inf):
        session = begin(plant, mvs=[tag("x", -5, 5), tag("y", -5, 5)], max_iterations=5)
        said = iterate(plant, session)
        while said.flag != 3:
            said = iterate(plant, session, objective_function_value=rto.TagVal(tagId="J", numericValue=bad))
            assert said.flag in (2, 3), said


def test_no_worker(farm):
    data, _ = farm.doors(worker=False)
    said = data.Start(rto.StartRequest(mvs=[tag("x", 0, 1)], objective_function="[x]"))
    assert not said.is_good and "no worker" in said.message, said


def test_sessions_of_others(farm):
    data, plant = farm.doors()
    session = farm.reeve("session", "start", "--model", "williams_otto", "--quiet").stdout.strip()
    finish(farm, session)
    session = farm.reeve("session", "start", "--external", "--mv", "x:-5..5", "--mv", "y:-5..5", "--max-iterations", "5",
                         "--quiet").stdout.strip()
    run(plant, session, bowl)
    session = start(data, mvs=[tag("x", 0, 1)], objective_function="([x] - 1)^2")
    assert farm.reeve("session", "optimise", session, "--wait", "20").returncode == 0
    assert optimise(data, session).flag == 3
    assert farm.reeve("session", "stop", session).returncode == 0
    assert optimise(data, session).message == UNKNOWN


def test_a_broker_that_is_away(farm):
    data, plant = farm.doors()
    session = start(data, mvs=[tag("x", 0, 1)], objective_function="[x]")
    farm.processes[0].stop()
    farm.until(lambda: farm.gateway.get("/readyz").status == 503, "the gateway knows")
    for call in (lambda: optimise(data, session), lambda: iterate(plant, session), lambda: start(data, mvs=[tag("x", 0, 1)])):
        try:
            call()
            raise AssertionError("somebody has answered")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error


if __name__ == "__main__":
    main(globals(), make=RtoFarm)
