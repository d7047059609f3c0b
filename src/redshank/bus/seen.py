"""What a reader of the bus has had already: messages may come twice, this says which are new. Pure, bounded."""

from __future__ import annotations

from collections import OrderedDict

from redshank.bus.base import Envelope


class Seen:
    """One per reader. Observations are known by their place on a line: (epoch, seq) rises per camera and stream, so one number
    each is enough. Everything else is known by id, the last `capacity` of them.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._last: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, message: Envelope) -> bool:
        """True the first time; remembers it."""
        if message.kind == "observation":
            line, at = (message.site, message.camera, message.stream), (message.epoch, message.seq)
            if at <= self._last.get(line, (-1, -1)):
                return False
            self._last[line] = at
            return True
        if message.id in self._ids:
            return False
        self._ids[message.id] = None
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)
        return True
