"""Starting at login, on each platform."""

from __future__ import annotations

import os
import plistlib
import shlex
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tray import autostart_command
from tray.desktop import autostart, login_entries
from tray.desktop.login_entries import LABEL, Registered, WindowsEntry
from tray.errors import TrayError

PYTHON = [*(["-P"] if sys.version_info >= (3, 11) else []), "-m", "tray"]
"""How Python is told to start it: from 3.11 on without what lies in the folder it is started in."""
ODD = '/opt/我的 程序/50% "off" $HOME `id` back\\slash/python'


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("COZE_TRAY_HOME", raising=False)


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if os.name == "nt":
        pytest.skip("paths are another system's")
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / ".config" / "autostart" / "coze-tray.desktop"


@pytest.fixture
def macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if os.name == "nt":
        pytest.skip("paths are another system's")
    monkeypatch.setattr(sys, "platform", "darwin")
    return tmp_path / "Library" / "LaunchAgents" / "com.coze-tray.plist"


class Registry:
    """What autostart uses of winreg, over one key."""

    HKEY_CURRENT_USER, KEY_SET_VALUE, REG_SZ, REG_BINARY = "HKCU", 2, 1, 3

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, str | bytes]] = {}

    def CreateKey(self, root: str, name: str) -> Registry:
        assert root == "HKCU"
        self.values = self.keys.setdefault(name, {})
        return self

    def OpenKey(self, root: str, name: str, *_access: int) -> Registry:
        if name not in self.keys:
            raise FileNotFoundError(name)
        return self.CreateKey(root, name)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def SetValueEx(self, key: Registry, name: str, _reserved: int, kind: int, value: str | bytes) -> None:
        assert kind == (self.REG_SZ if isinstance(value, str) else self.REG_BINARY)
        key.values[name] = value

    def QueryValueEx(self, key: Registry, name: str) -> tuple[str | bytes, int]:
        if name not in key.values:
            raise FileNotFoundError(name)
        value = key.values[name]
        return value, self.REG_SZ if isinstance(value, str) else self.REG_BINARY

    def DeleteValue(self, key: Registry, name: str) -> None:
        if name not in key.values:
            raise FileNotFoundError(name)
        del key.values[name]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "winreg", registry)  # type: ignore[arg-type]
    return registry


