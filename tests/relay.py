"""The wire between the program and the simulated cloud, which a test can cut and mend."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading


class Relay:
    """Carries bytes to `port` of this machine while it is up; else, as at first, connections are refused."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._address = self._listening.getsockname()
        self._listening.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._address[1]}"

    def up(self) -> None:
        self._listening = socket.create_server(self._address, backlog=128)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def down(self) -> None:
        """Every connection ends here and now."""
        _end(self._listening)
        with self._guard:
            ended, self._open = self._open, set()
        for one in ended:
            _end(one)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _address = listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            with self._guard:
                self._open |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with self._guard:
            self._open -= {source, target}
        _end(source)
        _end(target)


def _end(one: socket.socket) -> None:
    """With a reset, and whoever waits for it wakes up."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
