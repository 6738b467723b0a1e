"""`meridian fix acceptor`: a FIX acceptor to run acceptance scripts, counterparties and certifications against.

Invariant: nothing heavy is imported at the top, so that help stays quick.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from meridian.console import BadInput, Unreachable, json_option, note, print_json

DICTIONARIES = Path(__file__).parent / "fix" / "dictionaries"


@click.group("fix", help="FIX: sessions, dictionaries, logs.")
def fix() -> None:
    """The group of FIX commands."""


Command = TypeVar("Command", bound=Callable[..., Any])


def tls_options(command: Command) -> Command:
    """Adds the options of a listener's TLS; the command gets `certificate`, `key` and `client_ca` for `tls_settings`."""
    options = (
        ("--client-ca", "Clients must show a certificate of this authority (PEM)."),
        ("--key", "Its key (PEM)."),
        ("--certificate", "Speak TLS with this certificate (PEM)."),
    )
    for name, text in options:
        command = click.option(name, type=click.Path(path_type=Path), help=text)(command)
    return command


def tls_settings(certificate: Path | None, key: Path | None, client_ca: Path | None) -> dict[str, str] | None:
    """The tile's settings; None: in the clear. Raises BadInput."""
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        missing = "--certificate" if certificate is None else "--key"
        raise BadInput(f"{missing} is missing: TLS needs a certificate and its key")
    files = {"certificate_file": certificate, "key_file": key, "client_ca_file": client_ca}
    return {name: str(path) for name, path in files.items() if path is not None}


@fix.command("acceptor", short_help="Take FIX sessions, for acceptance scripts and counterparties.")
@click.option(
    "--app", type=click.Choice(["acceptance"]), default="acceptance", help="What answers behind the sessions."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(1, 65_535), required=True, help="The port to listen at.")
@click.option(
    "--dictionaries",
    type=click.Path(path_type=Path),
    default=DICTIONARIES,
    help="A folder with FIX40.xml to FIX50SP2.xml and FIXT11.xml; else our own.",
)
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Keep counters and stores here; else they are not kept."
)
@click.option(
    "--keep-numbers", is_flag=True, help="Sessions go on with their numbers (a store in files), without resets."
)
@click.option("--log", is_flag=True, help="Write each session's messages down; needs --directory.")
@click.option("--certificate", type=click.Path(path_type=Path), help="Speak TLS with this certificate (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="Its key (PEM).")
@click.option(
    "--client-ca", type=click.Path(path_type=Path), help="Clients must show a certificate of this authority (PEM)."
)
@json_option
def acceptor(
    app: str, host: str, port: int, dictionaries: Path, directory: Path | None, keep_numbers: bool, log: bool,
    certificate: Path | None, key: Path | None, client_ca: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Listen for FIX 4.0 to 5.0 SP2 until interrupted.

    With --app acceptance the sessions are ISLD's with TW40 to TW50SP2; orders, cancels and security definitions go back as
    they came, anything else gets a business reject.
    """
    from meridian.files import temporary_folder
    from meridian.venues import fix_acceptor

    if log and directory is None:
        raise BadInput("--log: needs --directory, where the logs stay")
    tls = tls_settings(certificate, key, client_ca)
    with temporary_folder("meridian-fix-acceptor-") as temporary:
        where = directory or temporary
        try:
            where.mkdir(parents=True, exist_ok=True)
            specification = fix_acceptor.acceptance(
                port=port,
                host=host,
                dictionaries=dictionaries,
                directory=where,
                store="journal" if keep_numbers else "memory",
                reset_on_logon=not keep_numbers,
                tls=tls,
                log=log,
            )
        except ValueError as error:
            raise BadInput(f"--{error}") from error
        except OSError as error:
            raise BadInput(f"--directory {where}: {error.strerror}; a folder that can be written is needed") from error
        if found := fix_acceptor.errors(specification):
            raise BadInput(found)
        sessions = specification["threads"][0]["tiles"][0]["settings"]["sessions"]
        names = [session["profile"]["target_comp_id"] for session in sessions]
        if not as_json:
            note(f"{app} at {host}:{port} for {', '.join(names)}; end with Ctrl-C")
        try:
            fix_acceptor.run(specification)
        except RuntimeError as error:
            raise Unreachable(str(error).splitlines()) from error
        if as_json:
            print_json("fix.acceptor", {"application": app, "listen": f"{host}:{port}", "sessions": names})
