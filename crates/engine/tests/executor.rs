//! Legs that another engine runs: reserved there before any leg leaves, sent once, followed by what that engine answers.

mod pair;
mod support;

use pair::{AGE_NS_MAX, FAR, Fate, NEAR, Pair, REPEAT_NS, SILENCE_NS, request};
use records::*;
use support::{OTHER_VENUE, PRICE, SHARE, SLOT, TICK, leg_intent, limit, multi_leg_intent, new_intent};

const WITHIN_NS: u64 = 50_000_000;
const UNWIND_NS: i64 = 8_000_000;

/// Buys 10 here and sells 10 at the other engine's venue.
fn legs(one_by_one: bool) -> Vec<OrderIntent> {
    vec![
        leg_intent(0, Side::Buy, PRICE, 10, PRICE - 10 * TICK),
        leg_intent(1, Side::Sell, PRICE, 10, PRICE + 10 * TICK),
        multi_leg_intent(WITHIN_NS, UNWIND_NS, one_by_one, 7),
    ]
}

fn begun(one_by_one: bool) -> Pair {
    let mut pair = Pair::new();
    pair.ask(legs(one_by_one));
    pair.talk();
    pair
}

fn code(state: MultiLegState) -> u32 {
    u32::from(state.code())
}

fn ids(pair: &mut Pair, shard: u16) -> Vec<u64> {
    pair.orders(shard).iter().map(|order| order.owner.order_id).collect()
}

fn fill(pair: &mut Pair, shard: u16, id: u64, lots: i64) {
    pair.world(shard).fill(id, lots);
    pair.talk();
}

fn gone(pair: &mut Pair, shard: u16, id: u64) {
    pair.world(shard).report(id, OrderEventKind::Canceled, |event| event.leaves_lots = 0);
    pair.talk();
}

#[test]
fn nothing_leaves_before_the_other_engine_has_reserved_its_leg() {
    let mut pair = Pair::new();
    pair.ask(legs(false));
    assert!(pair.orders(NEAR).is_empty() && pair.orders(FAR).is_empty());
    assert_eq!(pair.told().legs[0].state, u32::from(LegState::Waiting.code()));
    pair.send(Fate::default(), |_| 99);
    pair.now_ns += 100;
    pair.arrive();
    let there = pair.far.engine.limits().exposure(risk::Binding(2));
    assert_eq!((there.open_sell_lots, there.spare_lots), (10, 10), "the leg and its unwinding are held there");
    assert!(pair.orders(FAR).is_empty(), "held, not sent");
    pair.talk();
    assert_eq!((pair.orders(NEAR).len(), pair.orders(FAR).len()), (1, 1));
    let order = pair.orders(FAR)[0];
    assert_eq!((order.header.venue, order.side, order.lots), (OTHER_VENUE, Side::Sell.code(), 10));
    assert_eq!((order.owner.account, order.slot), (support::ACCOUNT, SLOT), "an order of the executor's account");
}

#[test]
fn it_completes_when_both_legs_have_filled_and_nothing_stays_reserved_at_either() {
    let mut pair = begun(false);
    let (here, there) = (ids(&mut pair, NEAR)[0], ids(&mut pair, FAR)[0]);
    fill(&mut pair, FAR, there, 4);
    fill(&mut pair, NEAR, here, 10);
    assert_eq!(pair.told().state, code(MultiLegState::Working));
    fill(&mut pair, FAR, there, 6);
    let told = pair.told();
    assert_eq!((told.state, told.legs[1].filled_lots), (code(MultiLegState::Completed), 10));
    assert_eq!(told.legs[1].order_id, there, "the order there has its own engine's number");
    assert_eq!((pair.near.position(SHARE), pair.far_position()), (10, -10));
    pair.assert_free("completed");
}

#[test]
fn legs_one_by_one_go_on_at_the_other_engine() {
    let mut pair = begun(true);
    assert_eq!((pair.orders(NEAR).len(), pair.orders(FAR).len()), (1, 0));
    let here = ids(&mut pair, NEAR)[0];
    fill(&mut pair, NEAR, here, 10);
    let there = ids(&mut pair, FAR)[0];
    fill(&mut pair, FAR, there, 10);
    assert_eq!(pair.told().state, code(MultiLegState::Completed));
    pair.assert_free("one by one");
}

