//! The limit tree, the checks, exposure holds: the last pure decision before an order leaves the region.
//!
//! Invariant: an order that passes may fill completely, with all that is already open or unknown on its side, and every
//! limit that matches it still holds. What venues impose (busts, overfills) is booked at once and never clamped: that side
//! is then closed until it is inside again.
//!
//! How an engine uses it (all calls are deterministic; time is the engine's):
//!
//! ```text
//! let mut tree = LimitTree::new(Capacity::default());
//! tree.apply_tick_band(&r) / apply_definition / apply_listing / apply_node / apply_limit / apply_kill  -> Outcome
//! let binding = tree.bind(account_node, trader, venue, instrument)?;       // once per slot and listing; idempotent
//!
//! tree.check_new(binding, &NewOrder, now_ns, &Reference) -> Result<Hold, Refusal>   // holds on success: keep it with the order
//! tree.check_replace(&mut hold, total_lots, filled_lots, price_nanos, now_ns, &Reference) -> Result<(), Refusal>
//! tree.count_cancel(binding, now_ns)                                       // cancels are never refused
//!
//! tree.on_fill(&mut hold, lots, price_nanos) -> i64                        // lots beyond the hold: 0, or an overfill
//! tree.on_reduced(&mut hold, lots_off)                                     // restated, decremented, partly cancelled
//! tree.on_replaced(&mut hold, leaves_lots, unbooked_lots)                  // the answer to a replace
//! tree.on_replace_rejected(&mut hold)                                      // also: the replace was not sent
//! tree.on_closed(&mut hold, unbooked_lots)                                 // exactly once: filled, cancelled, expired, rejected, not sent
//! // unknown state, cancel asked, disconnect: no call; nothing moves
//! tree.on_bust(binding, side, lots); tree.on_correction(binding, side, old_lots, old_price, new_lots, new_price)
//! tree.adopt_position(binding, lots); tree.adopt_order(binding, side, lots, price_nanos) -> Hold
//!
//! tree.reserve(binding, &NewOrder, Purpose, now_ns, &Reference) -> Result<Reserve, Refusal>   // for an order that leaves later
//! tree.set_reserve(&mut reserve, lots, spare_lots, orders)                 // as facts change it; unchecked, no more than it had
//! tree.begin_group() / keep_group() / undo_group()                         // orders that pass together or not at all
//!
//! tree.headroom(binding) -> (buy_lots, sell_lots); tree.account_position(binding) -> i64
//! tree.kill_fields(binding) -> KillFields; tree.increases(&hold) -> bool   // for "cancel increasing"
//! tree.take_warning() -> Option<Warning>; tree.usages(&mut |Usage|); tree.day_roll(); tree.hash(&mut Hash64)
//! ```
//!
//! `unbooked_lots`: lots that the venue counts as filled and whose fills we have not booked yet (its cumulative quantity
//! minus ours; or what was open minus what it took off). They stay held until their fills arrive.

pub mod bench;
mod binding_limit;
mod cells;
mod check;
mod checked;
mod events;
mod group;
mod hold;
mod limits;
mod nodes;
mod own_book;
mod path;
mod permits;
mod recent;
mod reference_data;
mod reserve;
mod tree;
mod types;
mod usage;
mod warnings;

pub use binding_limit::{Allowance, Headroom};
pub use hold::{Hold, Phase};
pub use reserve::{Purpose, Reserve};
pub use tree::LimitTree;
pub use types::{Binding, Capacity, Exposure, KillFields, Outcome, Reference, Refusal, Refused, Usage, Warning};
pub use usage::InForce;
