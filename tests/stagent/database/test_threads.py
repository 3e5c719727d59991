"""The hop into the web's threads: results come back to their callers, and so do errors."""

import asyncio
import threading
import time

import pytest

from stagent.database.threads import Threads


def fail():
    raise ZeroDivisionError("as asked")


async def test_each_caller_gets_its_own_result():
    threads = Threads(1, "test", blocks_loop=True)
    squares = [threads.run(pow, number, 2) for number in range(50)]
    assert await asyncio.gather(*squares) == [number**2 for number in range(50)]


async def test_an_error_goes_to_its_caller_only():
    threads = Threads(1, "test", blocks_loop=True)
    before, failing, after = (
        threads.run(abs, -1),
        threads.run(fail),
        threads.run(abs, -2),
    )
    assert (await before, await after) == (1, 2)
    with pytest.raises(ZeroDivisionError, match="as asked"):
        await failing


async def test_a_slow_call_holds_up_none_before_it():
    threads, go_on = Threads(1, "test", blocks_loop=True), threading.Event()
    quick, slow, behind = (
        threads.run(abs, -1),
        threads.run(go_on.wait),
        threads.run(abs, -3),
    )
    try:
        async with asyncio.timeout(60):
            assert await quick == 1
        assert not slow.done()
    finally:
        go_on.set()
    assert (await slow, await behind) == (True, 3)


async def test_the_loop_goes_on_while_a_call_is_slow():
    threads, go_on = Threads(1, "test", blocks_loop=True), threading.Event()
    slow = threads.run(go_on.wait, 5)
    asyncio.get_running_loop().call_later(0.02, go_on.set)  # only a loop that runs does
    assert await slow


async def test_more_than_a_thread_does_at_once_is_all_done():
    threads = Threads(1, "test", blocks_loop=True)
    sleeps = [threads.run(time.sleep, 0.001) for _ in range(20)]
    assert await asyncio.gather(*sleeps) == [None] * 20
    assert await threads.run(abs, -1) == 1


async def test_who_stops_waiting_takes_nothing_from_the_others():
    threads = Threads(1, "test", blocks_loop=True)
    given_up, other = threads.run(abs, -1), threads.run(abs, -2)
    given_up.cancel()
    assert await other == 2


async def test_several_threads_share_what_comes_at_once():
    threads, both = Threads(2, "test"), threading.Barrier(2, timeout=60)
    await asyncio.gather(threads.run(both.wait), threads.run(both.wait))


def test_an_event_loop_after_another_is_served_too():
    threads = Threads(1, "test", blocks_loop=True)
    held, go_on = threading.Event(), threading.Event()

    def hold():
        held.set()
        go_on.wait(60)

    async def leave_in_the_middle():
        threads.run(hold)
        await asyncio.to_thread(held.wait)  # it is at work

    asyncio.run(leave_in_the_middle())
    go_on.set()

    async def ask():
        return await asyncio.wait_for(threads.run(abs, -1), 60)

    assert asyncio.run(ask()) == 1
