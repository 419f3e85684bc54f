"""The clock: stepped time fires timers in order and waits for what they start."""

import asyncio

import pytest

from vonage_simulator.clock import TIMERS_BEFORE_SWEEP, Clock, Inbox


async def test_stepped_time_does_not_move_between_steps() -> None:
    clock = Clock(0, 100.0)
    await asyncio.sleep(0.01)
    assert clock.now() == 100.0
    await clock.step(5)
    assert clock.now() == 105.0


async def test_a_step_fires_timers_in_order_each_at_its_own_time() -> None:
    clock = Clock(0, 0.0)
    fired: list[tuple[str, float]] = []
    for name, when in (("late", 3.0), ("early", 1.0), ("same", 3.0), ("never", 9.0)):
        clock.call_at(when, lambda name=name: fired.append((name, clock.now())))  # type: ignore[misc]
    await clock.step(5)
    assert fired == [("early", 1.0), ("late", 3.0), ("same", 3.0)]


async def test_a_step_wakes_sleeps_that_begin_during_it() -> None:
    clock = Clock(0, 0.0)
    times: list[float] = []

    async def work() -> None:
        for _ in range(3):
            await clock.sleep(1)
            times.append(clock.now())

    task = asyncio.create_task(work())
    await clock.step(10)
    assert times == [1.0, 2.0, 3.0]
    assert task.done()


async def test_a_step_waits_for_external_work_before_it_continues() -> None:
    clock = Clock(0, 0.0)

    async def work() -> float:
        await clock.run_external(asyncio.sleep(0.02))
        return clock.now()

    task = asyncio.create_task(work())
    await clock.step(10)
    assert task.result() == 0.0


async def test_external_results_are_released_in_the_order_in_which_the_work_began() -> None:
    clock = Clock(0, 0.0)
    order: list[str] = []

    async def work(name: str, seconds: float) -> None:
        await clock.run_external(asyncio.sleep(seconds))
        order.append(name)

    tasks = [asyncio.create_task(work("slow", 0.03)), asyncio.create_task(work("fast", 0))]
    await clock.step(1)
    await asyncio.gather(*tasks)
    assert order == ["slow", "fast"]


async def test_external_work_is_sequential_while_time_is_stepped() -> None:
    clock = Clock(0, 0.0)
    order: list[str] = []

    async def work(name: str, seconds: float) -> None:
        order.append(f"{name} begins")
        await asyncio.sleep(seconds)
        order.append(f"{name} ends")

    tasks = [
        asyncio.create_task(clock.run_external(work("slow", 0.02))),
        asyncio.create_task(clock.run_external(work("fast", 0))),
    ]
    await clock.step(1)
    await asyncio.gather(*tasks)
    assert order == ["slow begins", "slow ends", "fast begins", "fast ends"]


async def test_a_canceled_timer_does_nothing() -> None:
    clock = Clock(0, 0.0)
    fired: list[int] = []
    clock.call_at(1.0, lambda: fired.append(1)).cancel()
    await clock.step(2)
    assert fired == []


async def test_canceled_timers_are_swept() -> None:
    clock = Clock(0, 0.0)
    for _ in range(10 * TIMERS_BEFORE_SWEEP):
        clock.call_at(1e9, lambda: None).cancel()
    assert len(clock._timers) <= 2 * TIMERS_BEFORE_SWEEP


async def test_running_time_advances_at_its_speed() -> None:
    real = [0.0]
    clock = Clock(10, 100.0, lambda: real[0])
    real[0] = 2.0
    assert clock.now() == 120.0
    clock.set_speed(1)
    real[0] = 3.0
    assert clock.now() == 121.0


async def test_a_sleep_ends_when_a_stopped_clock_is_started() -> None:
    clock = Clock(0, 0.0)
    task = asyncio.create_task(clock.sleep(100))
    await asyncio.sleep(0)
    clock.set_speed(10_000)
    await asyncio.wait_for(task, 5)


async def test_a_running_clock_cannot_be_stepped() -> None:
    with pytest.raises(ValueError, match="speed 0"):
        await Clock(1, 0.0).step(1)


@pytest.mark.parametrize("speed", [-1, 10_001])
async def test_speed_out_of_range_is_an_error(speed: float) -> None:
    with pytest.raises(ValueError, match="between"):
        Clock(0, 0.0).set_speed(speed)


async def test_inbox_returns_items_in_order_and_none_at_the_deadline() -> None:
    clock = Clock(0, 0.0)
    inbox: Inbox[int] = Inbox(clock)
    inbox.put(1)
    inbox.put(2)
    assert [await inbox.get(), await inbox.get(5.0)] == [1, 2]
    task = asyncio.create_task(inbox.get(5.0))
    await clock.step(5)
    assert task.result() is None
