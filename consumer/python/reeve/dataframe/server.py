# SPDX-License-Identifier: Apache-2.0
"""server: what the fork server of job.py loads before there is a job; imported there and nowhere else."""
import dask.dataframe.io.parquet.arrow  # these two Dask would load with the first base
import fsspec.implementations.arrow

from reeve.dataframe import child as child, processes

processes.die_with_parent()  # also when that is killed while a job of ours still runs
