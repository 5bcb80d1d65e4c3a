"""What the one who asked needs: it waits, sealed, in the address of the choice page.

Nothing is stored before the person chooses. The seal binds the wish to one browser, so that the
address is of no use anywhere else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from foundation import opaque
from foundation.clock import recent
from foundation.errors import ALLOW_COOKIES, NO_COOKIES, Over
from foundation.keys import Keys
from foundation.pages import N_
from foundation.sealing import CannotOpen

_PURPOSE = "broker-wish"


@dataclass(frozen=True, slots=True)
class Wish:
    """`level`: the lowest acceptable one. `fresh`: the person must prove themselves now.

    `return_to`: local path where the browser goes when the person is there; `leave_to`: where it
    goes when they give up. `ui_locales`: the languages that the service asked the pages to be in.
    """

    level: int
    return_to: str
    fresh: bool
    made_at: int
    leave_to: str = ""
    ui_locales: str = ""

    def seal(self, keys: Keys, browser: str) -> str:
        written = {"wish": asdict(self), "browser": opaque.digest(browser).hex()}
        sealed = keys.seal(_PURPOSE, json.dumps(written).encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    @classmethod
    def open(
        cls, keys: Keys, browsers: Collection[str], text: str, now: datetime, live: timedelta
    ) -> Wish:
        """Raises Over when it was made for another browser, changed, or is too old."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            written = json.loads(keys.open(_PURPOSE, sealed))
            wish = cls(**written["wish"])
        except (CannotOpen, ValueError, TypeError, KeyError, binascii.Error):
            raise _stale(N_("This choice was not begun in this browser.")) from None
        if written["browser"] not in {opaque.digest(browser).hex() for browser in browsers}:
            if not browsers:
                over = Over(NO_COOKIES, where="for", next_step=ALLOW_COOKIES)
                over.errand = wish.return_to
                raise over
            raise _stale(N_("This choice was not begun in this browser."), wish)
        if not recent(datetime.fromtimestamp(wish.made_at, UTC), live, now):
            raise _stale(N_("This choice has waited too long."), wish)
        return wish


def is_local(path: str) -> bool:
    """Whether a return path leads nowhere but to ourselves."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))


def _stale(sentence: str, wish: Wish | None = None) -> Over:
    over = Over(sentence, where="for", next_step=N_("Go back to the service and start again."))
    over.errand = wish.return_to if wish else None
    return over
