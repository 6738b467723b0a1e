"""`meridian release`: which release an installation is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from meridian.console import json_option, note, show


@click.command()
@click.argument("prefix", type=click.Path(path_type=Path), required=False)
@json_option
def release(prefix: Path | None, as_json: bool) -> None:
    """Which release this installation is, or that of the folder PREFIX: its name, its version, how new its records are.

    The name is a hash over everything that can run or says how. Two installations of one name are the same release.
    """
    from meridian.deploy import installations
    from meridian.deploy.specs import SPEC_VERSION

    if prefix is None:
        told = installations.described()
    else:
        found = installations.examined(prefix, "PREFIX")
        told = {"release": found.release.name, "version": found.release.version, "records_schema": found.release.schema,
                "process_spec": SPEC_VERSION, "prefix": str(found.prefix)}  # fmt: skip
    show("release", told, as_json, lambda: note(_sentence(told)))


def _sentence(told: dict[str, Any]) -> str:
    return (
        f"release {told['release']}\nversion {told['version']}, records of schema {told['records_schema']}; installed at "
        f"{told['prefix']}"
    )