#[test]
fn a_leg_that_fails_here_unwinds_what_the_other_engine_filled() {
    let mut pair = begun(false);
    let (here, there) = (ids(&mut pair, NEAR)[0], ids(&mut pair, FAR)[0]);
    fill(&mut pair, FAR, there, 6);
    gone(&mut pair, NEAR, here);
    let cancels = pair.far.commands::<CancelOrder>();
    assert_eq!(cancels.len(), 1, "the leg there is asked to go");
    gone(&mut pair, FAR, there);
    let back = *pair.orders(FAR).last().unwrap();
    assert_eq!((back.side, back.lots, back.price_nanos), (Side::Buy.code(), 6, PRICE + 10 * TICK));
    fill(&mut pair, FAR, back.owner.order_id, 6);
    let told = pair.told();
    assert_eq!((told.state, told.legs[1].unwound_lots), (code(MultiLegState::Unwound), 6));
    assert_eq!(pair.far_position(), 0);
    pair.assert_free("unwound");
}

#[test]
fn a_limit_of_the_other_engine_refuses_the_whole_with_its_number() {
    let mut pair = Pair::new();
    let mut record = limit(7, 1, Metric::PositionShort, 5);
    record.revision = 9;
    pair.far.give(&record);
    pair.ask(legs(false));
    pair.talk();
    let told = pair.told();
    assert_eq!((told.state, told.leg), (code(MultiLegState::Unwound), 1));
    assert_eq!(told.cause, u32::from(MultiLegCause::LegRefused.code()));
    assert_eq!((told.reason, told.limit), (u32::from(RejectCode::PosShort.code()), 7));
    assert!(pair.orders(NEAR).is_empty() && pair.orders(FAR).is_empty());
    pair.assert_free("refused");
}

#[test]
fn only_the_slot_that_serves_the_strategy_runs_its_legs_and_a_plain_order_there_is_refused() {
    let mut pair = Pair::new();
    let mut intent = new_intent(Side::Buy, 5);
    intent.listing = 1;
    pair.ask(vec![intent]);
    let refused = pair.near.outputs::<RiskReject>();
    assert_eq!(refused.last().unwrap().code, RejectCode::UnknownInstrument.code());
    let mut request = ExecutorRequest::new();
    (request.header.venue, request.header.instrument) = (OTHER_VENUE, SHARE);
    (request.multi_leg_id, request.leg, request.request, request.ask) = (77, 1, 1, LegAsk::Reserve.code());
    (request.origin, request.shard, request.strategy) = (NEAR, FAR, 99);
    (request.lots, request.price_nanos, request.unwind_nanos) = (5, PRICE, UNDEF_PRICE);
    (request.side, request.time_in_force) = (Side::Buy.code(), TimeInForce::Day.code());
    (request.asked_ns, request.until_ns, request.unwind_ns) = (pair.far.now_ns, pair.far.now_ns + 1_000_000, 1);
    pair.far.give(&request);
    let answer: ExecutorAnswer = read_from(&pair.far.out.peers[0].1).unwrap();
    assert_eq!((answer.flags, answer.reason), (ANSWER_CLOSED, RejectCode::NotPermitted.code()));
    let unused = pair.far.engine.statistics().unused;
    request.origin = 9;
    pair.far.give(&request);
    assert_eq!(pair.far.engine.statistics().unused, unused + 1, "an engine that we do not work with");
    assert_eq!(pair.far.out.peers.len(), 1);
}

#[test]
fn a_silent_engine_fails_it_the_leg_here_goes_and_it_does_not_end_before_the_other_has_answered() {
    let mut pair = begun(false);
    let (here, there) = (ids(&mut pair, NEAR)[0], ids(&mut pair, FAR)[0]);
    pair.cut = true;
    fill(&mut pair, NEAR, here, 10);
    for _ in 0..20 {
        pair.wait(SILENCE_NS / 4);
        pair.talk();
    }
    let told = pair.told();
    assert_eq!(
        (told.state, told.cause, told.leg),
        (code(MultiLegState::Compensating), u32::from(MultiLegCause::PeerSilent.code()), 1)
    );
    let back = *pair.orders(NEAR).last().unwrap();
    assert_eq!((back.side, back.lots), (Side::Sell.code(), 10), "what filled here is traded back meanwhile");
    fill(&mut pair, NEAR, back.owner.order_id, 10);
    pair.wait(WITHIN_NS);
    assert_eq!(pair.told().state, code(MultiLegState::Compensating), "time alone ends nothing");
    // Its time is over there, too: the executor cancels by itself, and nobody has told us.
    assert_eq!(pair.far.commands::<CancelOrder>().len(), 1);
    pair.far.report(there, OrderEventKind::Canceled, |event| event.leaves_lots = 0);
    pair.cut = false;
    pair.wait(REPEAT_NS);
    pair.talk();
    assert_eq!(pair.told().state, code(MultiLegState::Unwound));
    pair.assert_free("silent");
}

