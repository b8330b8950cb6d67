"""The program could not be opened when it started: what its menu asks of it tries again, and says why it can't."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import wait_until
from tray import instance
from tray.desktop.program import Program
from tray.errors import SettingsError, TrayError
from tray.events import Event, StateChanged
from tray.simulator import demo


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def program(home: Path) -> Iterator[Program]:
    opened = Program(home, instance.acquire_or_tell(home))
    yield opened
    opened.close()


def states(program: Program) -> list[StateChanged]:
    heard: list[StateChanged] = []

    def hear(event: Event) -> None:
        if isinstance(event, StateChanged):
            heard.append(event)

    program.bus.subscribe(hear)
    return heard


def asked(home: Path, op: str) -> instance.Message:
    """What another process is told."""
    address = instance.running(home)
    assert address is not None
    return next(instance.hand_on(address, {"op": op}))


def test_settings_that_are_mended_meanwhile_let_it_listen(program, home, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "t")
    settings = home / "settings.toml"
    settings.write_text("at_once = [", "utf-8")
    with pytest.raises(SettingsError):
        program.open()
    heard = states(program)
    for click in (program.start, lambda: program.set_notifies(False), lambda: program.ask(None, "海")):
        with pytest.raises(SettingsError, match=r"settings\.toml"):
            click()
        assert heard[-1].state == "error" and "settings.toml" in heard[-1].detail
    assert asked(home, "state")["state"]["state"] == "error"

    settings.write_text("at_once = 1", "utf-8")
    program.start()
    assert program.listening()
    wait_until(lambda: heard[-1].state == "idle", "that it listens")
    assert asked(home, "state")["listening"]
    program.stop()
    assert not program.listening()


def test_a_request_opens_it_and_is_asked(program, home, root, monkeypatch):
    with demo.simulator(pace_s=0) as cloud:
        for name, value in (
            ("COZE_API_TOKEN", "t"),
            ("COZE_API_BASE", cloud.base_url),
            ("COZE_BOT_ID", "7"),
            ("COZE_TRAY_DRAFTS_DIR", str(root)),
            ("COZE_TRAY_ALLOW_HOSTS", "127.0.0.1"),
        ):
            monkeypatch.setenv(name, value)
        (home / "journal.db").mkdir()
        with pytest.raises(TrayError):
            program.open()
        for click in (lambda: program.ask(None, "海"), lambda: program.sign_in("pat_x", "")):
            with pytest.raises(TrayError, match="journal"):
                click()
        (home / "journal.db").rmdir()
        program.ask(None, "海")
        wait_until(lambda: cloud.chats, "the bot to be asked")


def test_what_fails_in_the_program_itself_is_told_too(program, monkeypatch):
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("no threads left")

    monkeypatch.setattr("tray.app.open_app", fail)
    with pytest.raises(RuntimeError):
        program.open()
    heard = states(program)
    with pytest.raises(TrayError, match="no threads left"):
        program.start()
    assert heard == [StateChanged("error", "no threads left")]


def test_two_clicks_at_once_open_it_once(program, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "t")
    opened = []
    from tray import app

    open_app = app.open_app

    def count(*arguments, **options):
        opened.append(open_app(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(app, "open_app", count)
    clicks = [threading.Thread(target=program.start) for _ in range(4)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert len(opened) == 1 and program.listening()


def test_a_program_that_is_ending_is_not_opened_again(program):
    program.close()
    with pytest.raises(TrayError, match="ending"):
        program.start()
