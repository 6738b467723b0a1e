//! The tree's state and how it is configured: reference data, nodes, limits, kills, bindings.
//!
//! Invariant: the bindings' exposures are the truth; every counter is their exact sum over its scope, rebuilt from them
//! whenever a limit changes. All memory is taken in `new`.

use records::{
    Allocation, Definition, Hash64, IdMap, Kill, KillNew, LimitSet, Listing, Metric, Node, Permission, Restricted,
    TickBand,
};

use crate::cells::{PositionCell, RateCell, Slots, TotalCell};
use crate::group::Group;
use crate::limits::{KillTable, LimitTable, Selector, Subject};
use crate::nodes::{LEVELS, List, Nodes};
use crate::own_book::OwnBook;
use crate::path::{COUNTERS_MAX, Counter, Gathered, Path, Scope, TotalScope, gather};
use crate::permits::{Permissions, RestrictedList};
use crate::recent::Recent;
use crate::reference_data::ReferenceTables;
use crate::types::{Binding, Capacity, Exposure, KillFields, Outcome, Refused};
use crate::warnings::Warnings;

/// Limits of the firm, resolved to counters. See the crate's page for how an engine uses it.
#[derive(Debug)]
pub struct LimitTree {
    capacity: Capacity,
    pub(crate) reference_tables: ReferenceTables,
    nodes: Nodes,
    pub(crate) limits: LimitTable,
    /// The holder of global parts that this engine is, 0: none yet.
    holder: u32,
    pub(crate) kills: KillTable,
    pub(crate) permissions: Permissions,
    pub(crate) restricted: RestrictedList,
    /// What new orders may do at most, whatever the kill fields allow.
    ceiling: KillNew,
    /// Index 0 is unused: an unused hold names it.
    pub(crate) paths: Vec<Path>,
    path_by_key: IdMap<u32>,
    /// Pairs of account and trader, and pairs of venue and trader selected, in the order in which they came.
    owners: Vec<(u32, u32)>,
    scopes: Vec<(u16, u32)>,
    pub(crate) positions: Vec<PositionCell>,
    /// The limits behind the bounds of each, by side.
    pub(crate) position_slots: Vec<[Slots; 2]>,
    /// Node, place of the pair of venue and trader, and instrument of each.
    pub(crate) position_keys: Vec<(u32, u32, u32)>,
    position_by_key: IdMap<u32>,
    pub(crate) totals: Vec<TotalCell>,
    /// Node and selector of each.
    total_keys: Vec<(u32, Selector)>,
    /// By the limit's slot.
    pub(crate) rates: Box<[RateCell]>,
    pub(crate) recent: Recent,
    pub(crate) own: OwnBook,
    pub(crate) warnings: Warnings,
    pub(crate) group: Group,
}

records::state!(LimitTree {
    reference_tables,
    nodes,
    limits,
    holder,
    kills,
    permissions,
    restricted,
    ceiling,
    paths,
    path_by_key,
    owners,
    scopes,
    positions,
    position_slots,
    position_keys,
    position_by_key,
    totals,
    total_keys,
    rates,
    recent,
    own,
    warnings,
} without {
    capacity,
    group,
});

impl LimitTree {
    /// Takes all the memory the tree will ever have.
    ///
    /// # Panics
    /// When a capacity is beyond what keys hold: 2^20 nodes, 2^24 instruments.
    pub fn new(capacity: Capacity) -> Self {
        assert!(capacity.nodes_max < 1 << 20 && capacity.instruments_max < 1 << 24);
        let cells_max = capacity.bindings_max * COUNTERS_MAX;
        let mut paths = Vec::with_capacity(capacity.bindings_max + 1);
        paths.push(Path::unused());
        Self {
            capacity,
            reference_tables: ReferenceTables::new(&capacity),
            nodes: Nodes::new(capacity.nodes_max),
            limits: LimitTable::new(capacity.limits_max, capacity.nodes_max),
            holder: 0,
            kills: KillTable::new(capacity.kills_max),
            permissions: Permissions::new(capacity.permissions_max),
            restricted: RestrictedList::new(capacity.instruments_max),
            ceiling: KillNew::Allow,
            paths,
            path_by_key: IdMap::with_capacity(capacity.bindings_max),
            owners: Vec::with_capacity(capacity.bindings_max),
            scopes: Vec::with_capacity(capacity.limits_max + 1),
            positions: Vec::with_capacity(cells_max),
            position_slots: Vec::with_capacity(cells_max),
            position_keys: Vec::with_capacity(cells_max),
            position_by_key: IdMap::with_capacity(cells_max),
            totals: Vec::with_capacity(capacity.limits_max),
            total_keys: Vec::with_capacity(capacity.limits_max),
            recent: Recent::new(capacity.recent_max),
            own: OwnBook::new(capacity.instruments_max),
            rates: vec![RateCell::EMPTY; capacity.limits_max].into_boxed_slice(),
            warnings: Warnings::new(),
            group: Group::new(),
        }
    }

