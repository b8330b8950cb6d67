"""What each request and each mailbox is at, and the state of the whole that follows from it."""

from __future__ import annotations

from tray.events import Bus, State, StateChanged

_LIVELIEST: tuple[State, ...] = (
    "working", "asking", "streaming", "connecting", "reconnecting", "sign_in", "error", "idle"
)  # fmt: skip


class Board:
    """Written in the listener's thread alone; `state`, `of` and `trouble_of` may be read from any."""

    def __init__(self, bus: Bus) -> None:
        self.state = StateChanged("stopped")
        """The one last published."""
        self._bus = bus
        self.clear()

    def clear(self) -> None:
        """Nothing is known of anything: a new life begins."""
        self._requests: dict[str, StateChanged] = {}
        self._troubles: dict[str, StateChanged] = {}
        self._parked: dict[str, str] = {}

    def of(self, request_id: str) -> State | None:
        """What a request is at; None for one that has not begun."""
        marked = self._requests.get(request_id)
        return marked.state if marked else None

    def trouble_of(self, name: str) -> StateChanged | None:
        """What troubles a mailbox; None for nothing."""
        return self._troubles.get(name)

    def mark(self, request_id: str, state: State, detail: str) -> None:
        self._requests[request_id] = StateChanged(state, detail)
        self.settle()

    def park(self, request_id: str, why: str) -> None:
        """It waits until the user has signed in."""
        self._parked[request_id] = why

    def unpark(self, request_id: str) -> None:
        self._parked.pop(request_id, None)

    def unpark_all(self) -> list[str]:
        """The requests that waited for signing in."""
        parked, self._parked = list(self._parked), {}
        return parked

    def trouble(self, name: str, state: State | None, detail: str) -> None:
        """What troubles a mailbox, None for nothing."""
        before = self._troubles.pop(name, None)
        if state is not None:
            self._troubles[name] = StateChanged(state, detail)
        if before != self._troubles.get(name):
            self.settle()

    def forget(self, request_id: str) -> None:
        """It is over, for now or for good."""
        self._requests.pop(request_id, None)

    def settle(self, error: str | None = None) -> None:
        """Publish the state of the whole: that of the liveliest request or mailbox, else what the user has to do, else
        the error that has just ended one or keeps a mailbox shut, else idle."""
        shown = [*self._requests.values(), *self._troubles.values()]
        shown += [StateChanged("sign_in", why) for why in self._parked.values()]
        shown += [StateChanged("error", error)] if error is not None else []
        for state in _LIVELIEST:
            for marked in shown:
                if marked.state == state:
                    self.publish(marked.state, marked.detail)
                    return
        self.publish("idle")

    def publish(self, state: State, detail: str = "") -> None:
        changed = StateChanged(state, detail)
        if changed != self.state:
            self.state = changed
            self._bus.publish(changed)
