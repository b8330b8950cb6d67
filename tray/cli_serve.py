"""The command that serves the API to other computers."""

from __future__ import annotations

from typing import Annotated

import typer

from tray import terminal
from tray.locale import _


def add_to(app: typer.Typer) -> None:
    @app.command(
        help=_(
            "Serve the HTTP API to scripts and clouds that have its key. It listens meanwhile, without the icon. "
            "Callers send: Authorization: Bearer KEY."
        )
    )
    def serve(
        host: Annotated[str, typer.Option(help=_("The address of this computer to serve."))] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=1, max=65_535, help=_("Its port."))] = 8787,
        new_key: Annotated[
            bool, typer.Option("--new-key", help=_("Make a new key, show it once and end; the old one is void."))
        ] = False,
    ) -> None:
        from tray import serve_command

        if new_key:
            key = serve_command.new_key()
            terminal.out.print(key, markup=False)
            terminal.show_warning(
                _("Keep it: it is shown this once. An API that is being served has the old one still.")
            )
        else:
            serve_command.serve(host, port)