    /// A row of a tick table; rows come in order.
    pub fn apply_tick_band(&mut self, record: &TickBand) -> Outcome {
        self.reference_tables.apply_tick_band(record)
    }

    /// An instrument. Once it is bound, only its activity, prior close, bands and names may change.
    pub fn apply_definition(&mut self, record: &Definition) -> Outcome {
        let instrument = record.header.instrument;
        let bound = self.paths.iter().any(|path| path.subject.instrument == instrument);
        let outcome = self.reference_tables.apply_definition(record, bound);
        if outcome == Outcome::Applied {
            self.refresh_listings(instrument);
        }
        outcome
    }

    /// An instrument at a venue, after its definition and its tick table.
    pub fn apply_listing(&mut self, record: &Listing) -> Outcome {
        let outcome = self.reference_tables.apply_listing(record);
        if outcome == Outcome::Applied {
            self.refresh_listings(record.header.instrument);
        }
        outcome
    }

    /// A node, after its parent. Applying it again changes nothing; moving it is refused.
    pub fn apply_node(&mut self, record: &Node) -> Outcome {
        self.nodes.apply(record)
    }

    /// A limit. Records up to one with `last_of_set` are one set: applied whole or not at all.
    pub fn apply_limit(&mut self, record: &LimitSet) -> Outcome {
        let node_known = self.nodes.level(record.node).is_some();
        match self.limits.take(record, node_known) {
            None => Outcome::InSet,
            Some(Err(refused)) => Outcome::Refused(refused),
            Some(Ok(false)) => Outcome::Older,
            Some(Ok(true)) if !self.every_path_fits() => {
                self.limits.undo();
                Outcome::Refused(Refused::Capacity)
            }
            Some(Ok(true)) => {
                self.set_rates();
                self.limits.keep();
                self.rebuild();
                Outcome::Applied
            }
        }
    }

    /// Which holder of global parts this engine is: its shard.
    pub fn set_holder(&mut self, holder: u32) {
        self.holder = holder;
    }

    /// This engine's part of a global limit. It is in force at once, also below what is used: that side is closed then until it
    /// is inside again.
    pub fn apply_allocation(&mut self, record: &Allocation) -> Outcome {
        if record.holder != self.holder || self.holder == 0 {
            return Outcome::Refused(Refused::Holder);
        }
        match self.limits.set_part(record) {
            Err(refused) => Outcome::Refused(refused),
            Ok(None) => Outcome::Older,
            Ok(Some(slot)) => {
                self.set_rate(slot);
                self.rebuild();
                Outcome::Applied
            }
        }
    }

    /// Who may trade what at a node.
    pub fn apply_permission(&mut self, record: &Permission) -> Outcome {
        if self.nodes.level(record.node).is_none() {
            return Outcome::Refused(Refused::Node);
        }
        let outcome = self.permissions.apply(record);
        if outcome == Outcome::Applied {
            self.refresh_gates(1);
        }
        outcome
    }

    /// An instrument on or off the restricted list; it need not be defined yet.
    pub fn apply_restricted(&mut self, record: &Restricted) -> Outcome {
        let outcome = self.restricted.apply(record);
        if outcome == Outcome::Applied {
            self.refresh_gates(1);
        }
        outcome
    }

    /// Kill fields of a node and selector.
    pub fn apply_kill(&mut self, record: &Kill) -> Outcome {
        if self.nodes.level(record.node).is_none() {
            return Outcome::Refused(Refused::Node);
        }
        let outcome = self.kills.apply(record);
        if outcome == Outcome::Applied {
            self.refresh_gates(1);
        }
        outcome
    }

    /// Bounds what new orders may do, whatever kill fields allow: where the engine itself must not go further.
    pub fn set_ceiling(&mut self, new_orders: KillNew) {
        if self.ceiling != new_orders {
            self.ceiling = new_orders;
            self.refresh_gates(1);
        }
    }

