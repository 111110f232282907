# SPDX-License-Identifier: Apache-2.0
"""What a test asks a dataframe worker of a farm; the farm's folder and worker are the fixtures root and start."""
import pytest
import reeve

MEAN = "def main(ddf):\n    return ddf.groupby('key').mean()\n"


def request(root, source=MEAN, **changed):
    """The job's request: this source, over root's base."""
    (root / "work.py").write_text(source)
    return {"Directory": str(root), "Base": "base.parquet", "File": "work.py"} | changed


def failed(client, files, **options):
    """Why that job failed, which it must."""
    with pytest.raises(reeve.JobFailed) as caught:
        client.call("dataframe.run", files, **options)
    return caught.value.text
