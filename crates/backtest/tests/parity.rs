//! Parity of journals made by hand: what a gateway did not send, and answers that the venue's feed never shows.

use std::path::PathBuf;
use std::rc::Rc;

use backtest::parity::{Because, Departures, Parity, Parted, REPORT, parity};
use engine::{EventRef, Host};
use journal::{Identity, JournalConfig, Writer};
use records::*;
use support::*;
use tiles::RealStorage;

#[path = "../../engine/tests/support/mod.rs"]
mod support;

/// Intents at the callbacks at which the live run made them, by number of the call.
struct Playback {
    plans: Vec<(usize, Vec<OrderIntent>)>,
    calls: usize,
}

impl Host for Playback {
    fn call(&mut self, _slot: u8, _callback: Callback, _event: EventRef<'_>, orders: &mut OrdersView) -> u32 {
        let due = self.plans.iter().filter(|(call, _)| *call == self.calls);
        for intent in due.flat_map(|(_, intents)| intents) {
            orders.intents[orders.intents_count as usize] = *intent;
            orders.intents_count += 1;
        }
        self.calls += 1;
        0
    }
}

/// A live run in the making, and where its journal goes.
struct LiveRun {
    world: World,
    folder: PathBuf,
}

impl Drop for LiveRun {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl LiveRun {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("meridian-parity-{name}-{}", std::process::id()));
        Self { world: World::new(), folder }
    }

    /// The venue's feed tells of an order at that time.
    fn shows(&mut self, venue_time_ns: u64, order: impl FnOnce(&mut MarketOrder)) {
        let mut record = MarketOrder::new();
        (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
        (record.header.venue_time_ns, record.header.receive_time_ns) = (venue_time_ns, self.world.now_ns);
        record.price_nanos = UNDEF_PRICE;
        order(&mut record);
        self.world.give(&record);
    }

    /// The feed tells of a buy order of ours that rests.
    fn shows_ours(&mut self, venue_time_ns: u64, order_ref: u64, lots: i64) {
        self.shows(venue_time_ns, |order| {
            (order.action, order.side, order.order_ref) = (BookAction::Add.code(), Side::Buy.code(), order_ref);
            (order.price_nanos, order.lots) = (PRICE, lots);
        });
    }

    /// The venue or its gateway says it of an order.
    fn says(&mut self, venue_time_ns: u64, id: u64, kind: OrderEventKind, change: impl FnOnce(&mut OrderEvent)) {
        let receive_time_ns = self.world.now_ns;
        self.world.report(id, kind, |event| {
            (event.header.venue_time_ns, event.header.receive_time_ns) = (venue_time_ns, receive_time_ns);
            event.slot = SLOT;
            change(event);
        });
    }

    fn accepts(&mut self, venue_time_ns: u64, id: u64, order_ref: u64, lots: i64) {
        self.says(venue_time_ns, id, OrderEventKind::Accepted, |event| {
            (event.venue_order_ref, event.price_nanos, event.lots) = (order_ref, PRICE, lots);
            (event.leaves_lots, event.cumulative_lots) = (lots, 0);
        });
    }

    /// What the slot does at its next callback; the new orders that leave.
    fn sends(&mut self, intents: Vec<OrderIntent>) -> Vec<u64> {
        let before = self.world.commands::<NewOrder>().len();
        self.world.intend(intents);
        self.world.commands::<NewOrder>()[before..].iter().map(|order| order.owner.order_id).collect()
    }

    /// Its journal is written, and the run made again.
    fn again(&self) -> Parity {
        let identity = Identity { settings: config().words(), ..Identity::default() };
        let storage = Rc::new(RealStorage::new(&self.folder).unwrap());
        let mut writer = Writer::create(storage, JournalConfig::new(identity)).unwrap();
        for (stamp, record) in &self.world.inputs {
            writer.append(*stamp, record).unwrap();
        }
        writer.close().unwrap();
        let host = || Box::new(Playback { plans: self.world.plans_taken(), calls: 0 });
        parity(&self.folder, host(), host(), &Departures::default()).unwrap()
    }
}

fn unexplained(parity: &Parity) -> Vec<&Parted> {
    let because = |step: &&Parted| step.difference.is_some_and(|found| found.because == Because::Unexplained);
    parity.steps.iter().filter(because).collect()
}

