"""What the tests need of Python itself."""

import ast
import gc
import threading

SOURCE = f"[{', '.join(f'f({n}, [{{{n}: {n}}}])' for n in range(300))}]"


class Parsing:
    """A cycle, whose end parses."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        ast.parse("a + b")


def test_parsing_is_not_disturbed_by_what_the_garbage_collector_parses():
    before = gc.get_threshold()
    gc.set_threshold(50)
    try:
        for _ in range(20):
            for _ in range(30):
                Parsing()
            ast.parse(SOURCE)
    finally:
        gc.set_threshold(*before)


def test_parsing_is_not_disturbed_by_other_threads():
    failures = []

    def parse():
        try:
            for _ in range(50):
                ast.parse(SOURCE)
        except SystemError as error:
            failures.append(error)

    threads = [threading.Thread(target=parse) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
