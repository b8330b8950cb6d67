"""Platforms that are not here: pystray, the registry and the system's modules are stood in for."""

from __future__ import annotations

import queue
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL.Image import Image

from program import wait_until
from tray import doctor
from tray.desktop.controls import Choice
from tray.desktop.opener import application_for
from tray.desktop.tray import Tray
from tray.draft.folders import Machine
from tray.events import Bus, QuestionAsked, StateChanged
from tray.progress import Running


class Item:
    """pystray's MenuItem, and its way of asking functions for texts."""

    def __init__(self, text: Any, action: Any, checked: Any = None, enabled: Any = True, radio: bool = False) -> None:
        self._text, self.action = text, action

    @property
    def text(self) -> str:
        return str(self._text(self) if callable(self._text) else self._text)


class Menu:
    SEPARATOR = Item("-", None)

    def __init__(self, *items: Any) -> None:
        self._items = items

    @property
    def items(self) -> list[Item]:
        return list(self._items[0]()) if len(self._items) == 1 and callable(self._items[0]) else list(self._items)


class Icon:
    """pystray's icon; notes from which thread it is changed."""

    def __init__(self, name: str, icon: Image, title: str, menu: Menu) -> None:
        self.threads: set[str] = set()
        self.ended = threading.Event()
        self.titles: queue.Queue[str] = queue.Queue()
        self.made: list[list[str]] = []  # the labels of each menu that was made
        self.clicked: queue.Queue[int] = queue.Queue()
        self.closed = threading.Event()  # a menu that Windows shows
        self._message_handlers = {0x400: self.on_notify}
        self.__dict__.update(name=name, icon=icon, title=title, menu=menu, visible=False)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("icon", "title", "visible"):
            self.threads.add(threading.current_thread().name)
        self.__dict__[name] = value
        if name == "title":
            self.titles.put(value)

    def update_menu(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.made.append(list(labels_of(self.menu)))

    def on_notify(self, _wparam: int, lparam: int) -> None:
        """Windows': it shows the menu and returns when that is closed."""
        self.clicked.put(lparam)
        assert self.closed.wait(10)

    def run(self, ready: Callable[[Any], None]) -> None:
        threading.Thread(target=ready, args=(self,), name="setup").start()
        assert self.ended.wait(10)

    def stop(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.ended.set()


class Controls:
    def start(self) -> None: ...

    def stop(self) -> None: ...

    def listening(self) -> bool:
        return True

    def recent_drafts(self) -> list[tuple[str, str]]:
        return [("Tom & 杰瑞\n第 2 集 " + "x" * 200, "/drafts/1")]

    def drafts_folder(self) -> Path | None:
        return Path("/drafts")

    def running(self) -> list[Running]:
        return [Running("r", "一天 & 一夜 " + "长" * 200, "working", 3, 12)]

    def cancel(self, request_id: str) -> None: ...

    def notifies(self) -> bool:
        return True

    def set_notifies(self, on: bool) -> None: ...

    def page(self, path: str) -> str | None:
        return None

    def language(self) -> str:
        return ""

    def set_language(self, language: str) -> None: ...

    def home_folder(self) -> Path:
        return Path("/home")

    def log_file(self) -> Path:
        return Path("/home/coze-tray.log")

    def has_token(self) -> bool:
        return True

    def sign_in_ends(self) -> bool:
        return False

    def has_default_bot(self) -> bool:
        return True

    def targets(self) -> list[Choice]:
        return [Choice("短片 & Co " + "x" * 200, needs_prompt=False)]

    def ask(self, name: str | None, prompt: str) -> None: ...

    def make_draft(self, said: str, source: str) -> None: ...

    def questions(self) -> list[QuestionAsked]:
        return [QuestionAsked("r", "q", "横屏 & 竖屏？" + "长" * 200, ("横", "竖"))]

    def answer(self, question: QuestionAsked, text: str) -> None: ...

    def to_run_again(self) -> list[tuple[str, str]]:
        return [("r", "一天 & 一夜")]

    def again(self, request_id: str) -> None: ...

    def quit(self) -> None: ...


@pytest.fixture
def app_kit(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """macOS: a main loop, the policies the application was given, and what tells that a menu is opened or closed."""
    calls: queue.Queue[Callable[[], None]] = queue.Queue()
    policies: list[str] = []
    observers: dict[str, Callable[[object], None]] = {}
    application = types.SimpleNamespace(setActivationPolicy_=policies.append)
    center = types.SimpleNamespace(
        addObserverForName_object_queue_usingBlock_=lambda name, _o, _q, block: observers.update({name: block})
    )
    helper = types.SimpleNamespace(
        callAfter=calls.put, callLater=lambda delay_s, call: threading.Timer(delay_s, calls.put, (call,)).start()
    )
    modules = {
        "AppKit": types.SimpleNamespace(
            NSApplicationActivationPolicyAccessory="accessory",
            NSApplication=types.SimpleNamespace(sharedApplication=lambda: application),
            NSMenuDidBeginTrackingNotification="open",
            NSMenuDidEndTrackingNotification="close",
            NSApplicationWillTerminateNotification="end",
            NSNotificationCenter=types.SimpleNamespace(defaultCenter=lambda: center),
        ),
        "PyObjCTools": types.SimpleNamespace(
            AppHelper=helper, MachSignals=types.SimpleNamespace(signal=lambda _number, _handler: None)
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)  # type: ignore[arg-type]
    ended = object()

    def loop() -> None:
        while (call := calls.get()) is not ended:
            call()

    def post(name: str) -> None:
        calls.put(lambda: observers[name](None))

    thread = threading.Thread(target=loop, name="main")
    thread.start()
    yield types.SimpleNamespace(policies=policies, post=post)
    calls.put(ended)  # type: ignore[arg-type]
    thread.join()


def show(
    platform: str, monkeypatch: pytest.MonkeyPatch, events: list[StateChanged], look: Callable[[Icon, Bus], None]
) -> Icon:
    """Run the tray on `platform`, publish the events, call `look` when the last one is shown, and stop."""
    win32 = types.SimpleNamespace(WM_NOTIFY=0x400, WM_LBUTTONUP=0x202, WM_RBUTTONUP=0x205)
    monkeypatch.setitem(sys.modules, "pystray._util", types.SimpleNamespace(win32=win32))  # type: ignore[arg-type]
    monkeypatch.setattr("tray.desktop.tray.application_for", lambda _drafts: None)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("tray.desktop.autostart.status", lambda: None)
    pystray = types.SimpleNamespace(Icon=Icon, Menu=Menu, MenuItem=Item)
    monkeypatch.setitem(sys.modules, "pystray", pystray)  # type: ignore[arg-type]
    bus = Bus()
    tray = Tray(Controls(), bus)
    seen: list[Icon] = []
    failed: list[BaseException] = []

    def begin() -> None:
        icon = tray.icon
        assert icon is not None
        seen.append(icon)
        for event in events:
            bus.publish(event)
        try:
            shown(icon, events[-1].detail)
            look(icon, bus)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)
        finally:
            tray.stop()

    tray.run(begin)
    if failed:  # in a thread of the tray's own nobody would hear of it
        raise failed[0]
    return seen[0]


def shown(icon: Icon, detail: str) -> None:
    """Wait until the icon's title says so."""
    while detail[:5] not in icon.titles.get(timeout=5):
        pass


def test_on_macos_only_the_main_thread_changes_the_icon_its_title_and_its_menu(
    app_kit: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [StateChanged("idle"), StateChanged("working", "last")]
    icon = show("darwin", monkeypatch, events, lambda icon, _bus: wait_until(lambda: icon.made, "the menu"))
    assert icon.threads == {"main"}
    assert app_kit.policies == ["accessory"]


def test_on_macos_a_menu_that_is_open_changes_when_it_is_closed(
    app_kit: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(icon: Icon, bus: Bus) -> None:
        wait_until(lambda: icon.made, "the menu")
        app_kit.post("open")
        bus.publish(StateChanged("error", "while it was open"))
        shown(icon, "while it was open")
        assert "while" not in icon.made[-1][0]
        app_kit.post("close")
        wait_until(lambda: icon.made[-1][0] == "Something failed: while it was open", "the change")

    show("darwin", monkeypatch, [StateChanged("idle", "before")], look)


def test_on_windows_the_menu_is_made_when_it_is_opened_by_either_button_and_stays_as_it_is_while_it_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(icon: Icon, bus: Bus) -> None:
        assert not icon.made
        handle = icon._message_handlers[0x400]
        opened = threading.Thread(target=handle, args=(0, 0x202))
        opened.start()
        assert icon.clicked.get(timeout=5) == 0x205  # a right click, to pystray
        assert icon.made[0][0] == "Something failed: before"
        bus.publish(StateChanged("idle", "later"))
        shown(icon, "later")
        handle(0, 0x205)  # once more, while it is open
        assert len(icon.made) == 1
        icon.closed.set()
        opened.join(5)
        handle(0, 0x205)
        assert icon.made[1][0] == "Listening, nothing to do: later"

    show("win32", monkeypatch, [StateChanged("error", "before")], look)


def test_a_picture_that_is_refused_once_is_shown_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a full disk, or a virus scanner that holds the file in which it is handed over."""
    monkeypatch.setattr("tray.desktop.tray._AGAIN_S", 0.05)
    shown = Tray._show
    refused: list[str] = []

    def refuses(tray: Tray, icon: Any, seen: Any) -> None:
        if seen.state.detail == "later" and not refused:
            refused.append("later")
            raise OSError("no room")
        shown(tray, icon, seen)

    monkeypatch.setattr(Tray, "_show", refuses)

    def look(icon: Icon, bus: Bus) -> None:
        bus.publish(StateChanged("idle", "later"))
        wait_until(lambda: refused and icon.title.endswith("later"), "the title")

    show("win32", monkeypatch, [StateChanged("error", "before")], look)


def labels_of(menu: Menu) -> Iterator[str]:
    for item in menu.items:
        yield item.text
        if isinstance(item.action, Menu):
            yield from labels_of(item.action)


def test_windows_gets_no_more_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(icon: Icon, _bus: Bus) -> None:
        assert len(icon.title.encode("utf-16-le")) // 2 == 127
        labels = list(labels_of(icon.menu))
        for begins in ("Tom && 杰瑞 第 2 集 xxx", "短片 && Co xxx", "横屏 && 竖屏？长长", "一天 && 一夜", "Drafts: "):
            assert [label for label in labels if label.startswith(begins)], labels
        assert max(map(len, labels)) <= 82

    show("win32", monkeypatch, [StateChanged("error", "长" * 300)], look)


def test_a_tray_that_was_stopped_before_it_ran_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    pystray = types.SimpleNamespace(Icon=Icon, Menu=Menu, MenuItem=Item)
    monkeypatch.setitem(sys.modules, "pystray", pystray)  # type: ignore[arg-type]
    tray = Tray(Controls(), Bus())
    tray.stop()
    tray.run(lambda: pytest.fail("it was set up"))


def test_the_application_that_drafts_are_for_is_found_where_it_is_installed(tmp_path: Path) -> None:
    def machine(platform: str, **registry: str) -> Machine:
        return Machine(platform, tmp_path, {"LOCALAPPDATA": str(tmp_path)}, lambda key, _name: registry.get(key[-6:]))

    jianying, capcut = tmp_path / "JianyingPro Drafts", tmp_path / "CapCut Drafts"
    assert application_for(jianying, machine("win32")) is None
    elsewhere, usual = tmp_path / "D" / "JianyingPro.exe", tmp_path / "CapCut" / "Apps" / "CapCut.exe"
    bundle = tmp_path / "Applications" / "VideoFusion-macOS.app"
    for path in (elsewhere, usual, bundle):
        path.mkdir(parents=True)
    found = [
        application_for(jianying, machine("win32", ingPro=str(tmp_path / "D"))),
        application_for(capcut, machine("win32")),
        application_for(jianying, machine("darwin")),
        application_for(jianying, machine("linux")),
    ]
    assert [one and (one.app, one.path) for one in found] == [
        ("jianying", elsewhere),
        ("capcut", usual),
        ("jianying", bundle),
        None,
    ]


class Registry:
    """winreg, with what it holds below HKEY_CURRENT_USER."""

    HKEY_CURRENT_USER = "HKCU"

    def __init__(self, values: dict[tuple[str, str], Any]) -> None:
        self.values = values

    @contextmanager
    def OpenKey(self, root: str, key: str) -> Iterator[str]:
        if root != "HKCU" or not any(key == known for known, _name in self.values):
            raise FileNotFoundError(2, "The system cannot find the file specified")
        yield key

    def QueryValueEx(self, key: str, name: str) -> tuple[Any, int]:
        if (key, name) not in self.values:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return self.values[key, name], 1


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Windows with %LOCALAPPDATA% here, and the folders that the registry names by application."""

    def make(**named: Any) -> None:
        path = r"Software\Bytedance\{}\GlobalSettings\History"
        values = {(path.format(app), "currentCustomDraftPath"): value for app, value in named.items()}
        monkeypatch.setitem(sys.modules, "winreg", Registry(values))  # type: ignore[arg-type]
        monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
        monkeypatch.setattr(sys, "platform", "win32")

    return make


def found_by_doctor(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `coze-tray doctor` says, a line each; the desktop and the keyring are left alone."""
    monkeypatch.setenv("COZE_API_TOKEN", "pat_x")
    monkeypatch.setattr("tray.desktop.host.prepare", lambda: None)
    monkeypatch.setattr("tray.desktop.host.no_tray", lambda: None)
    monkeypatch.setattr("tray.desktop.autostart.status", lambda: None)
    return [f"{check.name}: {check.found}" for check in doctor.checks()]


def test_doctor_shows_which_folders_windows_names_and_the_versions(
    windows: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, moved = tmp_path / "Local" / "JianyingPro", tmp_path / "JianyingPro Drafts"
    for folder in (base / "Apps", base / "User Data" / "Config", moved):
        folder.mkdir(parents=True)
    (base / "Apps" / "JianyingProPacket.xml").write_text('<packet><full_appver value="5.9.0.11632" /></packet>')
    ini = base / "User Data" / "Config" / "globalSetting"
    ini.write_text("[General]\ncurrentCustomDraftPath=Z:/gone\n")
    windows(JianyingPro=str(moved), CapCut=7)
    said = found_by_doctor(monkeypatch)
    assert "JianYing: version 5.9.0.11632" in said
    assert f"{ini}: {Path('Z:/gone')} (not there)" in said
    assert rf"HKCU\Software\Bytedance\JianyingPro\GlobalSettings\History: {moved} (usable)" in said
    usual = Path("User Data", "Projects", "com.lveditor.draft")
    assert f"JianYing's usual place: {base / usual} (not there)" in said
    assert f"CapCut's usual place: {tmp_path / 'Local' / 'CapCut' / usual} (not there)" in said
    assert next(line for line in said if "name different folders" in line).startswith("JianYing: ")
    assert f"drafts folder: {moved} (for JianYing)" in said


def test_doctor_says_when_no_folder_and_no_settings_can_be_read(
    windows: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini = tmp_path / "Local" / "CapCut" / "User Data" / "Config" / "globalSetting"
    ini.mkdir(parents=True)  # a folder in its place
    windows()
    said = found_by_doctor(monkeypatch)
    assert any(line.startswith(f"drafts folder: {ini} can't be read: ") for line in said)
    assert "drafts folder: No drafts folder of JianYing or CapCut was found on this computer." in said


def test_doctor_says_for_whom_the_chosen_folder_is(
    windows: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows()
    monkeypatch.setenv("COZE_TRAY_DRAFTS_DIR", str(tmp_path / "CapCut Drafts"))
    assert f"drafts folder: {tmp_path / 'CapCut Drafts'} (for CapCut)" in found_by_doctor(monkeypatch)
