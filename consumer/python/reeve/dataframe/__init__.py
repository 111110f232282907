# SPDX-License-Identifier: Apache-2.0
"""dataframe: Python functions over Parquet with Dask: what answers `dataframe.run`."""