    /// Resolves (account, trader) at a listing. Asking again gives the same binding.
    ///
    /// # Errors
    /// [`Refused`] when the account is no account node, the listing is not known, or there is no room.
    pub fn bind(&mut self, account: u32, trader: u32, venue: u16, instrument: u32) -> Result<Binding, Refused> {
        let nodes = self.nodes.path(account).ok_or(Refused::Node)?;
        self.bind_path(nodes, account, trader, venue, instrument)
    }

    /// Resolves a listing for orders and fills whose account nobody knows: they count at the firm's node.
    ///
    /// # Errors
    /// [`Refused`] when there is no firm yet, the listing is not known, or there is no room.
    pub fn bind_unassigned(&mut self, venue: u16, instrument: u32) -> Result<Binding, Refused> {
        let nodes = self.nodes.firm_path().ok_or(Refused::Node)?;
        self.bind_path(nodes, 0, 0, venue, instrument)
    }

    fn bind_path(
        &mut self,
        nodes: List<LEVELS>,
        account: u32,
        trader: u32,
        venue: u16,
        instrument: u32,
    ) -> Result<Binding, Refused> {
        let definition = *self.reference_tables.instrument(instrument).ok_or(Refused::Instrument)?;
        let (listing, _) = self.reference_tables.listing(venue, instrument).ok_or(Refused::Listing)?;
        let owner = (account, trader);
        let owner_at = self.owners.iter().position(|known| *known == owner).unwrap_or(self.owners.len());
        let key = u64::from(listing) << 32 | (owner_at as u64 + 1);
        if let Some(path) = self.path_by_key.get(key) {
            return Ok(Binding(path));
        }
        if self.paths.len() > self.capacity.bindings_max {
            return Err(Refused::Capacity);
        }
        let subject =
            Subject { venue, instrument, underlying: definition.underlying, sector: definition.sector, trader };
        let gathered = gather(&self.limits, &self.nodes, nodes.as_slice(), &subject).ok_or(Refused::Capacity)?;
        let binding = self.paths.len() as u32;
        if owner_at == self.owners.len() {
            self.owners.push(owner);
        }
        assert!(self.path_by_key.insert(key, binding), "room was checked");
        let mut path = Path { nodes, subject, ..Path::unused() };
        path.identity = u64::from(account) << 32 | u64::from(instrument);
        self.place(&mut path, &gathered);
        self.paths.push(path);
        self.refresh_listings(instrument);
        self.refresh_gates(binding as usize);
        Ok(Binding(binding))
    }

    /// Day counters start again; holds of open orders and positions carry over.
    pub fn day_roll(&mut self) {
        for path in &mut self.paths {
            (path.exposure.gross_used_nanos, path.exposure.traded_lots) = (0, 0);
        }
        for cell in &mut self.totals {
            (cell.used_nanos, cell.used_lots) = (0, 0);
        }
    }

    /// What a binding has booked and holds.
    pub fn exposure(&self, binding: Binding) -> Exposure {
        self.path(binding).exposure
    }

    /// Booked lots of the binding's account in the instrument, over all venues and traders.
    #[inline]
    pub fn account_position(&self, binding: Binding) -> i64 {
        self.account_cell(binding).position_lots
    }

    /// Whose orders a binding checks, and where: account, trader, venue, instrument.
    pub fn bound(&self, binding: Binding) -> (u32, u32, u16, u32) {
        let path = self.path(binding);
        (path.nodes.as_slice()[0], path.subject.trader, path.subject.venue, path.subject.instrument)
    }

    /// The strictest kill fields along the binding's path.
    #[inline]
    pub fn kill_fields(&self, binding: Binding) -> KillFields {
        self.path(binding).kill
    }

    /// Adds everything that decides about later orders.
    #[allow(clippy::should_implement_trait)] // As every state of the fold is asked for its hash.
    pub fn hash(&self, hash: &mut Hash64) {
        for path in &self.paths[1..] {
            let exposure = &path.exposure;
            let open = [exposure.open_buy_lots, exposure.open_sell_lots, exposure.open_orders];
            for lots in [exposure.position_lots, exposure.traded_lots].into_iter().chain(open) {
                hash.word(lots as u64);
            }
            if exposure.spare_lots != 0 {
                hash.word(exposure.spare_lots as u64);
            }
            for nanos in [exposure.gross_used_nanos, exposure.gross_held_nanos] {
                hash.word(nanos as u64);
                hash.word((nanos >> 64) as u64);
            }
        }
        for (slot, limit) in self.limits.iter() {
            for word in [u64::from(limit.id), limit.value as u64, limit.version.0, limit.version.1] {
                hash.word(word);
            }
            let part = &limit.part;
            for word in [part.upper as u64, part.lower as u64, part.version.0, part.version.1] {
                hash.word(word);
            }
            hash.word(self.rates[slot as usize].full_at_ns);
        }
        self.kills.words().for_each(|word| hash.word(word));
        self.permissions.words().for_each(|word| hash.word(word));
        self.restricted.words().for_each(|word| hash.word(word));
        self.recent.words().for_each(|word| hash.word(word));
    }

