"""Requests without a network, all in one event loop of the process, as a server has one."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from httpx import Response
from starlette.testclient import TestClient as OneLoopEach

from foundation.event_loop import in_thread

__all__ = ["TestClient"]


class TestClient(OneLoopEach):
    """Starlette's starts a thread and an event loop for each request, which takes far longer than
    most requests do. As a context manager it has a loop of its own, with the app's lifespan."""

    __test__ = False

    def request(self, *args: Any, **kwargs: Any) -> Response:
        # Where one application asks another it waits for it, as for any fetch.
        answer: Response = in_thread(super().request, *args, **kwargs)
        return answer

    @contextmanager
    def _portal_factory(self) -> Iterator[BlockingPortal]:
        try:
            yield self.portal if self.portal is not None else _portal()
        except Exception:
            raise
        except BaseException:
            # What passes for the end of a process ended the loop, too.
            _stacks.pop(os.getpid(), None)
            raise


_stacks: dict[int, tuple[ExitStack, BlockingPortal]] = {}


def _portal() -> BlockingPortal:
    """That of this process: a fork has none of its parent's threads. It ends with the process."""
    process = os.getpid()
    if process not in _stacks:
        stack = ExitStack()
        _stacks[process] = stack, stack.enter_context(start_blocking_portal("asyncio"))
        atexit.register(stack.close)
    return _stacks[process][1]
