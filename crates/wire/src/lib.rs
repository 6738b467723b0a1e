//! One module a protocol, generated from the wire tables; no I/O.