    #[inline]
    pub(crate) fn path(&self, binding: Binding) -> &Path {
        assert!(binding.0 != 0, "an unused binding");
        &self.paths[binding.0 as usize]
    }

    #[inline]
    pub(crate) fn account_cell(&self, binding: Binding) -> &PositionCell {
        &self.positions[self.path(binding).counters.of(Counter::Position)[0] as usize]
    }

    fn every_path_fits(&self) -> bool {
        self.paths[1..]
            .iter()
            .all(|path| gather(&self.limits, &self.nodes, path.nodes.as_slice(), &path.subject).is_some())
    }

    /// Pace and burst of the rates whose limits changed; what was spent stays spent.
    fn set_rates(&mut self) {
        let Self { limits, rates, .. } = self;
        limits.changed().for_each(|slot| set_rate(limits, rates, slot));
    }

    fn set_rate(&mut self, slot: u32) {
        set_rate(&self.limits, &mut self.rates, slot);
    }

    /// Resolves every path anew and sums the counters up again.
    fn rebuild(&mut self) {
        self.positions.clear();
        self.position_slots.clear();
        self.position_keys.clear();
        self.position_by_key.clear();
        self.scopes.clear();
        self.totals.clear();
        self.total_keys.clear();
        for at in 1..self.paths.len() {
            let mut path = self.paths[at];
            let gathered = gather(&self.limits, &self.nodes, path.nodes.as_slice(), &path.subject);
            self.place(&mut path, &gathered.expect("every path was seen to fit"));
            self.add_exposure(&path);
            path.settle();
            self.paths[at] = path;
        }
    }

    /// Points a path at its counters, making those that are new.
    fn place(&mut self, path: &mut Path, gathered: &Gathered) {
        path.order_lots = gathered.order_lots;
        path.order_notional = gathered.order_notional;
        path.collar = gathered.collar;
        path.reference_age_ns_max = gathered.reference_age_ns_max;
        path.reference_age_slot = gathered.reference_age_slot;
        path.missing = gathered.missing;
        path.has_soft_order_bounds = path.order_lots.soft != i64::MAX
            || path.collar.soft != i64::MAX
            || path.order_notional.soft_nanos != i128::MAX;
        path.market = gathered.market;
        path.duplicate_window_ns_max = gathered.duplicate_window_ns_max;
        path.duplicate_zero = gathered.duplicate_zero;
        let counters = &mut path.counters;
        let scopes = gathered.scopes[..gathered.scopes_count].iter();
        counters.set(Counter::Position, scopes.map(|scope| self.cell(scope, path.subject.instrument)));
        counters.set(Counter::Total, gathered.totals.iter().flatten().map(|scope| self.total(scope)));
        counters.set(Counter::Rate, gathered.rates.as_slice().iter().copied());
        counters.set(Counter::Duplicate, gathered.duplicates.as_slice().iter().copied());
        counters.set(Counter::CancelRate, gathered.cancel_rates.as_slice().iter().copied());
    }

    /// The totals of a node and selector, made when they are new.
    fn total(&mut self, scope: &TotalScope) -> u32 {
        let key = (scope.node, scope.selector);
        if let Some(at) = self.find_total(key.0, &key.1) {
            return at;
        }
        let (orders_bound, lots_bound, money_bound) = (scope.orders, scope.lots, scope.money);
        self.totals.push(TotalCell { orders_bound, lots_bound, money_bound, ..TotalCell::EMPTY });
        self.total_keys.push(key);
        self.totals.len() as u32 - 1
    }

    pub(crate) fn find_total(&self, node: u32, selector: &Selector) -> Option<u32> {
        self.total_keys.iter().position(|known| *known == (node, *selector)).map(|at| at as u32)
    }

