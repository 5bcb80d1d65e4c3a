"""The integrator's guide shows the table of who vouches as it is."""

from __future__ import annotations

from idp import federation
from tests.support.deployments import ROOT


def test_the_guide_shows_who_vouches_for_each_member_as_the_code_has_it() -> None:
    guide = (ROOT / "docs/integrator.md").read_text(encoding="utf-8")
    for entity_type in {m.entity_type for m in federation.MEMBERS}:
        rows = [
            f"| `{m.name}` | {m.voucher} | {m.taken_as} |"
            for m in federation.MEMBERS
            if m.entity_type == entity_type
        ]
        assert "\n".join(rows) in guide
