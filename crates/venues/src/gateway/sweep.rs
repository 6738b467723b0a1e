//! Mass cancels, and pulling the orders of an engine that fell silent: passes over the session's orders.
//!
//! Invariant: a sweep ends when every order that was open when it began was told to go, or is gone; it waits while the session
//! is down. While the engine is silent one sweep follows the other, whatever became of what the last one asked for: a venue may
//! refuse a cancel, a connection may lose it, an order may come to be known later.

use records::broken::{Variant, is_broken};
use records::{MassCancel, Owner, Reason};

use super::orders::{Entry, Phase};
use super::{GatewayTile, Protocol};

/// Sweeps under way at once.
pub const SWEEPS_MAX: usize = 8;
/// Orders looked at in one cycle of a sweep.
const ORDERS_A_CYCLE: usize = 256;
/// What a silent engine has open is asked for again so often.
const PULL_AGAIN_NS: u64 = 1_000_000_000;

/// A pass over the session's orders that cancels those that match; zero fields match all.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Whose.
    pub owner: Owner,
    /// Of which instrument.
    pub instrument: u32,
    /// Of which side.
    pub side: u8,
    /// The engine is silent.
    pub pulled: bool,
    /// The venue was asked to do it with one message, and will not.
    pub one_by_one: bool,
    /// Orders that were told to go are told again.
    again: bool,
    next_ref: u32,
}

impl Sweep {
    /// A mass cancel's.
    pub fn of(order: &MassCancel) -> Self {
        let (instrument, side) = (order.header.instrument, order.side);
        Self { owner: order.owner, instrument, side, ..Self::everything(false) }
    }

    /// Every order; `pulled`: because the engine is silent.
    pub fn everything(pulled: bool) -> Self {
        Self { owner: Owner::zeroed(), instrument: 0, side: 0, pulled, one_by_one: false, again: false, next_ref: 1 }
    }

    /// Whether an order is one of those.
    pub fn matches(&self, entry: &Entry) -> bool {
        let same = |wanted: u32, found: u32| wanted == 0 || wanted == found;
        same(self.owner.strategy, entry.owner.strategy)
            && same(self.owner.account, entry.owner.account)
            && same(self.owner.trader, entry.owner.trader)
            && same(u32::from(self.owner.desk), u32::from(entry.owner.desk))
            && same(u32::from(self.owner.firm), u32::from(entry.owner.firm))
            && same(self.instrument, entry.instrument)
            && same(u32::from(self.side), u32::from(entry.side))
    }

    /// Whether it asks for all owners' orders, so that a venue can do it with one message.
    pub fn is_of_all_owners(&self) -> bool {
        let owner = &self.owner;
        (owner.strategy, owner.account, owner.trader, owner.desk, owner.firm) == (0, 0, 0, 0, 0)
    }

    /// Begins again: the numbers of the orders changed.
    pub fn begin_again(&mut self) {
        self.next_ref = 1;
    }
}

impl<P: Protocol> GatewayTile<P> {
    /// Starts a sweep. One more than [`SWEEPS_MAX`] widens the last of them to everything: cancelling too much is safe.
    pub(super) fn on_mass_cancel(&mut self, order: &MassCancel, now_ns: u64) {
        if order.owner.epoch < self.core.epoch {
            self.core.counts.stale_epoch.add(1);
            return;
        }
        self.obey(order.owner.epoch, now_ns);
        let sweeps = self.protocol.sweeps();
        if sweeps.len() < SWEEPS_MAX {
            sweeps.push(Sweep::of(order));
        } else {
            sweeps[SWEEPS_MAX - 1] = Sweep::everything(false);
        }
    }

    /// An engine that says nothing any more has its orders pulled, again and again until it is heard.
    pub(super) fn watch_engine(&mut self, now_ns: u64) {
        let silent = now_ns.saturating_sub(self.heard_engine_ns) > self.core.config.engine_silence_ns_max
            && !is_broken(Variant::SilentEngineKept);
        let sweeps = self.protocol.sweeps();
        if !silent || sweeps.len() >= SWEEPS_MAX {
            return;
        }
        if !self.engine_silent {
            self.engine_silent = true;
            self.core.events.set_unheard(true);
            self.pulled_ns = now_ns;
            sweeps.push(Sweep::everything(true));
            self.protocol.drop_set(&mut self.core, Reason::EngineSilent, now_ns);
        } else if sweeps.is_empty() && now_ns.saturating_sub(self.pulled_ns) >= PULL_AGAIN_NS {
            self.pulled_ns = now_ns;
            sweeps.push(Sweep { again: true, one_by_one: true, ..Sweep::everything(true) });
        }
    }

    /// Goes on with mass cancels and pulls, as far as the session has room.
    pub(super) fn sweep(&mut self, now_ns: u64) -> usize {
        if !self.core.recovered {
            return 0;
        }
        let Some(mut sweep) = self.protocol.sweeps().first().copied() else { return 0 };
        self.end_set(true, now_ns);
        if !sweep.one_by_one && self.protocol.cancel_many(&sweep, &mut self.core, now_ns) {
            self.protocol.sweeps().remove(0);
            return 1;
        }
        let (mut work, mut ended) = (0, false);
        for _ in 0..ORDERS_A_CYCLE {
            ended = sweep.next_ref >= self.protocol.orders().next_ref();
            if ended || !self.has_output_room() {
                break;
            }
            // The session ended under it: this order is the first one that the next session is told of.
            let Ok(told) = self.sweep_one(&sweep, now_ns) else { break };
            work += usize::from(told);
            sweep.next_ref += 1;
            if self.protocol.is_set_full() {
                self.end_set(false, now_ns);
            }
        }
        self.end_set(false, now_ns);
        if ended {
            self.protocol.sweeps().remove(0);
            if sweep.pulled {
                self.pulled_ns = now_ns;
            }
            return work + 1;
        }
        // The first of this sweep went alone, so the others do.
        sweep.one_by_one = true;
        self.protocol.sweeps()[0] = sweep;
        work.max(1)
    }

    /// Tells one order to go, where it is one of the sweep's; whether it was told.
    ///
    /// # Errors
    /// When the session does not take it now.
    fn sweep_one(&mut self, sweep: &Sweep, now_ns: u64) -> Result<bool, ()> {
        let Some(entry) = self.protocol.orders().get(sweep.next_ref) else { return Ok(false) };
        if entry.phase == Phase::Gone || (entry.cancelling && !sweep.again) || !sweep.matches(entry) {
            return Ok(false);
        }
        entry.pulled |= sweep.pulled;
        if self.protocol.cancel(sweep.next_ref, 0, now_ns).is_err() {
            return Ok(false);
        }
        match self.protocol.send(now_ns) {
            Ok(()) => {}
            Err(Reason::Closed | Reason::BackPressure) => {
                let entry = self.protocol.orders().get(sweep.next_ref);
                entry.into_iter().for_each(|entry| entry.cancelling = false);
                return Err(());
            }
            Err(_) => return Ok(false),
        }
        if sweep.pulled {
            self.core.counts.pulled.add(1);
        }
        Ok(true)
    }
}