    /// The place of a pair of venue and trader among those that positions are counted for.
    pub(crate) fn scope_at(&self, scope: (u16, u32)) -> Option<u32> {
        self.scopes.iter().position(|known| *known == scope).map(|at| at as u32)
    }

    fn cell(&mut self, scope: &Scope, instrument: u32) -> u32 {
        let pair = (scope.venue, scope.trader);
        if let Some(cell) = self.find_cell(scope.node, instrument, pair) {
            return cell;
        }
        if !self.scopes.contains(&pair) {
            self.scopes.push(pair);
        }
        let key = self.cell_key(scope.node, instrument, pair).expect("the pair is known now");
        let cell = self.positions.len() as u32;
        self.positions.push(PositionCell::new(&scope.bounds));
        self.position_slots.push(scope.bounds.map(|bound| Slots { hard: bound.slot, soft: bound.soft_slot }));
        self.position_keys.push((scope.node, self.scope_at(pair).expect("as above"), instrument));
        assert!(self.position_by_key.insert(key, cell), "room for every binding's counters");
        cell
    }

    fn find_cell(&self, node: u32, instrument: u32, scope: (u16, u32)) -> Option<u32> {
        self.cell_key(node, instrument, scope).and_then(|key| self.position_by_key.get(key))
    }

    fn cell_key(&self, node: u32, instrument: u32, scope: (u16, u32)) -> Option<u64> {
        let at = self.scopes.iter().position(|known| *known == scope)?;
        Some(u64::from(node) << 44 | u64::from(instrument) << 20 | at as u64)
    }

    fn add_exposure(&mut self, path: &Path) {
        let exposure = &path.exposure;
        for place in path.counters.of(Counter::Position) {
            let cell = &mut self.positions[*place as usize];
            cell.position_lots += exposure.position_lots;
            cell.open_lots[0] += exposure.open_buy_lots;
            cell.open_lots[1] += exposure.open_sell_lots;
        }
        for place in path.counters.of(Counter::Total) {
            let cell = &mut self.totals[*place as usize];
            cell.orders += exposure.open_orders;
            cell.used_lots = cell.used_lots.saturating_add(exposure.traded_lots);
            cell.held_lots += exposure.open_buy_lots + exposure.open_sell_lots + exposure.spare_lots;
            cell.used_nanos = cell.used_nanos.saturating_add(exposure.gross_used_nanos);
            cell.held_nanos += exposure.gross_held_nanos;
        }
    }

    /// Resolves anew what may stand in the way of every order: kills, permissions, the restricted list.
    fn refresh_gates(&mut self, from: usize) {
        let Self { paths, kills, permissions, restricted, nodes, ceiling, .. } = self;
        for path in &mut paths[from..] {
            path.kill = kills.resolve(path.nodes.as_slice(), &path.subject);
            path.kill.new_orders = path.kill.new_orders.max(*ceiling);
            path.forbidden_by = permissions.resolve(nodes, path.nodes.as_slice(), &path.subject);
            path.restricted = restricted.of(path.subject.instrument);
            path.settle();
        }
    }

    /// Copies reference data into the paths of an instrument.
    fn refresh_listings(&mut self, instrument: u32) {
        let Some(definition) = self.reference_tables.instrument(instrument).copied() else {
            return;
        };
        for path in self.paths[1..].iter_mut().filter(|path| path.subject.instrument == instrument) {
            let Some((_, listing)) = self.reference_tables.listing(path.subject.venue, instrument) else {
                continue;
            };
            path.active = definition.active && listing.active;
            path.prior_close_nanos = definition.prior_close_nanos;
            path.set_units(definition.units_per_lot_e8);
            path.tick_table = listing.tick_table;
            path.increment_lots = listing.increment_lots;
            path.bands_nanos = definition.bands_nanos;
            path.price_min_nanos = listing.price_min_nanos.max(definition.bands_nanos.0);
            path.price_max_nanos = listing.price_max_nanos.min(definition.bands_nanos.1);
            path.replace_remaining = listing.replace_remaining;
            path.settle();
        }
    }
}

fn set_rate(limits: &LimitTable, rates: &mut [RateCell], slot: u32) {
    let limit = limits.get(slot);
    if matches!(limit.metric, Metric::MessageRate | Metric::CancelRate) {
        let count = u64::try_from(limit.in_force().unwrap_or(0).max(0)).unwrap_or(u64::MAX);
        rates[slot as usize].set(count, limit.window_ns, limit.burst_in_force(), limit.soft_percent);
    }
}
