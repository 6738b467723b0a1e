//! Orders that pass together or not at all: what passing changed beside the counters, to be put back.
//!
//! Invariant: after [`LimitTree::undo_group`] tokens, remembered orders and warnings stand as at the group's begin; holds and
//! reserves are given back by whoever has them. Outside a group nothing is noted.

use records::LEGS_MAX;

use crate::cells::RateCell;
use crate::path::COUNTERS_MAX;
use crate::recent::Noted;
use crate::tree::LimitTree;

/// What was changed since the group began, oldest first.
#[derive(Debug)]
pub(crate) struct Group {
    is_open: bool,
    rates: Vec<(u32, RateCell)>,
    orders: Vec<Noted>,
    warnings: usize,
}

impl Group {
    pub fn new() -> Self {
        let (rates, orders) = (Vec::with_capacity(LEGS_MAX * COUNTERS_MAX), Vec::with_capacity(LEGS_MAX));
        Self { is_open: false, rates, orders, warnings: 0 }
    }

    /// A token is about to be taken.
    #[inline]
    pub fn takes(&mut self, slot: u32, cell: &RateCell) {
        if self.is_open {
            self.rates.push((slot, *cell));
        }
    }

    /// An order was remembered.
    #[inline]
    pub fn noted(&mut self, noted: Noted) {
        if self.is_open {
            self.orders.push(noted);
        }
    }
}

impl LimitTree {
    /// From here on, up to [`LEGS_MAX`] orders pass together or not at all.
    pub fn begin_group(&mut self) {
        assert!(!self.group.is_open, "a group within a group");
        self.group.is_open = true;
        self.group.warnings = self.warnings.count();
    }

    /// They passed.
    pub fn keep_group(&mut self) {
        self.group.rates.clear();
        self.group.orders.clear();
        self.group.is_open = false;
    }

    /// One of them did not: no token was taken and no order remembered.
    #[cold]
    pub fn undo_group(&mut self) {
        let Self { group, rates, recent, warnings, .. } = self;
        for (slot, cell) in group.rates.iter().rev() {
            rates[*slot as usize] = *cell;
        }
        for noted in group.orders.iter().rev() {
            recent.undo(noted);
        }
        warnings.take_back(group.warnings);
        self.keep_group();
    }
}