/// How many reports of a kind both runs have alike.
fn alike(parity: &Parity, id: u64, kind: OrderEventKind) -> usize {
    let what = REPORT | u16::from(kind.code());
    let both = parity.steps.iter().filter(|step| step.difference.is_none() && step.backtest.is_some());
    both.filter(|step| step.live.is_some_and(|live| (live.key.order_id, live.key.what) == (id, what))).count()
}

#[test]
fn an_order_whose_cancel_never_left_trades_on_at_the_venue() {
    let mut live = LiveRun::new("not-sent");
    let id = live.sends(vec![new_intent(Side::Buy, 10)])[0];
    let entered_ns = live.world.now_ns + 200;
    live.shows_ours(entered_ns, 7, 10);
    live.accepts(entered_ns, id, 7, 10);
    live.sends(vec![cancel_intent(id)]);
    let refused_ns = live.world.now_ns;
    live.says(refused_ns, id, OrderEventKind::NotSent, |event| {
        (event.original_id, event.leaves_lots) = (id, 0);
    });
    let met_ns = live.world.now_ns + 300;
    live.shows(met_ns, |order| {
        (order.action, order.order_ref, order.lots) = (BookAction::Execute.code(), 7, 10);
        order.match_id = 40;
    });
    live.says(met_ns, id, OrderEventKind::Filled, |event| {
        (event.venue_order_ref, event.price_nanos, event.lots, event.execution_id) = (7, PRICE, 10, 40);
        (event.leaves_lots, event.cumulative_lots) = (0, 10);
        event.liquidity = 1;
    });
    assert_eq!(live.world.position(SHARE), 10);

    let parity = live.again();
    assert!(unexplained(&parity).is_empty(), "{:#?}", unexplained(&parity));
    assert_eq!(alike(&parity, id, OrderEventKind::Filled), 1, "it was filled in the backtest as well");
    assert_eq!(parity.state_hash, parity.replay.state_hash);
}

/// An order that ends at once, of which the feed shows nothing; its answer, at that time.
fn answer_unseen(live: &mut LiveRun, id: u64, venue_time_ns: u64) {
    live.accepts(venue_time_ns, id, 0, 5);
    live.says(venue_time_ns, id, OrderEventKind::Canceled, |event| {
        (event.lots, event.leaves_lots, event.cumulative_lots) = (5, 0, 0);
        event.reason = Reason::Immediate.code();
    });
}

fn at_once() -> OrderIntent {
    let mut intent = new_intent(Side::Buy, 5);
    intent.time_in_force = TimeInForce::ImmediateOrCancel.code();
    intent
}

#[test]
fn an_answer_that_the_feed_never_shows_bears_its_own_time_though_the_feed_was_read_further() {
    let mut live = LiveRun::new("unseen");
    let id = live.sends(vec![at_once()])[0];
    let answered_ns = live.world.now_ns + 200;
    live.shows(answered_ns + 700, |order| {
        (order.action, order.side, order.order_ref) = (BookAction::Add.code(), Side::Buy.code(), 1_000);
        (order.price_nanos, order.lots) = (PRICE - 3 * TICK, 10);
    });
    answer_unseen(&mut live, id, answered_ns);

    let parity = live.again();
    assert!(unexplained(&parity).is_empty(), "{:#?}", unexplained(&parity));
    assert_eq!(alike(&parity, id, OrderEventKind::Canceled), 1);
    assert_eq!(parity.state_hash, parity.replay.state_hash);
}

#[test]
fn an_order_that_the_feed_shows_does_not_take_the_ones_before_it_along_to_its_time() {
    let mut live = LiveRun::new("before");
    let sent = live.sends(vec![at_once(), new_intent(Side::Buy, 10)]);
    let (first_ns, second_ns) = (live.world.now_ns + 200, live.world.now_ns + 900);
    live.shows_ours(second_ns, 8, 10);
    answer_unseen(&mut live, sent[0], first_ns);
    live.accepts(second_ns, sent[1], 8, 10);

    let parity = live.again();
    assert!(unexplained(&parity).is_empty(), "{:#?}", unexplained(&parity));
    assert_eq!(alike(&parity, sent[0], OrderEventKind::Canceled), 1);
    assert_eq!(alike(&parity, sent[1], OrderEventKind::Accepted), 1);
    assert_eq!(parity.state_hash, parity.replay.state_hash);
}

