"""The integrator's guide shows the table of who vouches as it is."""

from __future__ import annotations

from idp import federation
from tests.support.deployments import ROOT


def test_the_guide_shows_who_vouches_for_each_member_as_the_code_has_it() -> None:
    guide = (ROOT / "docs/integrator.md").read_text(encoding="utf-8")
    rows = "\n".join(f"| `{m.name}` | {m.voucher} | {m.taken_as} |" for m in federation.MEMBERS)
    assert rows in guide
