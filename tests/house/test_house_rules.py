"""The rules of the house find what they are for, and let through what gives a reason."""

from __future__ import annotations

import pytest

from tests.support import ROOT
from tools import house_rules
from tools.house_rules import Finding, Source, check


def found(path: str, text: str) -> list[Finding]:
    """Every finding in one file."""
    return sorted(finding for rule in house_rules.RULES for finding in rule([Source(path, text.splitlines())]))


HEAD = "//! A book.\n"


@pytest.mark.parametrize(
    ("path", "text", "line", "says"),
    [
        ("crates/book/src/lib.rs", HEAD + "use std::collections::HashMap;", 2, "[hash-order]"),
        ("crates/book/src/lib.rs", HEAD + "fn f() {\n    println!();\n}", 3, "[print]"),
        ("crates/engine/src/lib.rs", HEAD + "fn f() { let now = Instant::now(); }", 2, "[clock]"),
        ("crates/engine/src/lib.rs", HEAD + "fn f(price: f64) {}", 2, "[float]"),
        ("crates/tiles/src/lib.rs", HEAD + "fn f() { std::thread::sleep(x) }", 2, "[sleep]"),
        ("crates/book/src/lib.rs", HEAD + "#[cfg(test)]\nmod tests {\n}\nuse std::sync::Mutex;", 5, "[lock]"),
        ("crates/book/src/lib.rs", "fn f() {}", 1, "begins without a comment"),
        ("crates/book/src/lib.rs", HEAD + "fn f() {\n" + "    g();\n" * 70 + "}", 2, "f has 72 lines"),
        ("crates/book/src/lib.rs", HEAD + "// x\n" * 900, 800, "901 lines"),
        ("crates/book/src/lost.rs", HEAD, 1, "never compiled"),
        ("crates/book/Cargo.toml", "[dependencies]\nengine.workspace = true", 2, "may not use engine"),
        ("crates/risk/Cargo.toml", "[features]\nfast = ['records/broken']", 1, "may not ask for the feature broken"),
        ("crates/native/Cargo.toml", "[dependencies]\nsim.workspace = true", 1, "may not use sim"),
        ("crates/records/Cargo.toml", "[features]\nbroken = []\ndefault = ['broken']", 1, "may not be a default"),
        ("tools/native", "# Builds.\ncargo build --features broken", 2, "only `make sim VARIANT=`"),
        ("crates/nowhere/Cargo.toml", "[dependencies]", 1, "no place in the order"),
        ("venues/feed.py", '"""A feed."""\nfrom engine import X', 2, "import meridian.engine"),
        ("venues/feed.py", '"""A feed."""\nimport risk.limits', 2, "import meridian.risk.limits"),
        ("venues/cli.py", '"""Commands."""\nimport numpy as np', 2, "numpy is heavy"),
        ("venues/feed.py", "x = 1", 1, "begins without a docstring"),
        ("docs/a.md", "run it in /ro" + "ot/x", 1, "path of one machine"),
        ("docs/a.md", "see py" + "pi.org", 1, "registry's host"),
        ("docs/a.md", "TO" + "DO: later", 1, "needs an owner"),
    ],
)
def test_a_rule_finds_what_it_is_for(path: str, text: str, line: int, says: str) -> None:
    assert [finding.line for finding in found(path, text) if says in finding.sentence] == [line]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("crates/book/src/lib.rs", HEAD + '// println! is not called here\nfn f() { g("HashMap") }'),
        ("crates/book/src/lib.rs", HEAD + "#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n}"),
        ("crates/book/src/lib.rs", HEAD + "#[cfg(test)]\nmod tests;\nfn f() {}"),
        ("crates/links/src/lib.rs", HEAD + "// tidy: allow(clock): the runner reads it\nfn f() { Instant::now() }"),
        ("crates/book/src/lib.rs", HEAD + "// tidy: allow-file(float): shown to people only\n\n\nfn f(x: f64) {}"),
        ("crates/wire/src/generated/mod.rs", "//! Made by tools/gen.py.\n" + "// x\n" * 900),
        ("crates/engine/Cargo.toml", "[dependencies]\nbook.workspace = true\n[dev-dependencies]\nsim.workspace = true"),
        ("venues/feed.py", '"""A feed."""\nfrom meridian.engine import X\nfrom .engine import Y'),
    ],
)
def test_a_rule_lets_through_what_is_right(path: str, text: str) -> None:
    assert [finding for finding in found(path, text) if "/generated/" not in path or "lines" in finding.sentence] == []


def test_a_reason_is_needed() -> None:
    assert found("crates/book/src/lib.rs", HEAD + "// tidy: allow(float):\nfn f(x: f64) {}")


def test_every_crate_and_room_of_the_tree_has_its_place() -> None:
    assert {path.parent.name for path in ROOT.glob("crates/*/Cargo.toml")} <= set(house_rules.CRATES)
    assert {path.name for path in (ROOT / "meridian").iterdir() if path.is_symlink()} <= set(house_rules.ROOMS)


@pytest.mark.timeout(600)
def test_the_rules_are_fast_enough_to_run_at_every_save() -> None:
    import time

    # Of this processor, not of the clock: what else the machine does is not the rules' affair.
    started = time.process_time()
    check(ROOT)
    assert time.process_time() - started < 30