#[test]
fn an_answer_by_the_millisecond_reads_the_feed_no_further_than_the_orders_that_it_led_to() {
    let mut live = LiveRun::new("millisecond");
    let first = live.sends(vec![at_once()])[0];
    let told_ns = live.world.now_ns / 1_000_000 * 1_000_000;
    answer_unseen(&mut live, first, told_ns);
    let second = live.sends(vec![new_intent(Side::Buy, 10)])[0];
    let shown_ns = live.world.now_ns + 200;
    assert!(shown_ns < told_ns + 1_000_000, "all of it in one millisecond");
    live.shows_ours(shown_ns, 8, 10);
    live.accepts(told_ns, second, 8, 10);

    let parity = live.again();
    assert!(unexplained(&parity).is_empty(), "{:#?}", unexplained(&parity));
    assert_eq!(alike(&parity, second, OrderEventKind::Accepted), 1);
    assert_eq!(parity.state_hash, parity.replay.state_hash);
}

impl LiveRun {
    /// The venue says in what phase the instrument is.
    fn phase(&mut self, venue_time_ns: u64, state: TradingState) {
        let mut record = Status::new();
        (record.header.venue, record.header.instrument) = (VENUE, SHARE);
        (record.header.venue_time_ns, record.header.receive_time_ns) = (venue_time_ns, self.world.now_ns);
        record.trading = state.code();
        self.world.give(&record);
    }

    /// The feed prints an auction as a whole.
    fn crosses(&mut self, venue_time_ns: u64, price_nanos: i64, lots: i64) {
        let mut record = Trade::new();
        (record.header.venue, record.header.instrument, record.header.flags) = (VENUE, SHARE, FLAG_LAST);
        (record.header.venue_time_ns, record.header.receive_time_ns) = (venue_time_ns, self.world.now_ns);
        (record.price_nanos, record.lots, record.match_id) = (price_nanos, lots, 99);
        (record.cross, record.cross_type) = (1, b'C');
        self.world.give(&record);
    }

    /// A fill in it: match number, lots, lots left, lots filled so far.
    fn fills(&mut self, venue_time_ns: u64, id: u64, price_nanos: i64, [number, lots, leaves, done]: [i64; 4]) {
        self.says(venue_time_ns, id, OrderEventKind::Filled, |event| {
            (event.price_nanos, event.lots, event.execution_id) = (price_nanos, lots, number as u64);
            (event.leaves_lots, event.cumulative_lots, event.liquidity) = (leaves, done, 3);
        });
    }

    /// Sends a buy, which the venue takes and does not show.
    fn collects(&mut self, price_nanos: i64, lots: i64, time_in_force: TimeInForce, order_ref: u64) -> u64 {
        let mut intent = new_intent(Side::Buy, lots);
        (intent.price_nanos, intent.time_in_force) = (price_nanos, time_in_force.code());
        let id = self.sends(vec![intent])[0];
        let taken_ns = self.world.now_ns + 200;
        self.says(taken_ns, id, OrderEventKind::Accepted, |event| {
            (event.venue_order_ref, event.price_nanos, event.lots) = (order_ref, price_nanos, lots);
            (event.leaves_lots, event.cumulative_lots) = (lots, 0);
        });
        id
    }
}

