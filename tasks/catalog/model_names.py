"""What a model's name looks like, whoever gives it: a task, a profile or a workflow's step."""

import re

MAX_CHARACTERS = 200
# Some runtimes give it to a program as an argument, which must not look like an option.
PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:/@+\[\]-]*"
HINT = "A model's name begins with a letter or digit, and has no spaces"


def find_name_problem(model: str) -> str:
    """Say why this is no name of a model; nothing if it can be one."""
    if len(model) <= MAX_CHARACTERS and re.fullmatch(PATTERN, model):
        return ""
    return f"{HINT}, nor more than {MAX_CHARACTERS} characters"
