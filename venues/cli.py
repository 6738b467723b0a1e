"""Commands of the venues' room; each stands in a file of its own.

Invariant: nothing heavy is imported here, so that help stays quick.
"""

from __future__ import annotations

import click

from meridian.venues.fix_certify_cli import fix
from meridian.venues.flow_cli import COMMANDS as FLOW_COMMANDS
from meridian.venues.wire_cli import wire

COMMANDS: list[click.Command] = [wire, fix, *FLOW_COMMANDS]
