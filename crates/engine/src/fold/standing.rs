//! Whether this engine may open positions, by what the coordination store and the gateways say of it.
//!
//! Invariant: an engine whose epoch nobody confirmed, or that runs other reference data than the store names, only reduces
//! positions; one that was shown a newer epoch sends nothing new, for as long as it lives: another is in its place. One that takes
//! another's place sends nothing new to anybody before every gateway obeys it, and nobody can obey the other one any more.

use records::{EngineStart, EpochSet, KillNew, OrderEvent, Reason, ReferenceSet};

use super::Engine;
use super::control::{APPLIED, OLDER, REFUSED};
use crate::outbox::Outbox;

type Version = (u64, u64);

/// What is known of an engine's place among others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// No store has confirmed the epoch.
    pub unconfirmed: bool,
    /// A newer epoch was seen.
    pub fenced: bool,
    /// The store names other reference data.
    pub reference_differs: bool,
    /// It takes another engine's place, and a gateway does not obey it yet.
    pub unobeyed: bool,
    epoch_version: Version,
    reference: [u8; 32],
    reference_version: Version,
}

records::state_value!(Standing {
    unconfirmed,
    fenced,
    reference_differs,
    unobeyed,
    epoch_version,
    reference,
    reference_version
});

impl Standing {
    /// As heartbeats tell it.
    pub const fn bits(self) -> u8 {
        self.unconfirmed as u8
            | (self.fenced as u8) << 1
            | (self.reference_differs as u8) << 2
            | (self.unobeyed as u8) << 3
    }

    const fn ceiling(self) -> KillNew {
        match (self.fenced || self.unobeyed, self.unconfirmed || self.reference_differs) {
            (true, _) => KillNew::None,
            (false, true) => KillNew::ReduceOnly,
            (false, false) => KillNew::Allow,
        }
    }
}

impl Engine {
    /// What is known of this engine's place among others.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    fn settle_standing(&mut self) {
        self.limits.set_ceiling(self.standing.ceiling());
        self.exposures += 1;
    }

    /// A life begins, with an epoch that a store gave or that nobody has confirmed.
    pub(super) fn standing_at_start(&mut self, record: &EngineStart) {
        let known = &mut self.standing;
        (known.unconfirmed, known.fenced) = (record.unconfirmed == 1, false);
        known.unobeyed = record.takes_over == 1;
        known.reference = record.reference_hash;
        // What the store said before is looked at again when it is told to this life.
        (known.reference_differs, known.reference_version, known.epoch_version) = (false, (0, 0), (0, 0));
        self.settle_standing();
        self.look_for_obedience();
    }

    /// Whether every gateway that orders go to obeys this life's epoch.
    pub(super) fn look_for_obedience(&mut self) {
        let own = self.identity.epoch;
        let unobeyed = || self.venues.iter().any(|cell| cell.guard.has_rules() && cell.obeys < own);
        if self.standing.unobeyed && !unobeyed() {
            self.standing.unobeyed = false;
            self.settle_standing();
        }
    }

    /// Its journal's epoch again, where no store was there to give another.
    pub(super) fn standing_again(&mut self) {
        (self.standing.unconfirmed, self.standing.epoch_version) = (true, (0, 0));
        self.settle_standing();
    }

    pub(super) fn on_epoch_set(&mut self, record: &EpochSet, out: &mut dyn Outbox) {
        let version = (record.generation, record.revision);
        let own = self.identity.epoch;
        let outcome = match record.epoch {
            // A store that is behind this engine confirms nothing.
            epoch if epoch < own => REFUSED,
            _ if version <= self.standing.epoch_version => OLDER,
            epoch => {
                self.standing.epoch_version = version;
                self.standing.unconfirmed &= epoch != own;
                self.standing.fenced |= epoch > own;
                self.settle_standing();
                APPLIED
            }
        };
        self.applied(record, u32::from(record.epoch), (version.0, version.1, 0), outcome, out);
    }

    pub(super) fn on_reference_set(&mut self, record: &ReferenceSet, out: &mut dyn Outbox) {
        let version = (record.generation, record.revision);
        let newer = version > self.standing.reference_version;
        if newer {
            self.standing.reference_version = version;
            self.standing.reference_differs = record.hash != self.standing.reference;
            self.settle_standing();
        }
        let outcome = match (self.standing.reference_differs, newer) {
            (true, _) => REFUSED,
            (false, true) => APPLIED,
            (false, false) => OLDER,
        };
        self.applied(record, 0, (version.0, version.1, 0), outcome, out);
    }

    /// A gateway refuses what this life sends: it has heard an engine of a newer epoch.
    pub(super) fn look_for_fence(&mut self, event: &OrderEvent) {
        let own = (event.owner.shard, event.owner.epoch) == (self.identity.shard, self.identity.epoch);
        if event.reason == Reason::StaleEpoch.code() && own && !self.standing.fenced {
            self.standing.fenced = true;
            self.settle_standing();
        }
    }
}
