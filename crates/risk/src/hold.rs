//! What one order holds. The engine keeps it with the order and hands it to every event.
//!
//! Invariant: `held_lots` is the most that this order can still trade at the venue, whichever of its versions the venue has
//! in hand: the open lots, or while a replace is under way the larger outcome of the two. A pure function of the fields, so
//! that a hold can be neither forgotten nor released twice.

use records::Side;
use records::broken::{Variant, is_broken};

use crate::types::Binding;

/// Where in its life an order's hold is.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The order is gone and nothing is held: also what an unused slot has.
    #[default]
    Closed = 0,
    /// Sent, working or unknown.
    Open = 1,
    /// As open, and a replace is not yet answered.
    Replacing = 2,
    /// Gone at the venue; fills that it counted are still to arrive.
    Draining = 3,
}

records::state_codes!(Phase { Closed, Open, Replacing, Draining });

/// Exposure held for one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// Lots open as the venue last confirmed, less the fills booked since. Below zero while a replacement's lots fill before
    /// its answer arrives.
    pub(crate) open_lots: i64,
    /// Lots open if the replace takes effect; 0 when none is under way.
    pub(crate) asked_lots: i64,
    /// The worst price at which the open lots may trade, without sign.
    pub(crate) price_nanos: i64,
    /// The same of the replacement.
    pub(crate) asked_price_nanos: i64,
    /// Index of the binding; 0 in an unused slot.
    pub(crate) binding: u32,
    /// A [`Side`] code.
    pub(crate) side: u8,
    pub(crate) phase: Phase,
    /// The venue's replace quantity is what remains, not the total.
    pub(crate) replace_remaining: bool,
}

records::state_value!(Hold {
    open_lots,
    asked_lots,
    price_nanos,
    asked_price_nanos,
    binding,
    side,
    phase,
    replace_remaining,
});

impl Hold {
    pub(crate) fn new(binding: Binding, side: Side, lots: i64, price_nanos: i64, replace_remaining: bool) -> Self {
        Self {
            open_lots: lots,
            asked_lots: 0,
            price_nanos,
            asked_price_nanos: 0,
            binding: binding.0,
            side: side.code(),
            phase: Phase::Open,
            replace_remaining,
        }
    }

    /// Lots this order counts for, on its side.
    #[inline]
    pub fn held_lots(&self) -> i64 {
        let most = match self.phase {
            Phase::Closed => 0,
            Phase::Open | Phase::Draining => self.open_lots,
            Phase::Replacing => self.most_while_replacing(),
        };
        most.max(0)
    }

    /// Where the venue takes the total, one of the two versions trades: the larger. Where it takes what remains, all but one
    /// lot may fill before the replace arrives, which then opens `asked_lots` anew (ESCROW: `o − 1 + n`).
    #[inline]
    fn most_while_replacing(&self) -> i64 {
        if is_broken(Variant::ReplacementHeldAtAnswer) {
            return self.open_lots;
        }
        let replaced = if self.replace_remaining { self.open_lots - 1 + self.asked_lots } else { self.asked_lots };
        self.open_lots.max(replaced)
    }

    /// The price at which the held lots count.
    #[inline]
    pub fn held_price_nanos(&self) -> i64 {
        match self.phase {
            Phase::Replacing => self.price_nanos.max(self.asked_price_nanos),
            _ => self.price_nanos,
        }
    }

    /// The binding it belongs to.
    #[inline]
    pub fn binding(&self) -> Binding {
        Binding(self.binding)
    }

    /// The order's side.
    ///
    /// # Panics
    /// On an unused slot: our own bug.
    #[inline]
    pub fn side(&self) -> Side {
        Side::from_code(self.side).expect("a hold without side")
    }

    /// Where in its life it is.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the order may still be alive at the venue.
    #[inline]
    pub fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Replacing)
    }

    #[inline]
    pub(crate) fn ask_replace(&mut self, lots: i64, price_nanos: i64) {
        self.phase = Phase::Replacing;
        self.asked_lots = lots;
        self.asked_price_nanos = price_nanos;
    }

    #[inline]
    pub(crate) fn fill(&mut self, lots: i64) {
        self.open_lots -= lots;
        if self.phase == Phase::Replacing && !self.replace_remaining {
            self.asked_lots -= lots; // A total includes what was filled.
        }
    }

    pub(crate) fn reduce(&mut self, lots: i64) {
        self.open_lots = (self.open_lots - lots).max(self.open_lots.min(0));
    }

    pub(crate) fn replaced(&mut self, leaves_lots: i64, unbooked_lots: i64) {
        let price_nanos = if leaves_lots >= 0 && unbooked_lots == 0 {
            self.asked_price_nanos
        } else {
            self.held_price_nanos() // Fills still to come may be the old version's.
        };
        self.open_lots = match (leaves_lots, self.replace_remaining) {
            (0.., _) => leaves_lots + unbooked_lots,
            (_, false) => self.asked_lots,
            (_, true) => self.held_lots(),
        };
        self.price_nanos = price_nanos;
        self.end_replace();
    }

    pub(crate) fn end_replace(&mut self) {
        self.phase = Phase::Open;
        self.asked_lots = 0;
        self.asked_price_nanos = 0;
    }

    pub(crate) fn close(&mut self, unbooked_lots: i64) {
        self.price_nanos = self.held_price_nanos();
        self.end_replace();
        self.open_lots = unbooked_lots;
        self.phase = if unbooked_lots > 0 { Phase::Draining } else { Phase::Closed };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(lots: i64, remaining: bool) -> Hold {
        Hold::new(Binding(1), Side::Buy, lots, 100, remaining)
    }

    #[test]
    fn a_replace_by_total_holds_the_larger_until_the_answer() {
        for (asked, held) in [(4, 10), (10, 10), (25, 25)] {
            let mut order = hold(10, false);
            order.ask_replace(asked, 120);
            assert_eq!((order.held_lots(), order.held_price_nanos()), (held, 120));
            order.replaced(asked, 0);
            assert_eq!((order.held_lots(), order.held_price_nanos()), (asked, 120));
        }
    }

    #[test]
    fn a_replace_by_remainder_holds_all_but_one_plus_the_new() {
        for (open, asked, held) in [(10, 4, 13), (10, 1, 10), (1, 7, 7), (3, 5, 7)] {
            let mut order = hold(open, true);
            order.ask_replace(asked, 90);
            assert_eq!(order.held_lots(), held, "{open} {asked}");
            order.fill(1);
            assert_eq!(order.held_lots(), held - 1);
        }
    }

    #[test]
    fn the_replacements_fills_may_overtake_its_answer() {
        let mut order = hold(4, false);
        order.ask_replace(10, 100);
        order.fill(6);
        assert_eq!(order.held_lots(), 4);
        order.replaced(4, 0);
        assert_eq!(order.held_lots(), 4);
    }

    #[test]
    fn an_answer_that_overtakes_a_fill_keeps_it_held() {
        let mut order = hold(10, false);
        order.ask_replace(6, 80);
        order.replaced(3, 3); // The venue counts three fills that we have not seen: at the old price, maybe.
        assert_eq!((order.held_lots(), order.held_price_nanos()), (6, 100));
        let mut order = hold(10, false);
        order.close(4);
        assert_eq!((order.held_lots(), order.phase()), (4, Phase::Draining));
    }
}
