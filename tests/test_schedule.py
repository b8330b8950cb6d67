"""Targets that are asked at set times. The day's clock is the test's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listening import Listening
from program import wait_until
from test_imports import modules
from tray import app, events
from tray import settings as settings_module
from tray.errors import SettingsError
from tray.settings import Settings
from tray.settings_target import Target
from tray.simulator.chats import SimulatedChat
from tray.simulator.exchange import Frames
from tray.simulator.server import Simulator
from tray.sources import schedule

EIGHT = datetime.fromisoformat("2026-11-23 08:00")  # a Monday


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """It is 7 o'clock, and looked at ten times a second."""
    clock = Clock(EIGHT - timedelta(hours=1))
    monkeypatch.setattr(schedule, "_now", clock)
    monkeypatch.setattr(schedule, "LOOK_S", 0.1)
    return clock


@pytest.fixture
def go_on() -> threading.Event:
    """Set: chats end. Else they go on and on."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def cloud(go_on) -> Iterator[Simulator]:
    def on_chat(chat: SimulatedChat) -> Frames:
        yield chat.created()
        while not go_on.wait(0.02):
            yield b": ping\n\n"
        yield from chat.says("好")
        yield from chat.completed()

    with Simulator(on_chat, lambda *_: []) as cloud:
        yield cloud
        go_on.set()


def daily(times: str = "0 8 * * *") -> dict[str, Target]:
    return {"晨报": Target(kind="bot", id="1", prompt="做一个晨报", schedule=times)}


def listening(listen: Callable[..., Listening], cloud: Simulator, targets: dict[str, Target]) -> Listening:
    one = listen(cloud, resume=True, settings={"targets": targets})
    one.app.listener.start()
    looked(one)
    return one


def looked(one: Listening) -> None:
    """Until it has looked at the clock again."""
    (found,) = (source for _said, source in one.app.sources._running.values() if isinstance(source, schedule.Schedules))
    wait_until(lambda: found._looked_after, "the schedules are there")
    time.sleep(0.35)


def asked(cloud: Simulator) -> list[str]:
    return [chat.prompt for chat in list(cloud.chats.values())]


def test_a_target_is_asked_when_it_is_due_and_once(listen, cloud, clock):
    one = listening(listen, cloud, daily())
    assert not asked(cloud)
    clock.goes_on(hours=1)
    one.until(events.RequestDone)
    clock.goes_on(minutes=1)
    looked(one)
    assert asked(cloud) == ["做一个晨报"]
    clock.goes_on(days=1)
    one.until(events.RequestDone)
    assert len(asked(cloud)) == 2


def test_a_schedule_that_is_new_is_not_asked_for_what_was_before(listen, cloud, clock):
    clock.goes_on(hours=3)
    one = listening(listen, cloud, daily())
    looked(one)
    assert not asked(cloud)


def test_what_was_missed_while_the_computer_slept_is_asked_once(listen, cloud, clock):
    one = listening(listen, cloud, daily("*/10 * * * *"))
    clock.goes_on(hours=9)
    one.until(events.RequestDone)
    looked(one)
    assert len(asked(cloud)) == 1


def test_what_was_missed_while_the_program_was_off_is_asked_once(listen, cloud, clock):
    listening(listen, cloud, daily()).app.close()
    clock.goes_on(hours=5)
    one = listening(listen, cloud, daily())
    one.until(events.RequestDone)
    one.app.close()
    again = listening(listen, cloud, daily())
    looked(again)
    assert len(asked(cloud)) == 1


def test_what_was_missed_for_more_than_a_day_is_told_and_not_asked(listen, cloud, clock):
    listening(listen, cloud, daily("0 8 * * 1")).app.close()
    clock.goes_on(days=3)
    one = listening(listen, cloud, daily("0 8 * * 1"))
    assert "2026-11-23 08:00" in one.until(events.Noticed).text
    assert not asked(cloud)


def test_one_that_can_t_be_asked_when_it_is_due_is_told(listen, cloud, clock, file):
    one = listening(listen, cloud, daily())
    file(f"api_base = '{cloud.base_url}'\n")  # and the program has not heard of it yet
    clock.goes_on(hours=1)
    text = one.until(events.Noticed).text
    assert "2026-11-23 08:00" in text and "no target" in text


def test_while_nothing_listens_nothing_is_asked_and_then_it_is_once(listen, cloud, clock):
    one = listening(listen, cloud, daily())
    one.app.listener.stop(timeout_s=5)
    clock.goes_on(hours=2)
    time.sleep(0.4)
    assert not asked(cloud)
    one.app.listener.start()
    one.until(events.RequestDone)
    assert len(asked(cloud)) == 1


def test_one_that_is_still_at_work_is_not_asked_again_meanwhile(listen, cloud, clock, go_on):
    go_on.clear()
    one = listening(listen, cloud, daily("* * * * *"))
    for _n in range(3):
        clock.goes_on(minutes=1)
        looked(one)
    assert len(asked(cloud)) == 1
    go_on.set()
    one.until(events.RequestDone)
    one.until(events.RequestDone)
    looked(one)
    assert len(asked(cloud)) == 2, "what was due meanwhile is asked once"


def test_a_clock_that_was_wrong_by_years_does_not_stop_it(listen, cloud, clock):
    clock.goes_on(days=3000)
    one = listening(listen, cloud, daily())
    clock.now = EIGHT - timedelta(minutes=5)
    looked(one)
    assert not asked(cloud)
    clock.goes_on(minutes=5)
    one.until(events.RequestDone)


def test_at_the_end_of_summer_nothing_is_asked_twice(listen, cloud, clock):
    one = listening(listen, cloud, daily("30 8 * * *"))
    clock.goes_on(hours=1, minutes=30)
    one.until(events.RequestDone)
    clock.goes_on(hours=-1)
    looked(one)
    clock.goes_on(hours=1)
    looked(one)
    assert len(asked(cloud)) == 1


def test_sunday_is_0_and_7_and_a_day_of_the_month_or_a_weekday_is_either():
    sunday = EIGHT + timedelta(days=6)
    assert schedule._last("0 8 * * 0", sunday) == schedule._last("0 8 * * 7", sunday) == sunday
    assert schedule._last("0 8 23 * 0", EIGHT) == EIGHT
    assert schedule._last("0 8 1 * 1", EIGHT + timedelta(seconds=59)) == EIGHT


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    path = tmp_path / "home" / "settings.toml"
    path.parent.mkdir(exist_ok=True)
    return lambda text: (path.write_text(text, "utf-8"), None)[1]


def said(times: str, **more: Any) -> str:
    fields = {"kind": "bot", "id": "1", "prompt": "晨报", "schedule": times, **more}
    return "[targets.a]\n" + "".join(
        f"{key} = {str(value).lower() if value is True else repr(value)}\n" for key, value in fields.items()
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (said("tomorrow"), "0 8 * * *"),
        (said("61 8 * * *"), "0 8 * * *"),
        (said("* 0 8 * * *"), "0 8 * * *"),
        (said("0 8 * * *", prompt=""), "needs a prompt"),
        (said("0 8 * * *", kind="workflow", listen=True), "no schedule"),
    ],
)
def test_a_schedule_that_can_t_be_is_told(text, words, file):
    file(text)
    with pytest.raises(SettingsError, match=r"targets\.a") as raised:
        settings_module.load()
    assert words in str(raised.value)


def test_changed_settings_count_at_once(listen, cloud, clock, file):
    one = listening(listen, cloud, daily())
    url, root = cloud.base_url, one.settings.drafts_dir
    file(f"api_base = '{url}'\ndrafts_dir = '{root}'\n" + said("30 7 * * *"))
    app.settings_changed(one.app)
    clock.goes_on(minutes=30)
    one.until(events.RequestDone)
    assert asked(cloud) == ["晨报"]
    file(f"api_base = '{url}'\n")
    app.settings_changed(one.app)
    assert "schedules" not in [thread.name for thread in threading.enumerate()]


def test_without_schedules_and_an_inbox_nothing_of_them_is_there(listen, cloud):
    one = listen(cloud, resume=True)
    one.app.listener.start()
    assert not {"schedules", "inbox"} & {thread.name for thread in threading.enumerate()}
    found = modules("import tray.app, tray.settings; tray.settings.load()")
    assert not [name for name in found if name.split(".")[0] in ("cronsim", "watchdog", "pynput")]
    assert "tray.sources.inbox" not in found and Settings().inbox is None
