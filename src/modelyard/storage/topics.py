"""Who wants to hear of commits in this process. Other processes poll."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable


class Topics:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        self._callbacks[topic].append(callback)

    def wake(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for callback in self._callbacks.get(topic, ()):
                self._loop.call_soon(callback)
