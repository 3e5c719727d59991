"""The tests' own home, set before Django reads its settings (loaded by `-p` in pytest)."""

import ast
import atexit
import functools
import gc
import os
import shutil
import signal
import sys
import tempfile
import threading

HOME = tempfile.mkdtemp(prefix="stagent-tests-")
os.environ["STAGENT_HOME"] = HOME
# What all processes of a run share: the home of the one that starts the others.
os.environ.setdefault("STAGENT_TESTS_SHARED", HOME)
for name in (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
):
    os.environ.pop(name, None)

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before 3.11.8 Python counts the depth of a syntax tree for the whole process: where another
# thread, or what the garbage collector calls, parses meanwhile, it raises SystemError (gh-106905).
# Tracebacks are formatted so, and pytest parses each function that fails.
if sys.version_info < (3, 11, 8):
    _parse, _parsing = ast.parse, threading.RLock()

    @functools.wraps(_parse)
    def _parse_alone(*arguments, **options):
        with _parsing:
            was_enabled = gc.isenabled()
            gc.disable()
            try:
                return _parse(*arguments, **options)
            finally:
                if was_enabled:
                    gc.enable()

    ast.parse = _parse_alone

# What is loaded before the first test stays: no collection of garbage looks at it again.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


atexit.register(shutil.rmtree, HOME, ignore_errors=True)
