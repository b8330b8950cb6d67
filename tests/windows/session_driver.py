"""Runs on Windows: a taskbar that is not there for a while, and the end of the session. The icon is real; the taskbar
is played, by a window such as Shell_NotifyIcon looks for (Wine 8, dlls/shell32/systray.c)."""

from __future__ import annotations

import ctypes
import sys
import tempfile
import threading
import time
from ctypes import wintypes
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tray import instance
from tray.desktop import host, icon, notify, start
from tray.desktop.program import Program

WM_CLOSE, WM_QUERYENDSESSION, WM_ENDSESSION, WM_COPYDATA = 0x10, 0x11, 0x16, 0x4A
user32: Any = ctypes.WinDLL("user32") if sys.platform == "win32" else None
kernel32: Any = ctypes.WinDLL("kernel32") if sys.platform == "win32" else None


def taskbar() -> int:
    return int(user32.FindWindowW("Shell_TrayWnd", None) or 0)


def end_taskbar() -> None:
    process = wintypes.DWORD()
    user32.GetWindowThreadProcessId(taskbar(), ctypes.byref(process))
    kernel32.TerminateProcess(kernel32.OpenProcess(1, False, process.value), 1)
    eventually(lambda: not taskbar(), "the taskbar is gone")


def begin_taskbar() -> None:
    """One that takes whatever it is told."""
    from pystray._util import win32

    ready = threading.Event()

    @win32.WNDPROC
    def told(window: int, message: int, wparam: int, lparam: int) -> int:
        return 1 if message == WM_COPYDATA else int(win32.DefWindowProc(window, message, wparam, lparam))

    def live() -> None:
        kind = win32.WNDCLASSEX(cbSize=ctypes.sizeof(win32.WNDCLASSEX), lpfnWndProc=told, lpszClassName="Shell_TrayWnd")
        window = win32.CreateWindowEx(0, win32.RegisterClassEx(kind), None, 0x80000000, 0, 0, 0, 0, 0, None, None, None)
        assert window
        ready.set()
        message = wintypes.MSG()
        while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            user32.DispatchMessageW(ctypes.byref(message))

    threading.Thread(target=live, daemon=True).start()
    assert ready.wait(10)


def eventually(holds: Any, what: str) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def shown(folder: Path, look: Any) -> None:
    """Show the icon, `look` at it, and return when it is gone. It has ended in order."""
    held = instance.acquire(folder)
    assert held is not None
    program = Program(folder, held)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            [window] = host_windows()
            look(program, window)
        except BaseException as error:
            failed.append(error)
            program.quit()
            raise

    try:
        start.show(program, work, lambda said: print(said, flush=True))
    finally:
        program.close()
    if failed:
        raise failed[0]


def host_windows() -> list[int]:
    from pystray import Icon

    return list(Icon._HWND_TO_ICON)


def late_taskbar(program: Program, window: int) -> None:
    from pystray import Icon

    from tray.events import StateChanged

    assert program.has_icon()
    end_taskbar()  # Wine starts one with the first window
    program.bus.publish(StateChanged("idle"))
    eventually(host.no_tray, "that there is none")
    assert not program.has_icon()
    refusals: list[str] = []
    notifier = notify.notifier(Icon._HWND_TO_ICON[window])
    notify.log.exception = lambda said, *_arguments: refusals.append(said)  # type: ignore[assignment, misc]
    notifier.show("t", "m")
    assert notifier.flush(5) and refusals, "a balloon that is refused is said"
    begin_taskbar()
    eventually(program.has_icon, "the icon, once there is a taskbar")
    assert host.no_tray() is None
    notifier.show("t", "m")
    assert notifier.flush(5) and len(refusals) == 1
    user32.SendMessageW(window, WM_CLOSE, 0, 0)  # as the Task Manager and taskkill do


def end_of_session(program: Program, window: int) -> None:
    assert user32.SendMessageW(window, WM_QUERYENDSESSION, 0, 0) == 1
    user32.SendMessageW(window, WM_ENDSESSION, 0, 0)
    assert instance.holder(program.home) and not program.ended.is_set(), "another program would not let it end"
    user32.SendMessageW(window, WM_ENDSESSION, 1, 0)
    assert program.ended.is_set()
    assert instance.holder(program.home) is None, "it has ended in order, before the system was answered"


def main(root: Path) -> None:
    icon.TRY_AGAIN_S = (0.5,)
    shown(root / "late", late_taskbar)
    shown(root / "session", end_of_session)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        main(Path(folder))
    print("all is well", flush=True)