#[test]
fn fills_of_an_auction_are_explained_by_its_print_and_all_around_them_is_equal() {
    for reports_first in [false, true] {
        let mut live = LiveRun::new("auction");
        let in_view = live.sends(vec![new_intent(Side::Buy, 10)])[0];
        let entered_ns = live.world.now_ns + 200;
        live.shows_ours(entered_ns, 7, 10);
        live.accepts(entered_ns, in_view, 7, 10);
        let crossed_at = PRICE - TICK;
        live.shows(entered_ns + 100, |order| {
            (order.action, order.side, order.order_ref) = (BookAction::Add.code(), Side::Sell.code(), 50);
            (order.price_nanos, order.lots) = (PRICE + TICK, 8);
        });
        let call_ns = live.world.now_ns + 500;
        live.phase(call_ns, TradingState::Auction);
        let for_the_close = live.collects(PRICE + 2 * TICK, 12, TimeInForce::AtClose, 8);
        let of_the_day = live.collects(PRICE, 9, TimeInForce::Day, 9);
        let too_low = live.collects(PRICE - 3 * TICK, 6, TimeInForce::AtClose, 10);

        let cross_ns = live.world.now_ns + 900;
        let feed = |live: &mut LiveRun| {
            // Ours that was in view leaves it by an execution that does not count; the volume is that of the whole.
            live.shows(cross_ns, |order| {
                (order.action, order.order_ref, order.lots) = (BookAction::Execute.code(), 7, 4);
                (order.match_id, order.price_nanos) = (82, crossed_at);
            });
            live.crosses(cross_ns, crossed_at, 21);
            live.shows_ours(cross_ns, 9, 4);
            live.phase(cross_ns, TradingState::Closed);
        };
        let reports = |live: &mut LiveRun| {
            live.fills(cross_ns, for_the_close, crossed_at, [80, 8, 4, 8]);
            live.fills(cross_ns, for_the_close, crossed_at, [81, 4, 0, 12]);
            live.fills(cross_ns, in_view, crossed_at, [82, 4, 6, 4]);
            live.fills(cross_ns, of_the_day, crossed_at, [83, 5, 4, 5]);
            live.says(cross_ns, too_low, OrderEventKind::Expired, |event| {
                (event.lots, event.leaves_lots, event.cumulative_lots) = (6, 0, 0);
                event.reason = Reason::Timeout.code();
            });
        };
        if reports_first {
            reports(&mut live);
        }
        feed(&mut live);
        if !reports_first {
            reports(&mut live);
        }
        assert_eq!(live.world.position(SHARE), 21);

        let parity = live.again();
        assert!(unexplained(&parity).is_empty(), "{reports_first}: {:#?}", unexplained(&parity));
        let by_print = |step: &&Parted| step.difference.is_some_and(|found| found.because == Because::Auction);
        assert_eq!(parity.steps.iter().filter(by_print).count(), 4, "each fill");
        for id in [in_view, for_the_close, of_the_day, too_low] {
            assert_eq!(alike(&parity, id, OrderEventKind::Accepted), 1);
        }
        assert_eq!(alike(&parity, too_low, OrderEventKind::Expired), 1);
        assert_eq!(parity.state_hash, parity.replay.state_hash, "{reports_first}");
    }
}

#[test]
fn a_fill_that_says_auction_where_the_feed_prints_none_is_unexplained() {
    let mut live = LiveRun::new("no-auction");
    live.phase(live.world.now_ns, TradingState::Auction);
    let id = live.collects(PRICE, 5, TimeInForce::AtClose, 8);
    let at_ns = live.world.now_ns + 300;
    live.crosses(at_ns + 1, PRICE, 5);
    live.fills(at_ns, id, PRICE, [80, 5, 0, 5]);
    assert!(!unexplained(&live.again()).is_empty());
}

/// An order at a price.
fn at(side: Side, price_nanos: i64, lots: i64) -> OrderIntent {
    OrderIntent { price_nanos, ..new_intent(side, lots) }
}

impl LiveRun {
    /// The feed adds an order of ours.
    fn adds(&mut self, venue_time_ns: u64, side: Side, order_ref: u64, price_nanos: i64, lots: i64) {
        self.shows(venue_time_ns, |order| {
            (order.action, order.side, order.order_ref) = (BookAction::Add.code(), side.code(), order_ref);
            (order.price_nanos, order.lots) = (price_nanos, lots);
        });
    }

    /// The feed deletes an order, or takes lots off it.
    fn takes_off(&mut self, venue_time_ns: u64, order_ref: u64, lots: i64) {
        let action = if lots == 0 { BookAction::Delete } else { BookAction::Reduce };
        self.shows(venue_time_ns, |order| {
            (order.action, order.order_ref, order.lots) = (action.code(), order_ref, lots);
        });
    }

    fn takes(&mut self, venue_time_ns: u64, id: u64, order_ref: u64, price_nanos: i64, lots: i64) {
        self.says(venue_time_ns, id, OrderEventKind::Accepted, |event| {
            (event.venue_order_ref, event.price_nanos, event.lots) = (order_ref, price_nanos, lots);
            (event.leaves_lots, event.cumulative_lots) = (lots, 0);
        });
    }

    fn cancels(&mut self, venue_time_ns: u64, id: u64, lots: i64, done: i64, reason: Reason) {
        self.says(venue_time_ns, id, OrderEventKind::Canceled, |event| {
            (event.lots, event.leaves_lots, event.cumulative_lots) = (lots, 0, done);
            event.reason = reason.code();
        });
    }

