"""`civitas passkeys`: the models of authenticators, by FIDO's metadata — FIDO MDS 3 §3.2."""

from __future__ import annotations

import typer

from civitas.commands.console import DEFAULT_CONFIG, ConfigOption, deployment_of, fail, out

app = typer.Typer(help="Models of passkeys.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Models of passkeys."""


@app.command()
def metadata(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Verify the file in `[login] fido_metadata`, say what is in it, and apply it to all passkeys.

    A new file is fetched beside the old one and moved into place first.
    Example: `civitas passkeys metadata`
    """
    with deployment_of(config) as deployment:
        login = deployment.parts.get("login")
        if login is None or not login.models.used:
            fail("No [login] fido_metadata is set: passkeys are not asked for their model.", code=1)
        found = login.models.metadata()
        if found is None:
            fail("The file cannot be used; the log says why.", code=1)
        listed = sum(login.models.listed(model) for model in found.models)
        refused = sum(login.models.refused(model) for model in found.models)
        changed = login.model_changes.look(deployment.runtime.clock.now())
    out.print(
        f"Number {found.number}, to be fetched anew by {found.next_update}: {len(found.models)} "
        f"models, {listed} on the list, {refused} revoked. {changed} passkeys count otherwise now."
    )