#[test]
fn a_request_that_is_too_old_begins_nothing_and_one_that_ended_is_never_begun_again() {
    let mut pair = Pair::new();
    pair.ask(legs(false));
    let first = pair.near.out.peers[0].1.clone();
    pair.near.out.peers.clear();
    pair.wait(AGE_NS_MAX + 1);
    pair.near.out.peers.clear();
    pair.far.give_bytes(&first);
    assert_eq!((pair.far.engine.statistics().late, pair.far.out.peers.len()), (1, 0));
    let mut fresh: ExecutorRequest = read_from(&first).unwrap();
    // What ends it overtakes what begins it.
    (fresh.asked_ns, fresh.request, fresh.ask) = (pair.far.now_ns, 2, LegAsk::Close.code());
    pair.far.give(&fresh);
    (fresh.request, fresh.ask) = (1, LegAsk::Reserve.code());
    pair.far.give(&fresh);
    let answers: Vec<ExecutorAnswer> = pair.far.out.peers.iter().map(|(_, one)| read_from(one).unwrap()).collect();
    assert!(answers.len() == 2 && answers.iter().all(|answer| answer.flags & ANSWER_CLOSED != 0), "{answers:?}");
    let there = pair.far.engine.limits().exposure(risk::Binding(2));
    assert_eq!((there.open_sell_lots, there.spare_lots), (0, 0));
}

#[test]
fn stopping_the_executor_cancels_its_leg_and_tells_and_disabling_it_leaves_what_filled() {
    for run in [SlotRun::Stopped, SlotRun::Disabled] {
        let mut pair = begun(false);
        let (here, there) = (ids(&mut pair, NEAR)[0], ids(&mut pair, FAR)[0]);
        fill(&mut pair, FAR, there, 3);
        pair.stop_executor(run);
        assert_eq!(pair.far.commands::<CancelOrder>().len(), 1);
        gone(&mut pair, FAR, there);
        gone(&mut pair, NEAR, here);
        let sent = pair.orders(FAR);
        if run == SlotRun::Stopped {
            let back = *sent.last().unwrap();
            assert_eq!((sent.len(), back.lots), (2, 3), "as a strategy's own: what filled is traded back");
            fill(&mut pair, FAR, back.owner.order_id, 3);
            assert_eq!(pair.told().state, code(MultiLegState::Unwound));
        } else {
            assert_eq!(sent.len(), 1, "a disabled slot sends nothing");
            assert_eq!((pair.told().state, pair.far_position()), (code(MultiLegState::Incomplete), -3));
        }
        pair.assert_free("stopped");
    }
}

#[test]
fn a_kill_at_the_other_engine_ends_its_leg_and_the_whole_fails() {
    let mut pair = begun(false);
    let (here, there) = (ids(&mut pair, NEAR)[0], ids(&mut pair, FAR)[0]);
    let mut kill = Kill::new();
    (kill.node, kill.selector) = (1, SelectorKind::All.code());
    (kill.new_orders, kill.resting) = (KillNew::None.code(), KillResting::Cancel.code());
    (kill.generation, kill.revision) = (1, 9);
    pair.far.give(&kill);
    assert_eq!(pair.far.commands::<CancelOrder>().len(), 1);
    gone(&mut pair, FAR, there);
    gone(&mut pair, NEAR, here);
    assert_eq!(pair.told().state, code(MultiLegState::Unwound));
    pair.assert_free("killed");
}

