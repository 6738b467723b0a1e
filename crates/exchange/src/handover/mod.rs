//! How a running exchange gives its place to another process of this host: the one that comes follows the journal until it is level
//! and its state is the same; then the one that has the place stops, says what it has, gives its sockets, and gives the place up.
//!
//! ```text
//! Taker                                    Giver
//! Hello, version        ─────────────────▶
//! Compare               ─────────────────▶ (trades on)
//!                       ◀───────────────── Mark
//! MakeWay               ─────────────────▶ takes nothing from here on
//!                       ◀───────────────── Part: a port each, the feed, the snapshots, with their sockets
//!                       ◀───────────────── Last: since when nothing is taken, and the mark
//! Equal                 ─────────────────▶
//!                       ◀───────────────── Yours: from here on it writes nothing
//! Begun                 ─────────────────▶ is over
//! ```
//!
//! Invariant: one of both has the place. The giver has it until its word `Yours` is in the line, and again only when the line broke
//! before it heard `Begun`: then the taker's process is gone, and the giver begins from the journal as after a death. Until `Yours`
//! the taker has written nothing, so the giver goes on as if nothing had been.

mod giver;
mod taker;
mod words;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use crate::fold::Mark;

pub(crate) use giver::{Giver, Turn};
pub(crate) use taker::{Taken, Taker, begun};
pub(crate) use words::{Said, Words};

/// Of what both say to one another.
pub const VERSION: u64 = 1;

/// Kinds of messages.
mod kind {
    pub const HELLO: u64 = 1;
    pub const COMPARE: u64 = 2;
    pub const MARK: u64 = 3;
    pub const MAKE_WAY: u64 = 4;
    pub const PART: u64 = 5;
    pub const LAST: u64 = 6;
    pub const EQUAL: u64 = 7;
    pub const YOURS: u64 = 8;
    pub const BEGUN: u64 = 9;
}

/// Where a tile stands, as its counter `handover.stage` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has the place.
    Keeps = 0,
    /// It follows.
    Follows = 1,
    /// It is level, and its state is the same.
    Compared = 2,
    /// It has the place and takes nothing.
    Gives = 3,
    /// It gave the place.
    Gave = 4,
    /// It took the place.
    Took = 5,
    /// It will not take the place: `handover.why`.
    Gone = 6,
}

/// Why a taker does not take the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its state differs.
    Differs = 1,
    /// The other one keeps its place: the line is over.
    Kept = 2,
    /// What the other one says is not known here.
    Unknown = 3,
    /// The journal cannot be followed.
    Journal = 4,
}

/// What a part of a tile gives: words and sockets.
pub(crate) type Part = (Words, Vec<OwnedFd>);

/// What was given, in the order of the configuration.
pub(crate) type Parts = std::vec::IntoIter<(Vec<u8>, VecDeque<OwnedFd>)>;

fn write_mark(words: Words, mark: &Mark) -> Words {
    words.number(mark.sequence).number(mark.hash).number(mark.feed).numbers(mark.said.iter().copied())
}

fn read_mark(said: &mut Said<'_>) -> Option<Mark> {
    let (sequence, hash, feed, said) = (said.number()?, said.number()?, said.number()?, said.numbers()?);
    Some(Mark { sequence, hash, feed, said })
}
