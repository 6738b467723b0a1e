//! Codecs made by tools/gen.py from the wire tables of `venues/*/wire`.

pub mod itch50;
pub mod moldudp64;
pub mod ouch50;
pub mod soupbin;