    /// An order that rests, shown and accepted.
    fn rests(&mut self, side: Side, order_ref: u64, price_nanos: i64, lots: i64) -> u64 {
        let id = self.sends(vec![at(side, price_nanos, lots)])[0];
        let entered_ns = self.world.now_ns + 200;
        self.adds(entered_ns, side, order_ref, price_nanos, lots);
        self.says(entered_ns, id, OrderEventKind::Accepted, |event| {
            (event.venue_order_ref, event.price_nanos, event.lots) = (order_ref, price_nanos, lots);
            (event.leaves_lots, event.cumulative_lots) = (lots, 0);
            event.side = side.code();
        });
        id
    }

    /// Somebody meets a resting order of ours: feed and report.
    fn met(&mut self, venue_time_ns: u64, id: u64, [order_ref, number, lots, leaves, done]: [i64; 5]) {
        self.shows(venue_time_ns, |order| {
            (order.action, order.order_ref, order.lots) = (BookAction::Execute.code(), order_ref as u64, lots);
            order.match_id = number as u64;
        });
        let price_nanos = self.world.engine.order(id).map_or(PRICE, |order| order.price_nanos);
        self.says(venue_time_ns, id, OrderEventKind::Filled, |event| {
            (event.venue_order_ref, event.price_nanos) = (order_ref as u64, price_nanos);
            (event.lots, event.execution_id) = (lots, number as u64);
            (event.leaves_lots, event.cumulative_lots, event.liquidity) = (leaves, done, 1);
        });
    }

    fn replaces(&mut self, id: u64, price_nanos: i64, lots: i64) -> u64 {
        let before = self.world.commands::<ReplaceOrder>().len();
        self.world.intend(vec![replace_intent(id, price_nanos, lots)]);
        let sent = &self.world.commands::<ReplaceOrder>()[before..];
        assert_eq!(sent.len(), 1, "it is sent");
        sent[0].owner.order_id
    }

    /// No unexplained difference, and the live state at the end.
    fn is_equal(&self) -> Parity {
        let parity = self.again();
        assert!(unexplained(&parity).is_empty(), "{:#?}", unexplained(&parity));
        assert_eq!(parity.state_hash, parity.replay.state_hash);
        parity
    }
}

#[test]
fn of_two_orders_that_came_in_at_once_the_one_that_met_ours_had_it_cancelled() {
    let mut live = LiveRun::new("crossed");
    let own = live.rests(Side::Sell, 7, PRICE, 10);
    let sent = live.sends(vec![at(Side::Buy, PRICE - 2 * TICK, 6), at_once()]);
    let came_ns = live.world.now_ns + 200;
    live.takes(came_ns, sent[0], 8, PRICE - 2 * TICK, 6);
    live.takes(came_ns, sent[1], 9, PRICE, 5);
    live.cancels(came_ns, own, 10, 0, Reason::SelfTradePrevention);
    live.cancels(came_ns, sent[1], 5, 0, Reason::Immediate);
    live.adds(came_ns, Side::Buy, 8, PRICE - 2 * TICK, 6);
    // What it decides here depends on what the feed has told by now.
    live.sends(vec![at(Side::Sell, PRICE + 9 * TICK, 1)]);
    live.takes_off(came_ns, 7, 0);

    let parity = live.is_equal();
    assert_eq!(alike(&parity, own, OrderEventKind::Canceled), 1);
    assert_eq!(alike(&parity, sent[1], OrderEventKind::Canceled), 1);
}

#[test]
fn an_order_replaced_in_its_place_is_the_same_one_in_the_feed_whichever_id_a_cancel_named() {
    let mut live = LiveRun::new("in-place");
    let first = live.rests(Side::Buy, 7, PRICE - 3 * TICK, 10);
    let second = live.replaces(first, PRICE - 3 * TICK, 6);
    live.sends(vec![cancel_intent(first)]);
    let replaced_ns = live.world.now_ns + 200;
    live.says(replaced_ns, second, OrderEventKind::Replaced, |event| {
        (event.venue_order_ref, event.price_nanos, event.lots) = (7, PRICE - 3 * TICK, 6);
        (event.leaves_lots, event.cumulative_lots, event.original_id) = (6, 0, first);
    });
    live.takes_off(replaced_ns, 7, 4);
    // That cancel crossed the replace, and the venue had no such order any more; the engine sends it again for the id in force.
    let gone_ns = live.world.now_ns + 400;
    live.cancels(gone_ns, second, 6, 0, Reason::UserRequested);
    live.sends(vec![at(Side::Buy, PRICE - 5 * TICK, 1)]);
    live.takes_off(gone_ns, 7, 0);

    let parity = live.is_equal();
    assert_eq!(alike(&parity, second, OrderEventKind::Replaced), 1);
    assert_eq!(alike(&parity, second, OrderEventKind::Canceled), 1);
}

