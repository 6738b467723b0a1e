"""Object code that ends its process: in the place of what `poison_class.Poison` is compiled to, with the same record."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
from pathlib import Path

from meridian.strategies import artifact, entry
from meridian.strategies.fields import SCALAR_CODES
from meridian.strategies.guard import find_guarded

CLASS = Path(__file__).with_name("poison_class.py")
CODE = """
typedef unsigned long long word;
extern void abort(void);
const word meridian_abi_version = {abi}, meridian_record_bytes = {record_bytes}, meridian_state_offset = {state_offset};
const word meridian_parameters_count = {parameters_count}, meridian_reads = 0, meridian_kept_count = 0;
const unsigned char meridian_kept[48] __attribute__((aligned(8))) = {{0}};
const unsigned char meridian_initial[] __attribute__((aligned(8))) = {{{initial}}};
const unsigned char meridian_parameters[] __attribute__((aligned(8))) = {{{parameters}}};
static volatile int *volatile nowhere = 0;
unsigned meridian_on_book(char *record, const void *event, void *view) {{
    long how = *(long *)(record + {how});
    if (how == 1) *nowhere = 1;
    if (how == 2) abort();
    while (how == 3) __asm__ volatile("");
    return 0;
}}
"""


def put(folder: Path) -> str:
    """Puts it where object code is kept, so that it is found in the place of the class's own; how a strategies file names it."""
    if (known := artifact.default_directory()) != folder and known.exists():
        shutil.copytree(known, folder, dirs_exist_ok=True)
    spec = f"{CLASS}:Poison"
    cls = find_guarded(spec)
    built, table = artifact.build(cls, directory=folder), cls.table
    places = b"".join(
        struct.pack("<32sII", one.name.encode(), one.offset, entry.settable_code(one))
        for one in table.parameters.values()
    )
    assert set(SCALAR_CODES) >= {int}
    text = CODE.format(
        abi=entry.ABI_VERSION, record_bytes=table.record_bytes, state_offset=table.state_offset,
        parameters_count=len(table.parameters), initial=",".join(map(str, table.initial())),
        parameters=",".join(map(str, places)), how=table.parameters["how"].offset,
    )  # fmt: skip
    source, made = folder / "poison.c", folder / "poison.o"
    source.write_text(text, encoding="utf-8")
    subprocess.run(["cc", "-O1", "-fPIC", "-fno-stack-protector", "-c", str(source), "-o", str(made)], check=True)
    content = artifact.link(made.read_bytes())
    code_hash = hashlib.sha256(content).hexdigest()
    about = json.loads(built.path.with_suffix(".json").read_text(encoding="utf-8")) | {"code_hash": code_hash}
    path = folder / f"Poison-{code_hash[: artifact.HASH_CHARACTERS]}.so"
    path.write_bytes(content)
    description = json.dumps(about).encode()
    path.with_suffix(".json").write_bytes(description)
    pointer = folder / f"Poison-{built.inputs_hash[: artifact.HASH_CHARACTERS]}.built"
    pointer.write_text(f"{path.name} {hashlib.sha256(description).hexdigest()}\n", encoding="ascii")
    assert artifact.build(cls, directory=folder).code_hash == code_hash
    return spec
