"""What the one who asked needs: it waits, sealed, in the address of the choice page.

Nothing is stored before the person chooses. The seal binds the wish to one browser, so that the
address is of no use anywhere else.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from foundation.clock import recent
from foundation.errors import Over
from foundation.keys import Keys
from foundation.pages import N_
from foundation.sealing import CannotOpen

_PURPOSE = "broker-wish"


@dataclass(frozen=True, slots=True)
class Wish:
    """`level`: the lowest acceptable one. `fresh`: the person must prove themselves now.

    `return_to`: local path where the browser goes when the person is there; `leave_to`: where it
    goes when they give up.
    """

    level: int
    return_to: str
    fresh: bool
    made_at: int
    leave_to: str = ""

    def seal(self, keys: Keys, browser: str) -> str:
        sealed = keys.seal(_PURPOSE, json.dumps(asdict(self)).encode(), browser)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    @classmethod
    def open(cls, keys: Keys, browser: str, text: str, now: datetime, live: timedelta) -> Wish:
        """Raises Over when it was made for another browser, changed, or is too old."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            wish = cls(**json.loads(keys.open(_PURPOSE, sealed, browser)))
        except (CannotOpen, ValueError, TypeError, binascii.Error):
            raise _stale(N_("This choice was not begun in this browser.")) from None
        if not recent(datetime.fromtimestamp(wish.made_at, UTC), live, now):
            raise _stale(N_("This choice has waited too long."))
        return wish


def is_local(path: str) -> bool:
    """Whether a return path leads nowhere but to ourselves."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def _stale(sentence: str) -> Over:
    return Over(sentence, where="for", next_step=N_("Go back to the service and start again."))