#[test]
fn a_fill_before_it_is_no_answer_to_a_cancel() {
    let mut live = LiveRun::new("part");
    let id = live.rests(Side::Buy, 7, PRICE, 10);
    live.sends(vec![cancel_intent(id)]);
    let (met_ns, gone_ns) = (live.world.now_ns + 300, live.world.now_ns + 900);
    live.met(met_ns, id, [7, 40, 4, 6, 4]);
    live.takes_off(gone_ns, 7, 0);
    live.cancels(gone_ns, id, 6, 4, Reason::UserRequested);

    let parity = live.is_equal();
    assert_eq!(alike(&parity, id, OrderEventKind::Canceled), 1);
}

#[test]
fn a_cancel_that_the_gateway_refused_leaves_the_order_where_it_is() {
    for partly_first in [false, true] {
        let mut live = LiveRun::new("refused");
        let id = live.rests(Side::Buy, 7, PRICE, 10);
        let mut done = 0;
        live.sends(vec![cancel_intent(id)]);
        if partly_first {
            done = 3;
            live.met(live.world.now_ns + 100, id, [7, 39, 3, 7, 3]);
        }
        let refused_ns = live.world.now_ns;
        live.says(refused_ns, id, OrderEventKind::CancelRejected, |event| event.reason = Reason::Throttled.code());
        // Another order's answer takes whatever was sent before it along.
        let other = live.rests(Side::Buy, 8, PRICE - 2 * TICK, 1);
        live.met(live.world.now_ns + 300, id, [7, 40, 10 - done, 0, 10]);
        assert_eq!(live.world.position(SHARE), 10);

        let parity = live.is_equal();
        assert_eq!(alike(&parity, id, OrderEventKind::Filled), 1 + usize::from(partly_first));
        assert_eq!(alike(&parity, other, OrderEventKind::Accepted), 1);
    }
}

#[test]
fn a_replace_that_was_not_sent_since_its_original_had_filled_ends_nothing_else() {
    for answer in [OrderEventKind::NotSent, OrderEventKind::ReplaceRejected] {
        let mut live = LiveRun::new("filled-first");
        let [first, other] = [7, 8].map(|order_ref| live.rests(Side::Buy, order_ref, PRICE, 5));
        let replaced = live.replaces(first, PRICE - TICK, 9);
        let moved = live.replaces(other, PRICE - 2 * TICK, 5);
        live.met(live.world.now_ns + 100, first, [7, 40, 5, 0, 5]);
        // The venue's word is its own, the gateway's bears its own time twice.
        let said_ns = live.world.now_ns + if answer == OrderEventKind::NotSent { 0 } else { 150 };
        live.says(said_ns, replaced, answer, |event| {
            (event.original_id, event.reason) = (first, Reason::UnknownOrder.code());
            (event.leaves_lots, event.cumulative_lots) = (-1, -1);
        });
        let moved_ns = live.world.now_ns + 200;
        live.shows(moved_ns, |order| {
            (order.action, order.order_ref, order.new_order_ref) = (BookAction::Replace.code(), 8, 9);
            (order.price_nanos, order.lots) = (PRICE - 2 * TICK, 5);
        });
        live.says(moved_ns, moved, OrderEventKind::Replaced, |event| {
            (event.venue_order_ref, event.price_nanos, event.lots) = (9, PRICE - 2 * TICK, 5);
            (event.leaves_lots, event.cumulative_lots, event.original_id) = (5, 0, other);
        });

        let parity = live.is_equal();
        assert_eq!(alike(&parity, moved, OrderEventKind::Replaced), 1, "{answer:?}");
        assert_eq!(alike(&parity, first, OrderEventKind::Filled), 1);
    }
}

