"""How many connections one network may hold: a part of what is free — dynamic thresholds.

A. K. Choudhury, E. L. Hahne, "Dynamic queue length thresholds", IEEE/ACM ToN 6 (1998): whoever asks
for the most leaves as much free for the next, without anybody having to be known as an attacker.
When all are taken, the oldest that brought no whole request makes room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Protocol

from foundation import networks

PARTY, SHARED = 1 / 4, 1.0
"""Of what is free, the part that a network of one party, or of many, may hold."""


class Member(Protocol):
    """An open connection."""

    @property
    def idle(self) -> bool:
        """Whether it holds no whole request that is being worked on."""
        ...

    def give_up(self) -> None:
        """Close at once."""
        ...


class Connections:
    """The open connections of one process, counted by the networks around them.

    `proxies` speak for many, and this machine for its operator: only all together binds them.
    """

    def __init__(self, most: int, proxies: Collection[str] = ()) -> None:
        self._most = most
        self._trusted = {"unix", "127.0.0.1", "::1", *proxies}
        self._held: Counter[str] = Counter()
        self._open: dict[Member, str] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, member: Member, address: str) -> bool:
        """Whether this one is let in."""
        free = self._most - len(self._open)
        counted = self._counted(address)
        for network in counted:
            part = SHARED if network.shared else PARTY
            if self._held[network.name] >= max(1, free) * part:
                return False
        if free <= 0 and not self._make_room():
            return False
        self._open[member] = address
        self._held.update(network.name for network in counted)
        return True

    def closed(self, member: Member) -> None:
        """It is gone; once is enough, and never let in is no matter."""
        address = self._open.pop(member, None)
        if address is None:
            return
        for network in self._counted(address):
            self._held[network.name] -= 1
            if not self._held[network.name]:
                del self._held[network.name]

    def _make_room(self) -> bool:
        for member in self._open:
            if member.idle:
                self.closed(member)
                member.give_up()
                return True
        return False

    def _counted(self, address: str) -> tuple[networks.Network, ...]:
        if address in self._trusted:
            return ()
        return networks.around(address)[:-1]
