"""`civitas ca revoke --from-list`: again, what published lists say — RFC 5280 §5."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx

from civitas.commands.console import authority_of, err, fail, host, out, print_json
from pki import MOST_OCTETS_OF_LISTS, Again, Counted, PublishedList

_SHOWN = 20


def revoke_again(
    sources: Sequence[str], *, dry_run: bool, yes: bool, config: Path, as_json: bool
) -> None:
    """Revoke what these lists name; each is a file, or an address of http or https."""
    files = [(source, _content(source)) for source in sources]
    with authority_of(config) as (ca, deployment):
        runtime = deployment.runtime
        lists = ca.revoking_again.read(files)
        now, made_at = runtime.clock.now(), ca.revoking_again.restored()
        if not as_json:
            for each in lists:
                _show_list(each, now, made_at)
        planned = ca.revoking_again.apply(lists, host(), runtime.clock, dry_run=True)
        if dry_run:
            _show(planned, made_at, as_json, dry_run=True)
            return
        to_change = sum(c.changed for c in planned.counted.values())
        if to_change > 1 and not yes:
            if as_json:
                fail(f"{to_change} certificates: add --yes, or look with --dry-run.", code=1)
            import typer

            typer.confirm(f"Revoke {to_change} certificates again?", abort=True, err=True)
        done = ca.revoking_again.apply(lists, host(), runtime.clock, progress=_progress)
        _show(done, made_at, as_json, dry_run=False)


def _content(source: str) -> bytes:
    if source.startswith(("http://", "https://")):
        return _fetched(source)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        fail(f"{source} cannot be read ({error.strerror}): name a file, or an address.", code=1)


def _fetched(url: str) -> bytes:
    """It is signed, so how it comes does not matter: by plain http, as a rule (RFC 5280 §8)."""
    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=60, follow_redirects=True) as answer:
            if answer.status_code != 200:
                fail(
                    f"{url} answers {answer.status_code}: name an address that has a list.", code=1
                )
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > MOST_OCTETS_OF_LISTS:
                    fail(f"{url} is longer than {MOST_OCTETS_OF_LISTS} octets: no list is.", code=1)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{url} cannot be fetched ({error}): fetch it by hand, and name the file.", code=1)
    return bytes(content)


def _show_list(each: PublishedList, now: datetime, made_at: datetime | None) -> None:
    kind = "list" if each.base is None else f"delta of list {each.base}"
    part = "" if each.partition is None else f"/{each.partition}"
    until = "" if each.next_update is None else f", good until {each.next_update.isoformat()}"
    out.print(
        f"{each.source}: {kind} {each.number} of {each.authority.slug}{part}, signed by it, of "
        f"{each.this_update.isoformat()}{until}; {len(each.said)} entries.",
        markup=False,
        soft_wrap=True,
    )
    if made_at is not None and each.this_update < made_at:
        _warn(
            f"{each.source} is older than the backup, of {made_at.isoformat()}: find a newer one."
        )
    if each.this_update > now:
        _warn(f"{each.source} is of the future: a clock is, or was, wrong.")


def _show(done: Again, made_at: datetime | None, as_json: bool, *, dry_run: bool) -> None:
    if as_json:
        said = {"dry_run": dry_run, "backup_made_at": made_at, "missing": list(done.missing)}
        print_json({**done.as_json, **said})
        return
    for slug, counted in done.counted.items():
        for line in _lines(counted):
            out.print(f"{slug}: {line}", markup=False, soft_wrap=True)
    if done.missing:
        shown = ", ".join(done.missing[:_SHOWN]) + (", …" if len(done.missing) > _SHOWN else "")
        _warn(f"No list of {len(done.missing)} more places was named: {shown}.")
    if dry_run:
        out.print("Nothing was changed.")


def _lines(counted: Counted) -> list[str]:
    again = f"{counted.revoked} revoked again, {counted.on_hold} on hold again"
    rest = f"{counted.released} taken off hold, {counted.already} as they were"
    said = [f"{counted.named} serials are named; {again}, {rest}."]
    if counted.unknown or counted.unknown_good:
        said.append(
            f"{counted.unknown + counted.unknown_good} of them are not on record: they were issued "
            f"after the backup. {counted.unknown} are on record as revoked now."
        )
    if counted.key_unknown:
        said.append(
            f"{counted.key_unknown} of those were revoked because their key is known to others; "
            "which key is lost with them: ban it by `civitas ca ban`, if you have it."
        )
    if counted.of_others:
        said.append(f"{counted.of_others} belong to another authority, and were left alone.")
    if counted.held:
        shown = ", ".join(counted.held[:_SHOWN]) + (", …" if len(counted.held) > _SHOWN else "")
        said.append(
            f"{len(counted.held)} are on hold here and not in a newer list: {shown}. If they were "
            "taken off, run `civitas ca revoke SERIAL --reason removeFromCRL`."
        )
    return said


def _warn(sentence: str) -> None:
    err.print(sentence, style="yellow", markup=False, soft_wrap=True)


def _progress(done: int) -> None:
    if done % 10_000 == 0:
        err.print(f"{done} done")