#[test]
fn what_a_session_says_again_is_an_answer_where_nobody_had_heard_it() {
    let mut live = LiveRun::new("said-again");
    let id = live.sends(vec![at(Side::Buy, PRICE, 10)])[0];
    let entered_ns = live.world.now_ns + 200;
    live.adds(entered_ns, Side::Buy, 7, PRICE, 10);
    for _ in 0..2 {
        live.says(entered_ns, id, OrderEventKind::Accepted, |event| {
            (event.venue_order_ref, event.price_nanos, event.lots) = (7, PRICE, 10);
            (event.leaves_lots, event.cumulative_lots, event.possible_duplicate) = (10, 0, 1);
        });
    }
    let parity = live.is_equal();
    assert_eq!(alike(&parity, id, OrderEventKind::Accepted), 1);
    let repeated = |step: &&Parted| step.difference.is_some_and(|found| found.because == Because::Repeated);
    assert_eq!(parity.steps.iter().filter(repeated).count(), 1, "the second time it is a repetition");
}

#[test]
fn an_order_that_took_nothing_was_there_before_what_the_feed_told_next() {
    let mut live = LiveRun::new("took-nothing");
    let id = live.sends(vec![at_once()])[0];
    let answered_ns = live.world.now_ns + 200;
    // Somebody offers at its price only after it had come and gone; the feed is heard first.
    live.shows(answered_ns + 100, |order| {
        (order.action, order.side, order.order_ref) = (BookAction::Add.code(), Side::Sell.code(), 50);
        (order.price_nanos, order.lots) = (PRICE, 3);
    });
    answer_unseen(&mut live, id, answered_ns);
    let parity = live.is_equal();
    assert_eq!(alike(&parity, id, OrderEventKind::Canceled), 1);
}

#[test]
fn a_fill_is_of_a_replace_that_the_feed_did_not_show_and_comes_after_it() {
    let mut live = LiveRun::new("unseen-replace");
    let first = live.rests(Side::Buy, 7, PRICE, 10);
    let second = live.replaces(first, PRICE, 10);
    // The session tells milliseconds.
    let (told_ns, met_ns) = (live.world.now_ns / 1_000_000 * 1_000_000, live.world.now_ns + 400);
    live.shows(met_ns, |order| {
        (order.action, order.order_ref, order.lots) = (BookAction::Execute.code(), 7, 4);
        order.match_id = 40;
    });
    live.says(told_ns, second, OrderEventKind::Replaced, |event| {
        (event.venue_order_ref, event.price_nanos, event.lots) = (7, PRICE, 10);
        (event.leaves_lots, event.cumulative_lots, event.original_id) = (10, 0, first);
    });
    live.says(told_ns, second, OrderEventKind::Filled, |event| {
        (event.venue_order_ref, event.price_nanos, event.lots, event.execution_id) = (7, PRICE, 4, 40);
        (event.leaves_lots, event.cumulative_lots, event.liquidity) = (6, 4, 1);
    });
    let parity = live.is_equal();
    assert_eq!(alike(&parity, second, OrderEventKind::Replaced), 1);
    assert_eq!(alike(&parity, second, OrderEventKind::Filled), 1);
}

#[test]
fn a_replace_that_is_refused_for_what_had_filled_ends_its_original_and_no_other_order_did() {
    let mut live = LiveRun::new("refused-replace");
    let own = live.rests(Side::Sell, 7, PRICE, 10);
    let replaced = live.replaces(own, PRICE, 4);
    let met_ns = live.world.now_ns + 100;
    live.met(met_ns, own, [7, 40, 4, 6, 4]);
    let other = live.sends(vec![at_once()])[0];
    // The session tells milliseconds: all of it may have been at once.
    let told_ns = (live.world.now_ns / 1_000_000) * 1_000_000;
    let gone_ns = live.world.now_ns + 100;
    live.takes_off(gone_ns, 7, 0);
    live.says(told_ns, replaced, OrderEventKind::ReplaceRejected, |event| {
        (event.reason, event.original_id) = (Reason::Other.code(), own);
    });
    live.cancels(told_ns, own, 6, 4, Reason::Other);
    live.takes(told_ns, other, 0, PRICE, 5);
    live.cancels(told_ns, other, 5, 0, Reason::Immediate);
    let parity = live.is_equal();
    assert_eq!(alike(&parity, own, OrderEventKind::Canceled), 1);
    assert_eq!(alike(&parity, other, OrderEventKind::Canceled), 1);
}
