"""The tests' own home, set before Django reads its settings (loaded by `-p` in pytest)."""

import atexit
import os
import shutil
import tempfile

HOME = tempfile.mkdtemp(prefix="stagent-tests-")
os.environ["STAGENT_HOME"] = HOME
for name in (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
):
    os.environ.pop(name, None)

atexit.register(shutil.rmtree, HOME, ignore_errors=True)
