//! Switches that each take one rule out of the platform, for a build that exists to show that the simulator notices.
//!
//! Invariant: without the feature `broken`, which nothing but the simulator's own test build asks for, no rule can be taken out:
//! the question is answered by a constant, and `make tidy` shows that no other crate names the feature.

macro_rules! variants {
    ($($name:ident = $word:literal: $rule:literal;)*) => {
        /// A rule that is taken out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Variant {
            $(#[doc = $rule] $name,)*
        }

        impl Variant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on a command line.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The rule that it takes out.
            pub const fn rule(self) -> &'static str {
                match self {
                    $(Self::$name => $rule,)*
                }
            }
        }
    };
}

variants! {
    FillsBookedAgain = "fills_booked_again": "ESCROW 2: a fill is booked once by its execution's id.";
    OlderEpochsTaken = "older_epochs_taken": "DESIGN 3: gateways refuse older epochs.";
    EpochForgotten = "epoch_forgotten": "DESIGN 3: a gateway that starts again goes on refusing the epochs that it refused.";
    UnknownOrdersReleased = "unknown_orders_released": "ESCROW 2: an order of which nobody can say anything keeps its hold.";
    CancelPresumed = "cancel_presumed": "ESCROW 2: a cancel releases nothing until the venue says so.";
    ReplacementHeldAtAnswer = "replacement_held_at_answer": "ESCROW 2: until a replace is answered the larger of old and new is held.";
    OrdersNotHeld = "orders_not_held": "DESIGN 5: hold first, before the order exists for anyone else.";
    ReplacementsUnchecked = "replacements_unchecked": "DESIGN 5: the check runs before every order, replacements included.";
    OpenLotsNotCounted = "open_lots_not_counted": "DESIGN 5: worst case counts position and all that is open.";
    InputsNotJournaled = "inputs_not_journaled": "DESIGN 3: each input is journaled before it is folded.";
    VenueNotJournaled = "venue_not_journaled": "DESIGN 3, of the exchange's one input: a command is journaled before it is matched.";
    SilentEngineKept = "silent_engine_kept": "DESIGN 4: a gateway that hears nothing from its engine pulls its orders.";
    MissedReportsNotAsked = "missed_reports_not_asked": "DESIGN 3: after a loss the venue's truth is replayed from where it was heard last.";
    FeedMessagesTakenAgain = "feed_messages_taken_again": "FAILURES F: a message of a feed is taken once, whichever line brings it.";
    FeedGapsSkipped = "feed_gaps_skipped": "FAILURES F: a gap in a feed is closed before anything behind it is believed.";
    CommandsBeforeDurable = "commands_before_durable": "DESIGN 3: a command is released when the input that caused it is durable.";
    FailedFlushBelieved = "failed_flush_believed": "DESIGN 3, of durability `disk`: what a device refused is not durable.";
    DamageBelieved = "damage_believed": "FAILURES F5, of the journal: what its checksum does not cover is never believed.";
    BustsNotBooked = "busts_not_booked": "FAILURES V4 and ESCROW 2: a trade that its venue breaks or corrects is booked so.";
    ReportsNotSaidAgain = "reports_not_said_again": "DESIGN 3: after a restart an engine is told the venue's truth, all of the day.";
}

/// Whether this rule is taken out.
#[cfg(not(feature = "broken"))]
#[inline(always)]
pub const fn is_broken(_variant: Variant) -> bool {
    false
}

#[cfg(feature = "broken")]
mod chosen {
    use super::Variant;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Whether this rule is taken out.
    #[inline]
    pub fn is_broken(variant: Variant) -> bool {
        CHOSEN.load(Ordering::Relaxed) == variant as usize
    }

    /// Takes this rule out of the whole process, and puts every other one back; `None`: all are there.
    pub fn break_rule(variant: Option<Variant>) {
        CHOSEN.store(variant.map_or(usize::MAX, |variant| variant as usize), Ordering::Relaxed);
    }
}

#[cfg(feature = "broken")]
pub use chosen::{break_rule, is_broken};
