//! How far each limit is used, and what is in force: for those who watch, never for an order.
//!
//! Invariant: a use is derived from the same counters that refuse; it is asked limit by limit, so that a caller can spread
//! the work over passes.

use records::{Kind, Metric, Side};

use crate::hold::Hold;
use crate::limits::Limit;
use crate::tree::LimitTree;
use crate::types::{Binding, Usage};

/// Something that was configured and its version: what a newer one is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Kind of the control record.
    pub control: Kind,
    /// Limit, node or instrument that it is about.
    pub subject: u32,
    /// Venue selected, 0: all.
    pub venue: u16,
    /// What is selected, 0: all.
    pub selected: u32,
    /// Generation and revision.
    pub version: (u64, u64),
}

impl LimitTree {
    /// Places of limits, removed ones included: what [`Self::usage`] is asked for, from 0.
    pub fn limits_count(&self) -> u32 {
        self.limits.count()
    }

    /// The place of a limit.
    pub fn limit_place(&self, limit: u32) -> Option<u32> {
        self.limits.place(limit)
    }

    /// The use of the limit at a place; `None` where it was removed.
    pub fn usage(&self, place: u32) -> Option<Usage> {
        let limit = self.limits.get(place);
        if limit.removed {
            return None;
        }
        let (filled, open, instrument) = match limit.metric {
            Metric::PositionLong => self.least_left(limit, Side::Buy),
            Metric::PositionShort => self.least_left(limit, Side::Sell),
            Metric::GrossExposure | Metric::DailyValue | Metric::DailyQuantity | Metric::OpenOrders => {
                self.counted(limit)
            }
            _ => (0, 0, 0),
        };
        Some(Usage {
            limit: limit.id,
            node: limit.node,
            metric: limit.metric,
            global: limit.global,
            bound: limit.in_force(),
            filled,
            open,
            instrument,
        })
    }

    /// Hands over every limit in force with its use.
    pub fn usages(&self, take: &mut dyn FnMut(Usage)) {
        (0..self.limits_count()).filter_map(|place| self.usage(place)).for_each(take);
    }

    /// How much of a limit's use one order holds, 0 where it is not concerned.
    pub fn held_of(&self, usage: &Usage, hold: &Hold) -> i128 {
        let path = self.path(hold.binding());
        let place = self.limits.place(usage.limit);
        let Some(limit) = place.map(|place| self.limits.get(place)) else { return 0 };
        let there = path.nodes.as_slice().contains(&limit.node) && limit.selector.matches(&path.subject);
        let apart = usage.instrument == 0 || usage.instrument == path.subject.instrument;
        if !there || !apart {
            return 0;
        }
        match limit.metric {
            Metric::PositionLong if hold.side() == Side::Buy => hold.held_lots().into(),
            Metric::PositionShort if hold.side() == Side::Sell => hold.held_lots().into(),
            Metric::DailyQuantity => hold.held_lots().into(),
            Metric::GrossExposure | Metric::DailyValue => {
                path.notional_nanos(hold.held_lots(), hold.held_price_nanos())
            }
            Metric::OpenOrders => i128::from(hold.is_alive()),
            _ => 0,
        }
    }

    /// Whether any order of a binding counts for a limit.
    pub fn concerns(&self, place: u32, binding: Binding) -> bool {
        let (limit, path) = (self.limits.get(place), self.path(binding));
        path.nodes.as_slice().contains(&limit.node) && limit.selector.matches(&path.subject)
    }

    /// Everything that was configured with a version, in force or ended.
    pub fn in_force(&self, take: &mut dyn FnMut(InForce)) {
        for place in 0..self.limits_count() {
            let limit = self.limits.get(place);
            let one = InForce {
                control: Kind::LimitSet,
                subject: limit.id,
                venue: limit.selector.venue,
                selected: limit.selector.selected,
                version: limit.version,
            };
            take(one);
            if limit.part.version != (0, 0) {
                take(InForce { control: Kind::Allocation, version: limit.part.version, ..one });
            }
        }
        for (subject, venue, selected, version) in self.kills.versions() {
            take(InForce { control: Kind::Kill, subject, venue, selected, version });
        }
        for (subject, venue, selected, version) in self.permissions.versions() {
            take(InForce { control: Kind::Permission, subject, venue, selected, version });
        }
        for (subject, version) in self.restricted.versions() {
            take(InForce { control: Kind::Restricted, subject, venue: 0, selected: 0, version });
        }
    }

    /// Booked and open lots of the instrument that has least left under a position limit. Nothing is booked before the first
    /// binding.
    fn least_left(&self, limit: &Limit, side: Side) -> (i128, i128, u32) {
        let Some(scope) = self.scope_at((limit.selector.venue, limit.selector.trader)) else { return (0, 0, 0) };
        let mut worst: Option<(i64, u32, usize)> = None;
        for (at, key) in self.position_keys.iter().enumerate() {
            if (key.0, key.1) != (limit.node, scope) || !self.selects(limit, key.2) {
                continue;
            }
            let worst_lots = self.positions[at].worst_lots(side, 0);
            if worst.is_none_or(|(most, ..)| worst_lots > most) {
                worst = Some((worst_lots, key.2, at));
            }
        }
        let Some((_, instrument, at)) = worst else { return (0, 0, 0) };
        let cell = &self.positions[at];
        let booked = i128::from(cell.position_lots) * i128::from(side.sign());
        (booked, cell.open_lots[side.index()].into(), instrument)
    }

    fn selects(&self, limit: &Limit, instrument: u32) -> bool {
        let known = self.reference_tables.instrument(instrument);
        known.is_some_and(|known| limit.selector.selects(instrument, known.underlying, known.sector))
    }

    fn counted(&self, limit: &Limit) -> (i128, i128, u32) {
        let Some(at) = self.find_total(limit.node, &limit.selector) else { return (0, 0, 0) };
        let cell = &self.totals[at as usize];
        match limit.metric {
            Metric::OpenOrders => (0, cell.orders.into(), 0),
            Metric::DailyQuantity => (cell.used_lots.into(), cell.held_lots.into(), 0),
            _ => (cell.used_nanos, cell.held_nanos, 0),
        }
    }
}
