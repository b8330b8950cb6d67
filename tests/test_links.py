"""Links to this program: any page can open one, so they ask nothing by themselves."""

from __future__ import annotations

import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from listening import Listening
from program import coze_tray, environment, start, wait_until
from test_autostart import Registry
from tray import app as app_module
from tray.desktop import link_entries
from tray.errors import TrayError
from tray.simulator.server import Simulator
from tray.sources import links


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("coze-tray://open", ""),
        ("coze-tray://open/?prompt=x", ""),
        ("coze-tray:open", ""),
        ("COZE-TRAY://ASK?prompt=%E4%BD%A0%20%E5%A5%BD", "?prompt=%E4%BD%A0+%E5%A5%BD"),
        ("coze-tray://ask?target=a%26b&prompt=x&send=1&token=t", "?target=a%26b&prompt=x"),
        ("coze-tray://ask/?prompt=one&prompt=two", "?prompt=one"),
        ("coze-tray://ask", ""),
    ],
)
def test_a_link_fills_in_the_page(link, path):
    assert links.path_of(link) == path


@pytest.mark.parametrize(
    "link",
    ["", "https://evil.example", "coze-tray://", "coze-tray://drafts/../../x", "coze-tray://run?prompt=x", "--help",
     "coze-tray://[", "javascript:alert(1)", "coze-tray://ask?" + "a=1&" * 30, "coze-tray://ask?prompt=" + "x" * 8000],
)  # fmt: skip
def test_what_is_no_such_link_is_told(link):
    with pytest.raises(TrayError):
        links.path_of(link)


def test_a_link_opens_the_page_filled_in_and_asks_nothing(tmp_path: Path, root: Path):
    home, opened = tmp_path / "home", tmp_path / "opened"
    browser = tmp_path / "bin" / "xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    with Simulator() as cloud:
        env = environment(home, COZE_API_BASE=cloud.base_url, COZE_API_TOKEN="t", COZE_TRAY_DRAFTS_DIR=str(root))
        env["PATH"] = f"{browser.parent}:{env['PATH']}"
        running = start("--headless", env=env)
        try:
            wait_until((home / "running.json").exists, "the program runs")
            done = coze_tray("link", "--", "coze-tray://ask?target=x&prompt=%E5%81%9A%E8%A7%86%E9%A2%91", env=env)
            assert done.returncode == 0, done.stderr
            wait_until(opened.exists, "the page is opened")
            said = parse_qs(urlsplit(opened.read_text().strip()).query)["to"]
            assert said == ["?target=x&prompt=%E5%81%9A%E8%A7%86%E9%A2%91"]
            refused = coze_tray("link", "https://evil.example", env=env)
            assert refused.returncode == 1 and "evil.example" in refused.stderr
            assert not cloud.received
        finally:
            running.terminate()
            running.communicate()


def test_what_a_page_shows_of_a_link_is_text(listen):
    from web import visit

    with Simulator() as cloud:
        one: Listening = listen(cloud, settings={"bot_id": "1"})
    with visit(one.app) as client:
        said = client.get(links.path_of("coze-tray://ask?prompt=%3Cscript%3Ealert(1)%3C%2Fscript%3E")).text
        assert "<script>alert" not in said and "&lt;script&gt;alert(1)" in said
    assert not app_module.to_run_again(one.app.journal) and not one.app.journal.recent_requests()


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packaged program."""
    program = tmp_path / "我的 程序" / "coze-tray.exe"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "winreg", registry)  # type: ignore[arg-type]
    return registry


COMMAND = r"Software\Classes\coze-tray\shell\open\command"


def test_windows_hands_links_to_the_packaged_program(frozen, windows):
    link_entries.register()
    assert windows.keys[COMMAND][""] == f'"{frozen}" link -- "%1"'
    assert windows.keys[r"Software\Classes\coze-tray"] == {"": "URL:coze-tray", "URL Protocol": ""}


def test_where_the_program_has_moved_they_are_handed_to_it_and_another_one_keeps_them(
    frozen, windows, tmp_path, monkeypatch
):
    link_entries.register()
    moved = frozen.with_name("other.exe")
    moved.touch()
    monkeypatch.setattr(sys, "executable", str(moved))
    link_entries.register()
    assert str(frozen) in windows.keys[COMMAND][""]
    frozen.unlink()
    link_entries.register()
    assert str(moved) in windows.keys[COMMAND][""]


def test_from_source_nothing_is_registered(windows):
    link_entries.register()
    assert not windows.keys


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="xdg-mime is Linux's")
def test_linux_hands_links_to_it(frozen, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    frozen.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/handed"\n')
    link_entries.register()
    entry = tmp_path / "data" / "applications" / "coze-tray-link.desktop"
    assert f'Exec="{frozen}" "link" "--" %u' in entry.read_text("utf-8").splitlines()
    before = entry.stat().st_mtime_ns
    link_entries.register()
    assert entry.stat().st_mtime_ns == before
    found = subprocess.run(
        ["xdg-mime", "query", "default", "x-scheme-handler/coze-tray"], capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == "coze-tray-link.desktop"
    if shutil.which("gio") is None:
        pytest.skip("gio, which opens links as GNOME does, is not installed")
    subprocess.run(["gio", "open", "coze-tray://ask?prompt=a%20b"], check=True, capture_output=True)
    wait_until((tmp_path / "handed").exists, "the program is started with the link")
    assert (tmp_path / "handed").read_text().split("\n") == ["link", "--", "coze-tray://ask?prompt=a%20b", ""]


def test_macos_tells_the_program_that_runs(monkeypatch: pytest.MonkeyPatch):
    handlers: dict[tuple[int, int], Any] = {}

    class NSObject:
        @classmethod
        def alloc(cls) -> Any:
            return cls()

        def init(self) -> Any:
            return self

    manager = types.SimpleNamespace(
        setEventHandler_andSelector_forEventClass_andEventID_=lambda o, s, c, i: handlers.update({(c, i): (o, s)})
    )
    foundation = types.SimpleNamespace(
        NSObject=NSObject, NSAppleEventManager=types.SimpleNamespace(sharedAppleEventManager=lambda: manager)
    )
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "Foundation", foundation)  # type: ignore[arg-type]
    heard: list[str] = []
    link_entries.on_links(heard.append)
    ((receiver, selector),) = handlers.values()
    assert selector == "heard:withReplyEvent:" and list(handlers) == [(0x4755524C, 0x4755524C)]
    said = types.SimpleNamespace(stringValue=lambda: "coze-tray://open")
    event = types.SimpleNamespace(paramDescriptorForKeyword_=lambda key: said if key == 0x2D2D2D2D else None)
    receiver.heard_withReplyEvent_(event, None)
    assert heard == ["coze-tray://open"]
