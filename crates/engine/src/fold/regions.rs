//! Other regions before a slot: their positions, told by the agents, and their best prices, told by their engines.
//!
//! Invariant: what is older than what is shown changes nothing, however late, often or out of order it comes. An age is of when the
//! other region said that it was so, and never less than the time since it was heard here.

use records::{LOTS_MAX, REGIONS_MAX, RegionPosition, RegionQuote, RegionQuoteState, RegionView, UNDEF_PRICE};

use super::Engine;

impl Engine {
    pub(super) fn on_region_position(&mut self, record: &RegionPosition) {
        for slot in 1..self.slots.len() {
            let Some(cell) = &mut self.slots[slot] else { continue };
            if !cell.wants.regions || cell.record.account != record.account || record.region == 0 {
                continue;
            }
            for index in 0..cell.listings_count {
                if cell.view.listings[index].instrument != record.header.instrument {
                    continue;
                }
                let regions = &mut cell.view.regions[index].regions;
                let Some(at) = place_of(regions, record.region, None) else { continue };
                let view = &mut regions[at];
                if record.time_ns >= view.position_time_ns {
                    (view.position_lots, view.position_time_ns) = (record.lots, record.time_ns);
                    view.position_unsure = u32::from(record.unsure);
                }
            }
        }
    }

    pub(super) fn on_region_quote(&mut self, record: &RegionQuote) {
        if !is_sound(record) {
            self.statistics.unused += 1;
            return;
        }
        let (now_ns, venue) = (self.time_ns, u32::from(record.header.venue));
        for slot in 1..self.slots.len() {
            let Some(cell) = &mut self.slots[slot] else { continue };
            if !cell.wants.regions {
                continue;
            }
            for index in 0..cell.listings_count {
                if cell.view.listings[index].instrument != record.header.instrument {
                    continue;
                }
                let regions = &mut cell.view.regions[index].regions;
                let Some(at) = place_of(regions, record.region, Some(venue)) else { continue };
                let view = &mut regions[at];
                if record.time_ns <= view.quote_time_ns {
                    continue;
                }
                (view.bid_nanos, view.bid_lots) = (record.bid_nanos, record.bid_lots);
                (view.ask_nanos, view.ask_lots) = (record.ask_nanos, record.ask_lots);
                (view.quote_time_ns, view.venue) = (record.time_ns, venue);
                (view.quote_changed_ns, view.quote_state) = (record.changed_ns, u32::from(record.state));
                cell.quotes_heard_ns[index][at] = now_ns;
            }
        }
    }

    /// Ages grow with engine time.
    pub(super) fn refresh_regions(&mut self, slot: u8) {
        let Some(Some(cell)) = self.slots.get_mut(usize::from(slot)) else { return };
        let now_ns = self.time_ns;
        let age = |at_ns: u64| if at_ns == 0 { -1 } else { now_ns.saturating_sub(at_ns).min(i64::MAX as u64) as i64 };
        for index in 0..cell.listings_count {
            let regions = cell.view.regions[index].regions.iter_mut().take_while(|view| view.region != 0);
            for (view, heard_ns) in regions.zip(cell.quotes_heard_ns[index]) {
                view.position_age_ns = age(view.position_time_ns);
                // A clock there that is ahead of ours makes nothing younger than it was heard.
                view.quote_age_ns = age(view.quote_time_ns.min(heard_ns));
            }
        }
    }
}

/// Whether its numbers can be true.
fn is_sound(record: &RegionQuote) -> bool {
    let side = |price_nanos: i64, lots: i64| {
        if price_nanos == UNDEF_PRICE { lots == 0 } else { (1..=LOTS_MAX).contains(&lots) }
    };
    let (bid, ask) = (record.bid_nanos, record.ask_nanos);
    let priced = bid != UNDEF_PRICE || ask != UNDEF_PRICE;
    let state = RegionQuoteState::from_code(record.state);
    record.region != 0
        && record.time_ns != 0
        && side(bid, record.bid_lots)
        && side(ask, record.ask_lots)
        && state.is_some_and(|state| state == RegionQuoteState::Priced || !priced)
        && !(bid != UNDEF_PRICE && ask != UNDEF_PRICE && bid >= ask)
}

/// The place of a region's position, which is its first, or of its prices at a venue; taken when it is heard for the first time,
/// `None` when there is none left.
fn place_of(regions: &mut [RegionView; REGIONS_MAX], region: u32, venue: Option<u32>) -> Option<usize> {
    let is_its = |view: &RegionView| {
        view.region == region && venue.is_none_or(|venue| view.quote_time_ns == 0 || view.venue == venue)
    };
    let at = regions.iter().position(|view| view.region == 0 || is_its(view))?;
    let view = &mut regions[at];
    if view.region == 0 {
        view.region = region;
        (view.bid_nanos, view.ask_nanos) = (UNDEF_PRICE, UNDEF_PRICE);
        (view.position_age_ns, view.quote_age_ns) = (-1, -1);
    }
    Some(at)
}