#[test]
fn both_engines_go_on_after_a_restart_where_their_journals_stand() {
    for (first, second) in [(NEAR, FAR), (FAR, NEAR)] {
        let mut pair = begun(false);
        let (here, there) = (ids(&mut pair, NEAR)[0], ids(&mut pair, FAR)[0]);
        for (shard, id) in [(NEAR, here), (FAR, there)] {
            pair.world(shard).report(id, OrderEventKind::Accepted, |event| event.venue_order_ref = id ^ 7);
        }
        pair.talk();
        pair.restart(first);
        pair.far.fill(there, 10);
        pair.restart(second);
        pair.wait(REPEAT_NS);
        pair.talk();
        fill(&mut pair, NEAR, here, 10);
        assert_eq!(pair.orders(FAR).len(), 1, "sent once");
        assert_eq!(pair.told().state, code(MultiLegState::Completed));
        pair.assert_free("restarted");
    }
}

/// What the far engine answers to a request that comes at the moment of the input before.
fn answer_to(pair: &mut Pair, record: &ExecutorRequest) -> Option<ExecutorAnswer> {
    pair.far.out.peers.clear();
    pair.far.give_at_once(bytes_of(record));
    assert!(pair.far.out.peers.len() <= 1, "one answer");
    pair.far.out.peers.last().and_then(|(_, bytes)| read_from(bytes))
}

fn open_there(pair: &Pair) -> i64 {
    pair.far.engine.limits().exposure(risk::Binding(2)).open_buy_lots
}

/// A leg that was begun and let go again, with the request that began it.
fn ended(pair: &mut Pair, id: u64) -> ExecutorRequest {
    let begins = request(id, pair.far.now_ns);
    assert_eq!(answer_to(pair, &begins).map(|answer| answer.flags & ANSWER_CLOSED), Some(0), "it begins");
    assert_eq!(open_there(pair), 1);
    let close = ExecutorRequest { request: 2, ask: LegAsk::Close.code(), ..begins };
    assert!(answer_to(pair, &close).is_some_and(|answer| answer.flags & ANSWER_CLOSED != 0));
    assert_eq!(open_there(pair), 0);
    begins
}

#[test]
fn a_storm_of_refused_requests_makes_nobody_forget_a_leg_that_has_ended() {
    let mut pair = Pair::new();
    pair.sync();
    let begins = ended(&mut pair, 77);
    pair.storm(4 * 1_024);
    assert_eq!(pair.far.engine.statistics().crowded, 3 * 1_024, "those beyond the room count as lost");
    let again = answer_to(&mut pair, &begins);
    assert!(again.is_some_and(|answer| answer.flags & ANSWER_CLOSED != 0), "{again:?}");
    assert_eq!(open_there(&pair), 0, "a datagram that came twice begins nothing");
    // One that can be begun needs no room of refused ones; one that is refused now is not answered.
    let fresh = request(78, pair.far.now_ns);
    assert_eq!(answer_to(&mut pair, &fresh).map(|answer| answer.flags & ANSWER_CLOSED), Some(0));
    let too_much = ExecutorRequest { lots: 1 << 40, ..request(79, pair.far.now_ns) };
    assert!(answer_to(&mut pair, &too_much).is_none());
    // Later there is room again, and it is said again.
    pair.wait(2 * AGE_NS_MAX);
    let said_again = ExecutorRequest { asked_ns: pair.far.now_ns, ..too_much };
    assert!(answer_to(&mut pair, &said_again).is_some_and(|answer| answer.flags & ANSWER_CLOSED != 0));
}

#[test]
fn where_no_more_legs_can_be_remembered_a_new_one_is_refused_and_none_is_forgotten() {
    let mut pair = Pair::new();
    pair.sync();
    let all: Vec<_> = (1..=1_024).map(|id| ended(&mut pair, id)).collect();
    let fresh = request(2_000, pair.far.now_ns);
    let refused = answer_to(&mut pair, &fresh).expect("an answer");
    assert_eq!((refused.flags, refused.reason), (ANSWER_CLOSED, RejectCode::Capacity.code()));
    for begins in &all {
        let again = answer_to(&mut pair, begins);
        assert!(again.is_some_and(|answer| answer.flags & ANSWER_CLOSED != 0 && answer.reason == 0), "{again:?}");
    }
    assert_eq!(open_there(&pair), 0);
    pair.wait(2 * AGE_NS_MAX);
    ended(&mut pair, 2_001);
}
