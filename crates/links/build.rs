//! Aeron's static libraries ask for `-luuid -lbsd` whatever the system has. Where one is missing this writes an empty archive
//! of that name; Aeron was then configured without it and uses its own sources of randomness.
//!
//! Invariant: a library that the system has is never shadowed.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_AERON").is_none() {
        return;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for library in ["uuid", "bsd"] {
        if !links(library, &out) {
            std::fs::write(out.join(format!("lib{library}.a")), "!<arch>\n").expect("OUT_DIR is ours to write");
        }
    }
    println!("cargo::rustc-link-search=native={}", out.display());
}

/// Whether the C compiler finds the library.
fn links(library: &str, out: &Path) -> bool {
    let source = out.join("probe.c");
    std::fs::write(&source, "int main(void) { return 0; }\n").expect("OUT_DIR is ours to write");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    Command::new(compiler)
        .arg(&source)
        .arg(format!("-l{library}"))
        .arg("-o")
        .arg(out.join("probe"))
        .output()
        .is_ok_and(|done| done.status.success())
}