@pytest.mark.parametrize("platform", ["linux", "macos", "windows"])
def test_it_is_off_then_on_then_off_again(platform: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(platform)
    assert autostart.status() is None
    autostart.disable()  # of nothing is no error
    autostart.enable()
    autostart.enable()
    registered = autostart.status()
    assert registered is not None
    assert "coze-tray" in registered.where
    assert registered.command.endswith("-m tray")
    autostart.disable()
    assert autostart.status() is None


def test_a_linux_entry_names_the_program_and_its_command(linux: Path) -> None:
    autostart.enable()
    lines = linux.read_text("utf-8").splitlines()
    assert lines[:3] == ["[Desktop Entry]", "Type=Application", "Name=coze-tray"]
    assert "Exec=" + " ".join(f'"{part}"' for part in [sys.executable, *PYTHON]) in lines
    assert [path.name for path in linux.parent.iterdir()] == ["coze-tray.desktop"]


def test_a_linux_entry_survives_any_path(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", ODD)
    autostart.enable()
    registered = autostart.status()
    assert registered == Registered(str(linux), (ODD, *PYTHON), folder="/")
    assert registered.command == shlex.join([ODD, *PYTHON])
    # Twice escaped: for the argument, and for the value that holds it (the specification's own example).
    assert r"""50%% \\"off\\" \\$HOME \\`id\\` back\\\\slash""" in linux.read_text("utf-8")


def test_a_desktop_starts_what_a_linux_entry_says(linux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GLib reads the entry as GNOME and XFCE do."""
    pytest.importorskip("gi")
    python = sys.executable
    program, heard = tmp_path / '我的 50% "off" $HOME `id` back\\slash', tmp_path / "heard"
    program.write_text(
        f'#!/bin/sh\nprintf "%s|" "$0" "$@" "$COZE_TRAY_HOME" >"{heard}.new"\nmv "{heard}.new" "{heard}"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("COZE_TRAY_HOME", str(tmp_path / "家 100%"))
    autostart.enable()
    monkeypatch.delenv("COZE_TRAY_HOME")
    launch = "import sys; from gi.repository import Gio; Gio.DesktopAppInfo.new_from_filename(sys.argv[1]).launch()"
    subprocess.run([python, "-c", launch, str(linux)], check=True, timeout=30)
    deadline = time.monotonic() + 10
    while not heard.exists():
        assert time.monotonic() < deadline, "the entry started nothing"
        time.sleep(0.02)
    assert heard.read_text("utf-8") == f"{program}|{'|'.join(PYTHON)}|{tmp_path / '家 100%'}|"


def test_the_home_folder_survives_the_login_on_linux(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("COZE_TRAY_HOME", "我的 家")
    autostart.enable()
    registered = autostart.status()
    assert registered is not None
    assert shlex.split(registered.command)[:2] == ["env", "COZE_TRAY_HOME=/我的 家"]


def test_linux_keeps_it_where_xdg_says(linux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    autostart.enable()
    assert (tmp_path / "elsewhere" / "autostart" / "coze-tray.desktop").exists()
    assert not linux.exists()


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_what_the_desktop_has_switched_off_counts_as_off(linux: Path, line: str) -> None:
    autostart.enable()
    linux.write_text(f"{linux.read_text('utf-8')}{line}\n", "utf-8")
    assert autostart.status() is None


def test_a_macos_agent_starts_the_command_at_login(macos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", ODD)
    monkeypatch.setenv("COZE_TRAY_HOME", "/Users/我/家")
    autostart.enable()
    agent = plistlib.loads(macos.read_bytes())
    assert agent["ProgramArguments"] == [ODD, *PYTHON]
    assert agent["WorkingDirectory"] == "/"
    assert agent["RunAtLoad"] is True
    assert agent["EnvironmentVariables"] == {"COZE_TRAY_HOME": "/Users/我/家"}


@pytest.mark.parametrize("platform", ["linux", "macos"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"<plist><dict>", b"[1, 2]", b"<plist><array/></plist>"])
def test_a_file_that_can_not_be_read_counts_as_off(
    platform: str, content: bytes, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(platform)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert autostart.status() is None


def test_windows_quotes_a_path_with_spaces(windows: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "我的 venv" / "python.exe"
    python.parent.mkdir()
    monkeypatch.setattr(sys, "executable", str(python))
    autostart.enable()
    assert windows.keys[WindowsEntry.KEY] == {"coze-tray": f'"{python}" {" ".join(PYTHON)}'}


def test_windows_starts_without_a_console_where_it_can(windows: Registry, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python.exe"))
    (tmp_path / "pythonw.exe").touch()
    assert autostart.command() == [str(tmp_path / "pythonw.exe"), *PYTHON]


@pytest.mark.parametrize(
    ("platform", "runs", "starts"),
    [
        ("linux", "/opt/我的 coze-tray/coze-tray", "/opt/我的 coze-tray/coze-tray"),
        ("macos", "/Applications/coze-tray.app/Contents/MacOS/coze-tray", None),
        ("windows", "C:/我的 程序/coze-tray.exe", None),
        ("windows", "C:/我的 程序/coze-tray.com", "C:/我的 程序/coze-tray.exe"),
    ],
)
def test_the_packaged_program_starts_itself_without_a_console(
    platform: str, runs: str, starts: str | None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue(platform)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", runs)
    assert [str(Path(part)) for part in autostart.command()] == [str(Path(starts or runs))]


def test_a_folder_that_can_not_be_written_is_an_error_and_leaves_nothing(linux: Path) -> None:
    linux.parent.parent.mkdir(parents=True)
    linux.parent.write_text("a file where the folder should be")
    with pytest.raises(TrayError, match="could not be changed"):
        autostart.enable()


def test_a_write_that_fails_keeps_what_was_registered(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    autostart.enable()
    before = linux.read_bytes()

    def full(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TrayError, match="No space left"):
        autostart.enable()
    assert linux.read_bytes() == before
    assert [path.name for path in linux.parent.iterdir()] == ["coze-tray.desktop"]


def test_the_real_registry_is_asked_for_on_windows_only(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winreg", types.ModuleType("winreg"))
    autostart.enable()
    assert linux.exists()


@pytest.fixture
def switch_off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Does what the desktop's own settings do."""

    def off(platform: str) -> None:
        if platform == "linux":
            path = request.getfixturevalue("linux")
            path.write_text(f"{path.read_text('utf-8')}Hidden=true\n", "utf-8")
        elif platform == "windows":
            request.getfixturevalue("windows").keys[WindowsEntry.APPROVED] = {"coze-tray": b"\3" + bytes(11)}
        else:
            said = {"print-disabled": f'{{ "{LABEL}" => disabled }}'}
            monkeypatch.setattr(login_entries, "_launchctl", lambda what, *_more: said.get(what, ""))
            hour_later = time.monotonic() + 3600
            monkeypatch.setattr(login_entries, "time", types.SimpleNamespace(monotonic=lambda: hour_later))

    return off


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the program run from this folder from now on."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "python.exe"
    python.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    return python


PLATFORMS = pytest.mark.parametrize("platform", ["linux", "macos", "windows"])


def test_macos_is_asked_once_an_hour_what_it_has_disabled_however_often_the_menu_looks(
    macos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked, disabled = 1000.0, [], False

    def launchctl(*arguments: str) -> str:
        nonlocal disabled
        asked.append(arguments[0])
        disabled = disabled and arguments[0] != "enable"
        return f'{{ "{LABEL}" => {"disabled" if disabled else "enabled"} }}'

    monkeypatch.setattr(login_entries, "_launchctl", launchctl)
    monkeypatch.setattr(login_entries, "time", types.SimpleNamespace(monotonic=lambda: now))
    autostart.enable()
    asked.clear()
    for _look in range(100):
        assert autostart.status() is not None
    assert asked in ([], ["print-disabled"])
    disabled, now = True, now + 3601
    assert autostart.status() is None, "switched off in a terminal"
    autostart.enable()  # in the menu
    assert autostart.status() is not None, "at once"
    macos.unlink()
    assert autostart.status() is None, "deleted by hand: the file itself is looked at each time"


@PLATFORMS
def test_a_program_that_has_moved_registers_its_new_place_and_says_so(
    platform: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue(platform)
    before = install(tmp_path / "我的 程序" / "bin", monkeypatch)
    autostart.enable()
    assert autostart.repair() is None, "nothing has moved"
    (tmp_path / "我的 程序").rename(tmp_path / "新的 程序")
    now = install(tmp_path / "新的 程序" / "bin", monkeypatch)
    said = autostart.repair()
    assert said is not None
    assert str(before) in said and str(now) in said
    registered = autostart.status()
    assert registered is not None
    assert registered.program == str(now)
    assert autostart.repair() is None


@PLATFORMS
def test_another_installation_that_is_still_there_keeps_its_place(
    platform: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue(platform)
    other = install(tmp_path / "另一个", monkeypatch)
    autostart.enable()
    install(tmp_path / "这个", monkeypatch)
    assert autostart.repair() is None
    registered = autostart.status()
    assert registered is not None
    assert registered.program == str(other)
    assert not autostart.is_this(registered)


@PLATFORMS
def test_what_the_desktop_has_switched_off_stays_off_until_the_user_wants_it_here(
    platform: str,
    request: pytest.FixtureRequest,
    switch_off: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request.getfixturevalue(platform)
    before = install(tmp_path / "before", monkeypatch)
    autostart.enable()
    switch_off(platform)
    before.unlink()
    install(tmp_path / "now", monkeypatch)
    assert autostart.status() is None
    assert autostart.repair() is None
    registered = autostart.registered()
    assert registered is not None
    assert registered.switched_off
    assert registered.program == str(before)
    if platform != "macos":  # whose launchctl is not here
        autostart.enable()
        assert autostart.status() is not None


@PLATFORMS
def test_nothing_is_registered_by_a_start_alone(platform: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(platform)
    assert autostart.repair() is None
    assert autostart.registered() is None


@pytest.mark.skipif(sys.platform == "win32", reason="makes a link")
def test_an_older_path_of_the_same_program_is_brought_up_to_date(
    linux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = install(tmp_path / "now", monkeypatch)
    (tmp_path / "before").symlink_to(tmp_path / "now")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "before" / "python.exe"))
    autostart.enable()
    monkeypatch.setattr(sys, "executable", str(now))
    assert autostart.repair() is None, "nothing to bother the user with"
    registered = autostart.status()
    assert registered is not None
    assert registered.program == str(now)


@PLATFORMS
def test_what_the_version_before_has_registered_is_this_program_and_brought_up_to_date(
    platform: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It named no folder to be started in, and let Python import what lies there."""
    place = request.getfixturevalue(platform)
    python = str(install(tmp_path / "bin", monkeypatch))
    if platform == "linux":
        place.parent.mkdir(parents=True)
        place.write_text(f'[Desktop Entry]\nType=Application\nExec="{python}" "-m" "tray"\n', "utf-8")
    elif platform == "macos":
        place.parent.mkdir(parents=True)
        place.write_bytes(plistlib.dumps({"Label": LABEL, "ProgramArguments": [python, "-m", "tray"]}))
    else:
        place.keys[WindowsEntry.KEY] = {"coze-tray": f'"{python}" -m tray'}
    before = autostart.status()
    assert before is not None and autostart.is_this(before)
    assert autostart.repair() is None, "nothing to bother the user with"
    now = autostart.status()
    assert now is not None and now.arguments == (python, *PYTHON) and autostart.is_this(now)
    assert now.folder == (None if platform == "windows" else "/")


def test_a_folder_that_the_user_has_chosen_is_kept(linux: Path, tmp_path: Path, monkeypatch: Any) -> None:
    install(tmp_path / "bin", monkeypatch)
    autostart.enable()
    own = linux.read_text("utf-8").replace("Path=/", f"Path={tmp_path}")
    linux.write_text(own, "utf-8")
    assert autostart.repair() is None
    assert linux.read_text("utf-8") == own


@pytest.mark.parametrize("platform", ["linux", "macos"])
def test_what_lies_in_the_home_folder_is_not_run_at_login(
    platform: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Python itself is started as the entry says, where the entry says."""
    path = request.getfixturevalue(platform)
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the user was run')")
    autostart.enable()
    registered = autostart.status()
    assert registered is not None
    folder = plistlib.loads(path.read_bytes())["WorkingDirectory"] if platform == "macos" else registered.folder
    python, *options = registered.arguments[: registered.arguments.index("-m")]
    for cwd in (folder, *([tmp_path] if sys.version_info >= (3, 11) else [])):
        done = subprocess.run([python, *options, "-m", "json.tool", "-h"], cwd=cwd, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_the_user_has_written_is_not_changed_while_it_works(
    linux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", monkeypatch)
    autostart.enable()
    own = linux.read_text("utf-8").replace('"tray"', '"tray" --headless')
    linux.write_text(own, "utf-8")
    assert autostart.repair() is None
    assert linux.read_text("utf-8") == own


def test_keys_of_other_groups_are_not_the_entry_s(linux: Path) -> None:
    autostart.enable()
    linux.write_text(f"{linux.read_text('utf-8')}\n[Desktop Action x]\nExec=/bin/false\nHidden=true\n", "utf-8")
    registered = autostart.status()
    assert registered is not None
    assert registered.program == sys.executable


def test_windows_finds_a_program_whose_path_is_not_quoted(windows: Registry, tmp_path: Path) -> None:
    program = tmp_path / "我的 程序" / "coze-tray.exe"
    program.parent.mkdir()
    program.touch()
    windows.keys[WindowsEntry.KEY] = {"coze-tray": f"{program} --headless"}
    registered = autostart.status()
    assert registered is not None
    assert registered.arguments == (str(program), "--headless")
    assert registered.exists


def test_switching_it_off_leaves_nothing_in_windows_registry(
    windows: Registry, switch_off: Callable[[str], None]
) -> None:
    autostart.enable()
    switch_off("windows")
    autostart.disable()
    assert not any(windows.keys.values())


@PLATFORMS
def test_what_was_tried_out_is_put_back_to_the_byte(
    platform: str, request: pytest.FixtureRequest, switch_off: Callable[[str], None]
) -> None:
    request.getfixturevalue(platform)
    autostart.enable()
    switch_off(platform)
    before = autostart.registered()
    with autostart.as_it_was():
        autostart.disable()
        assert autostart.registered() is None
    assert autostart.registered() == before


def test_a_program_that_macos_runs_from_nowhere_is_not_registered(macos: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/private/var/folders/x/AppTranslocation/1/d/coze-tray.app/Contents/MacOS/x")
    with pytest.raises(TrayError, match="Applications"):
        autostart.enable()
    assert not macos.exists()


def test_the_command_says_what_is_registered(linux: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    assert autostart_command.autostart("status") == {
        "starts_at_login": False,
        "where": None,
        "command": None,
        "is_this_program": None,
        "exists": None,
        "switched_off": None,
    }
    other = install(tmp_path / "另一个", monkeypatch)
    assert autostart_command.autostart("on")["is_this_program"] is True
    install(tmp_path / "这个", monkeypatch)
    found = autostart_command.autostart("status")
    assert (found["starts_at_login"], found["is_this_program"], found["where"]) == (True, False, str(linux))
    assert "另一个" in str(found["command"])
    assert "another coze-tray" in "".join(capsys.readouterr())
    other.unlink()
    assert autostart_command.autostart("status")["starts_at_login"] is False
    assert "not there any more" in " ".join("".join(capsys.readouterr()).split())
