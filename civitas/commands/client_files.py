"""`civitas clients apply`: the services of a file become those that are registered — and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from civitas.commands.client_acts import YesOption, supervision_of
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    DryRunOption,
    JsonOption,
    deployment_of,
    fail,
    host,
    out,
    print_json,
)
from foundation import secret_file
from foundation.settings import Server
from idp.supervision import Declarations, FaultyFile, Plan, Step, read_declarations

_SIGNS = {"add": "+", "change": "~", "remove": "-"}
_LONGEST = 300


def add_to(app: typer.Typer) -> None:
    for command in (apply, export):
        app.command()(command)


def apply(
    file: Annotated[Path, typer.Argument(help="A .toml or .json file of services.")],
    reason: Annotated[
        str, typer.Option(help="Why, in a sentence; it stands in the audit.")
    ] = "The file of services was applied",
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Remove services that a file of this set made and that it has no more."
        ),
    ] = False,
    kits: Annotated[
        Path | None,
        typer.Option(
            help="Write the configuration of new services with `for` there, secrets in it."
        ),
    ] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Register the services of FILE, change those that are otherwise, and show the difference.

    All of it is done, or nothing. The same file once more changes nothing. The file names each
    service by its client_id, with the members of RFC 7591:

    set = "libraries"

    [clients.library]
    for = "spring"
    url = "https://library.example"
    client_name = "Library"

    Secrets of new services are printed this once, or written with --kits.

    Example: `civitas clients apply clients.toml --dry-run`
    """
    declared = _read(file)
    if kits is not None and not kits.is_dir():
        fail(f"{kits} is no folder: make it first, for your eyes alone.")
    with deployment_of(config) as deployment:
        applying = supervision_of(deployment).applying
        issuer = deployment.runtime.settings.of(Server).url
        try:
            plan = applying.plan(declared, prune=prune)
            if not dry_run and plan.steps:
                _room_for_kits(kits, plan)
                _agree(plan, yes)
                plan = applying.apply(declared, reason, host(), prune=prune, agreed=True)
        except FaultyFile as faulty:
            _refuse(faulty, as_json)
        written = [] if dry_run or kits is None else _write_kits(kits, plan, issuer)
    _print(plan, written, as_json=as_json, done=not dry_run)


def export(
    only: Annotated[
        str | None, typer.Option("--set", help="Only services that a file of this set made.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print the registered services as a file for `apply`, without any secret.

    Example: `civitas clients export > clients.toml`
    """
    with deployment_of(config) as deployment:
        found = supervision_of(deployment).applying.export(only)
    name = only or "exported"
    if as_json:
        print_json({"set": name, "clients": found})
        return
    typer.echo(f"set = {_toml(name)}")
    for client_id, said in found.items():
        typer.echo(f"\n[clients.{_key(client_id)}]")
        for member, value in said.items():
            if value is not None:
                typer.echo(f"{_key(member)} = {_toml(value)}")


def _read(file: Path) -> Declarations:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}.", code=1)
    try:
        return read_declarations(text, as_json=file.suffix == ".json")
    except FaultyFile as faulty:
        _refuse(faulty, as_json=False)


def _refuse(faulty: FaultyFile, as_json: bool) -> NoReturn:
    if as_json:
        told = [{"place": f.place, "line": f.line or None, "what": f.what} for f in faulty.faults]
        print_json({"done": False, "faults": told})
        raise typer.Exit(1)
    fail(f"{faulty.description}\nNothing was changed.", code=1)


def _agree(plan: Plan, yes: bool) -> None:
    final = plan.cannot_be_undone
    if not final or yes:
        return
    _print(plan, [], as_json=False, done=False)
    follows = [
        f"{step.id} is removed for good."
        if step.act == "remove"
        else f"{step.id} knows nobody again: everybody gets another sub at it."
        for step in final
    ]
    typer.confirm(f"{' '.join(follows)} Go on?", abort=True, err=True)


def _room_for_kits(folder: Path | None, plan: Plan) -> None:
    """Nothing is written over, and no secret is lost: looked at before anything is done."""
    for step in plan.steps:
        if folder is not None and step.act == "add" and (folder / step.id).exists():
            fail(f"{folder / step.id} exists already: nothing was changed.", code=1)


def _write_kits(folder: Path, plan: Plan, issuer: str) -> list[str]:
    """The configuration of new services, each in a folder of its own that only we read."""
    written = []
    for step in plan.steps:
        declared = step.declared
        if step.act != "add" or step.client is None:
            continue
        if declared is None or declared.program is None:
            continue
        own = folder / step.id
        own.mkdir(mode=0o700, exist_ok=True)
        snippets = declared.program.printed(step.client, step.secret, issuer, declared.url)
        for number, snippet in enumerate(snippets):
            name = Path(snippet.name.replace("\\", "/")).name.split(" ")[0] or f"note-{number}.txt"
            target = own / name
            if target.exists():
                target = own / f"{number}-{name}"
            secret_file.create(target, snippet.text.encode() + b"\n", "The configuration")
            written.append(str(target))
    return written


# ── what is printed ──────────────────────────────────────────────────────────────────────


def _print(plan: Plan, written: list[str], *, as_json: bool, done: bool) -> None:
    if as_json:
        print_json(
            {
                "done": done,
                "steps": [_as_json(step) for step in plan.steps],
                "unchanged": list(plan.unchanged),
                "left": list(plan.left),
                "kits": written,
            }
        )
        return
    for step in plan.steps:
        _say(f"{_SIGNS[step.act]} {step.id} ({step.name})")
        for change in step.changes:
            _say(f"    {change.member}: {_shown(change.before, change.after)}")
        if step.forgets:
            _say("    It knows nobody again: everybody gets another sub at it.")
        elif step.ends and step.act == "change":
            _say("    What it was given ends, and people sign in anew.")
        if step.secret is not None and not any(f"/{step.id}/" in name for name in written):
            _say(f"    client_secret: {step.secret}")
    for name in written:
        _say(f"written: {name}")
    for client_id in plan.left:
        _say(f"  {client_id} stands in the file no more; --prune removes it.")
    counts = {act: sum(step.act == act for step in plan.steps) for act in _SIGNS}
    would = "" if done else "would be "
    _say(
        f"{counts['add']} {would}added, {counts['change']} {would}changed, {counts['remove']} "
        f"{would}removed, {len(plan.unchanged)} as they were."
    )


def _say(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False)


def _as_json(step: Step) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "act": step.act,
        "client_id": step.id,
        "name": step.name,
        "changes": {one.member: [one.before, one.after] for one in step.changes},
        "ends_what_it_was_given": step.ends,
        "knows_nobody_again": step.forgets,
    }
    return told if step.secret is None else {**told, "client_secret": step.secret}


def _shown(before: Any, after: Any) -> str:
    if isinstance(before, list) and isinstance(after, list):
        gone = [f"- {_short(one)}" for one in before if one not in after]
        new = [f"+ {_short(one)}" for one in after if one not in before]
        return ", ".join(gone + new) or f"{_short(before)} → {_short(after)}"
    if before is None:
        return _short(after)
    return f"{_short(before)} → {'none' if after is None else _short(after)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# ── TOML, of the few kinds of value that a registration has ──────────────────────────────


def _key(name: str) -> str:
    bare = name.replace("_", "").replace("-", "").isalnum() and name.isascii()
    return name if bare else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return str(value)
