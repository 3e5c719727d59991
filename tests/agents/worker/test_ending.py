"""A process that hangs after it was told to stop."""

import subprocess
import sys

HANGS = """
import threading
from agents.worker import ending
threading.Thread(target=threading.Event().wait, name="never ends").start()
ending.end_by_force(after_seconds=0.1)
"""


def test_is_ended_and_tells_where_it_hung():
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "threading.py" in ended.stderr
