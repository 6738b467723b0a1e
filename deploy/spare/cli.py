"""`meridian spare`: the copy of a region's files at another site."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import click

from meridian.console import BadInput, CheckFailed, Unreachable, in_words, json_option, note, print_json, show


@click.group()
def spare() -> None:
    """The copy of a region's files at another site, from which `meridian up --site … --take-over` leads it."""


@spare.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--listen", metavar="HOST:PORT", required=True, help="Where the sender of the site that leads connects.")
@click.option(
    "--certificates",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="A folder with ca.pem, spare-keeper.pem and spare-keeper-key.pem.",
)
@json_option
def keep(directory: Path, listen: str, certificates: Path, as_json: bool) -> None:
    """Keep a copy of a region in DIRECTORY, the data of a platform that is to lead it one day; until Ctrl-C."""
    from meridian.coordination.agent_settings import address
    from meridian.deploy.spare import keep as keeping
    from meridian.deploy.spare.frames import BadFrame

    wrong = []
    try:
        host, port = address(listen)
    except ValueError:
        wrong.append(f"--listen = {listen}: allowed: HOST:PORT, such as 0.0.0.0:9070")
    needed = [keeping.CA, f"{keeping.KEEPER}.pem", f"{keeping.KEEPER}-key.pem"]
    if missing := [name for name in needed if not (certificates / name).is_file()]:
        wrong.append(f"--certificates {certificates}: lacks {', '.join(missing)}")
    if wrong:
        raise BadInput(wrong)
    said: set[str] = set()

    def told(facts: dict[str, Any]) -> None:
        if as_json:
            print_json("spare", facts)
        elif (sentence := _sentence(facts)) not in said:
            said.clear()
            said.add(sentence)
            note(sentence)

    keeper = keeping.Keeper(directory.resolve(), told)
    try:
        tls = keeping.context(certificates, keeping.KEEPER, server=True)
    except OSError as error:
        raise BadInput(f"--certificates {certificates}: cannot be used: {in_words(error)}") from None
    try:
        lock = keeper.prepare()
    except keeping.Refused as error:
        raise BadInput(str(error)) from None
    except (OSError, ValueError, BadFrame) as error:
        raise CheckFailed(in_words(error)) from None

    def ready(at: int) -> None:
        facts = {"directory": str(keeper.data), "listen": f"{host}:{at}"}
        show(
            "spare",
            facts,
            as_json,
            lambda: note(f"keeps a copy in {keeper.data}; listens at {host}:{at}; Ctrl-C ends it"),
        )

    try:
        asyncio.run(_until_asked(keeper, host, port, tls, ready))
    except OSError as error:
        raise Unreachable(f"--listen = {listen}: {in_words(error)}") from None
    finally:
        os.close(lock)


async def _until_asked(keeper: Any, host: str, port: int, tls: Any, ready: Any) -> None:
    """A batch is done whole or not at all, so it may end at any moment."""
    serving = asyncio.current_task()
    assert serving is not None, "it runs"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    try:
        await keeper.serve(host, port, tls, ready)
    except asyncio.CancelledError:
        return


def _sentence(facts: dict[str, Any]) -> str:
    if "ended" in facts:
        return f"{facts['sender']}: {facts['ended']}"
    return f"{facts['sender']}: copies region {facts['region']} of site {facts['site'] or 'without a name'}"
