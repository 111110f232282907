# SPDX-License-Identifier: Apache-2.0
"""handlers: what `reeve worker --dataframe` serves: `dataframe.run {"Directory": ..., "Base": ..., "File": ...}`.

Settings, from the worker's options: REEVE_ROOTS, the folders that jobs may name, with colons (the current one);
REEVE_SLOT_MEMORY_MIB, what a job may have; and REEVE_DASK_SCHEDULER, the address of a Dask cluster to compute on.
"""
from __future__ import annotations

import importlib.util
import os
import sys
import time

from reeve.dataframe.job import Cancelled, Failed, MIB, Runner
from reeve.dataframe.roots import Roots
from reeve.errors import Failure
from reeve.handlers import Cancelled as JobCancelled, handler, job as job_of

END_BEFORE_S = 0.3, 2.0  # before the worker would end the slot for the job's time limit: a tenth of that, within these

if missing := [name for name in ("dask", "distributed", "pandas", "pyarrow") if not importlib.util.find_spec(name)]:
    sys.exit(f"{sys.executable} has no {', '.join(missing)}, which dataframe jobs need: `deploy/setup.sh --python` makes "
             "an environment that has it, REEVE_PYTHON names another interpreter")


def make_runner() -> Runner:
    environment = os.environ
    return Runner(Roots(environment.get("REEVE_ROOTS", ".").split(":")),
                  int(environment.get("REEVE_SLOT_MEMORY_MIB", "0")) * MIB, environment.get("REEVE_DASK_SCHEDULER", ""))


# In a slot before there is a job, for Dask takes a second to load; not when the handlers are only listed.
runner = make_runner() if "REEVE_SLOT" in os.environ else None


@handler("dataframe.run")
def run(files: dict[str, str]) -> dict[str, str]:
    job = job_of()
    least, most = END_BEFORE_S
    end = time.monotonic() + job.time_limit - min(max(least, job.time_limit / 10), most) if job.time_limit else None

    def tell(stage: str, done: int, count: int) -> None:
        job.progress(done, count, stage=stage)

    def stop() -> bool:
        if end is not None and time.monotonic() > end:
            raise Failed(f"it had not ended when its time limit, {job.time_limit:g} s, was over")
        return job.cancelled

    try:
        return (runner or make_runner()).run(files, tell, stop)
    except Cancelled:
        raise JobCancelled from None
    except Failed as failed:
        print(failed.printed, end="", file=sys.stderr, flush=True)  # with the job, as what any handler prints
        raise Failure(str(failed)) from None
