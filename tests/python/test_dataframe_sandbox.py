# SPDX-License-Identifier: Apache-2.0
"""dataframe.run in a slot whose sandbox is strict."""
import subprocess

import pytest
import reeve
from dataframe_farm import failed, request
from farm import BUILD


def test_strict_opens_the_roots_and_nothing_else(bare, start, root):
    if "strict files ok" not in subprocess.run([BUILD / "bin" / "reeve-worker", "--check-sandbox"], text=True,
                                               capture_output=True, check=True).stdout:
        pytest.skip("this kernel has no Landlock")
    outside = bare.farm.folder / "outside"
    start("--sandbox", "strict")
    with reeve.Client(bare.address) as client:
        assert client.call("dataframe.run", request(root))["File"] == "work_ansver.parquet"
        # An answer is for whoever may read its folder, though a slot makes files for itself.
        assert (root / "work_ansver.parquet").stat().st_mode & 0o777 == root.stat().st_mode & 0o644
        text = failed(client, request(root, f"def main(ddf):\n    open({str(outside)!r}, 'w')\n"))
        assert text == f"work.py, line 2: PermissionError: [Errno 13] Permission denied: '{outside}'"
    assert not outside.exists()
