//! What a command says on the wire, and what each report becomes.

use records::OrderEventKind::*;
use records::*;

use crate::venue::Do;
use crate::world::{CENT, Setup, World, name};

const VERSIONS: [&str; 4] = ["FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1"];

#[test]
fn an_order_lives_fills_and_ends_in_every_version() {
    for (seed, version) in (1..).zip(VERSIONS) {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        let id = world.buy(100, 58_533);
        world.run(2);
        world.venue_does(Do::Fill(0, 40, 58_532));
        world.run(2);
        world.venue_does(Do::Fill(0, 60, 58_530));
        world.run(2);
        let said = [(Accepted, 100, 100, 0), (Filled, 40, 60, 40), (Filled, 60, 0, 100)];
        assert_eq!(world.said(id), said, "{version}");
        let fill = world.last_event(id);
        assert_eq!((fill.price_nanos, fill.execution_id, fill.possible_duplicate), (58_530 * CENT, 3, 0), "{version}");
        assert_eq!((fill.venue_order_ref, fill.slot, fill.side, fill.liquidity), (1, 4, 1, 1), "{version}");
        assert!(fill.header.venue_time_ns > 0 && fill.sent_time_ns > 0, "{version}");
        assert_eq!((fill.header.venue, fill.header.source, fill.header.instrument), (3, 7, 1), "{version}");
        let asked = world.last("D");
        let value = |tag: u32| asked.get(&tag).map(String::as_str);
        assert_eq!(
            [value(11), value(55), value(54), value(38)],
            [Some(&*name(id)), Some("AAPL"), Some("1"), Some("100")]
        );
        assert_eq!([value(40), value(44), value(59)], [Some("2"), Some("585.33"), Some("0")], "{version}");
        assert_eq!(value(21), (version == "FIX.4.2").then_some("1"), "{version}");
    }
}

#[test]
fn every_kind_of_order_says_what_was_asked() {
    type Change = fn(&mut NewOrder);
    let rows: [(Change, &[(u32, &str)]); 9] = [
        (|order| order.time_in_force = TimeInForce::AtOpen.code(), &[(59, "2")]),
        (|order| order.time_in_force = TimeInForce::AtClose.code(), &[(59, "7")]),
        (|order| order.side = Side::Sell.code(), &[(54, "2")]),
        (|order| (order.side, order.short_sale) = (Side::Sell.code(), 1), &[(54, "5")]),
        (
            |order| {
                order.order_type = OrderType::Market.code();
                (order.price_nanos, order.time_in_force) = (UNDEF_PRICE, TimeInForce::ImmediateOrCancel.code());
            },
            &[(40, "1"), (59, "3")],
        ),
        (|order| order.time_in_force = TimeInForce::FillOrKill.code(), &[(59, "4")]),
        (|order| (order.post_only, order.display_lots) = (1, 20), &[(18, "6"), (111, "20")]),
        (|order| order.minimum_lots = 30, &[(110, "30")]),
        (
            |order| {
                order.time_in_force = TimeInForce::GoodTillTime.code();
                order.expire_time_ns = 1_704_225_600_000_000_000;
            },
            &[(59, "6"), (126, "20240102-20:00:00.000000000")],
        ),
    ];
    let mut world = World::up(Setup::new(11));
    for (change, fields) in rows {
        let id = world.order(change);
        world.run(2);
        assert_eq!(world.kinds(id), [Accepted], "{fields:?}");
        let asked = world.last("D");
        for (tag, value) in fields {
            assert_eq!(asked.get(tag).map(String::as_str), Some(*value), "{tag} of {asked:?}");
        }
        assert_eq!(asked.contains_key(&44), asked[&40] == "2", "{asked:?}");
    }
}

#[test]
fn what_the_session_cannot_send_never_leaves() {
    type Change = fn(&mut NewOrder);
    let rows: [(Change, Reason); 7] = [
        (|order| order.header.instrument = 9, Reason::InvalidInstrument),
        (|order| order.price_nanos = UNDEF_PRICE, Reason::InvalidPrice),
        (|order| order.lots = 0, Reason::InvalidQuantity),
        (|order| order.side = 9, Reason::InvalidField),
        (|order| order.time_in_force = TimeInForce::GoodTillCancel.code(), Reason::InvalidField),
        (|order| order.time_in_force = TimeInForce::GoodTillTime.code(), Reason::InvalidField),
        (|order| order.owner.epoch = 0, Reason::StaleEpoch),
    ];
    let mut world = World::up(Setup::new(12));
    world.buy(1, 100);
    world.run(1);
    for (change, reason) in rows {
        let id = world.order(change);
        world.run(1);
        let event = world.last_event(id);
        assert_eq!((world.kinds(id), event.reason), (vec![NotSent], reason.code()));
    }
    assert_eq!(world.taken(&["D"]).len(), 1);
}

#[test]
fn a_throttle_refuses_orders_and_never_cancels() {
    let profile = r#"{"out_messages_max":3,"out_window_ns":50000000}"#;
    let mut world = World::up(Setup { profile, ..Setup::new(13) });
    world.run(60);
    let ids: Vec<u64> = (0..5).map(|_| world.buy(10, 100)).collect();
    world.cancel(ids[0], 0);
    world.run(2);
    let kinds: Vec<_> = ids.iter().map(|id| *world.kinds(*id).last().unwrap()).collect();
    assert_eq!(kinds, [Canceled, Accepted, Accepted, NotSent, NotSent]);
    assert_eq!(world.last_event(ids[4]).reason, Reason::Throttled.code());
    world.run(60);
    let later = world.buy(10, 100);
    world.run(2);
    assert_eq!(world.kinds(later), [Accepted]);
}

#[test]
fn cancels_and_their_refusals_are_told_with_their_reasons() {
    let mut world = World::up(Setup::new(14));
    let id = world.buy(100, 58_533);
    world.run(2);
    world.venue_does(Do::Fill(0, 40, 58_533));
    world.cancel(id, 0);
    world.run(2);
    assert_eq!(world.said(id)[2], (Canceled, 60, 0, 40));
    assert_eq!(world.last_event(id).reason, Reason::UserRequested.code());
    let asked = world.last("F");
    assert_eq!((&asked[&41], asked[&11].len()), (&name(id), 16));
    world.cancel(id, 0);
    world.run(2);
    assert_eq!(
        (world.last_event(id).event, world.last_event(id).reason),
        (CancelRejected.code(), Reason::UnknownOrder.code())
    );
    for (code, reason) in [(0, 0), (2, Reason::Other.code()), (6, Reason::DuplicateId.code())] {
        let id = world.buy(10, 100);
        world.run(1);
        world.books.borrow_mut().ways.refuses = Some(code);
        world.cancel(id, 0);
        world.run(2);
        let event = world.last_event(id);
        assert_eq!((event.event, event.reason, event.venue_reason), (CancelRejected.code(), reason, code));
        world.books.borrow_mut().ways.refuses = None;
        world.cancel(id, 0);
        world.run(2);
        assert_eq!(world.last_event(id).event, Canceled.code(), "a cancel may be asked for again, under a new name");
    }
}

#[test]
fn a_replace_carries_what_was_filled_and_its_refusal_leaves_the_original() {
    for (seed, dialect, asked) in [(15, "{}", "400"), (16, r#"{"replace_quantity":"remaining"}"#, "300")] {
        let mut world = World::up(Setup { dialect, ..Setup::new(seed) });
        let id = world.buy(300, 58_533);
        world.run(2);
        world.venue_does(Do::Fill(0, 100, 58_533));
        world.run(2);
        let second = world.replace(id, 400, 58_540);
        world.run(2);
        let fields = world.last("G");
        assert_eq!(
            (&*fields[&38], &fields[&41], &fields[&11], &*fields[&44]),
            (asked, &name(id), &name(second), "585.4")
        );
        if dialect != "{}" {
            continue;
        }
        assert_eq!(world.said(second), [(Replaced, 400, 300, 100)]);
        assert_eq!(world.last_event(second).original_id, id);
        world.books.borrow_mut().ways.refuses = Some(2);
        let third = world.replace(second, 500, 58_541);
        world.run(2);
        assert_eq!((world.kinds(third), world.last_event(third).original_id), (vec![ReplaceRejected], second));
        world.books.borrow_mut().ways.refuses = None;
        world.venue_does(Do::Fill(0, 300, 58_540));
        world.run(2);
        assert_eq!(world.said(second)[1], (Filled, 300, 0, 400));
    }
}

#[test]
fn a_reduction_keeps_the_order_and_later_requests_use_its_new_name() {
    let mut world = World::up(Setup::new(17));
    let id = world.buy(300, 58_533);
    world.run(2);
    world.cancel(id, 200);
    world.run(2);
    assert_eq!(world.said(id)[1], (Restated, 100, 200, 0));
    world.venue_does(Do::Fill(0, 50, 58_533));
    world.run(2);
    world.cancel(id, 0);
    world.run(2);
    assert_eq!(world.said(id)[2..], [(Filled, 50, 150, 50), (Canceled, 150, 0, 50)]);
    let (reduced, cancelled) = (world.last("G"), world.last("F"));
    assert_eq!((&*reduced[&38], &cancelled[&41]), ("200", &reduced[&11]));
}

#[test]
fn rejects_busts_corrections_and_what_nobody_asked_for() {
    for (seed, version) in (21..).zip(VERSIONS) {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        world.books.borrow_mut().ways.rejects = Some(1);
        let rejected = world.buy(10, 100);
        world.run(2);
        let event = world.last_event(rejected);
        assert_eq!(
            (world.kinds(rejected), event.reason),
            (vec![Rejected], Reason::InvalidInstrument.code()),
            "{version}"
        );
        world.books.borrow_mut().ways.rejects = None;
        let id = world.buy(100, 58_533);
        world.run(2);
        world.venue_does(Do::Fill(1, 40, 58_533));
        world.venue_does(Do::Fill(1, 10, 58_533));
        world.run(2);
        let fills: Vec<_> = world.events.iter().filter(|event| event.event == Filled.code()).copied().collect();
        assert_eq!((fills[0].execution_id, fills[1].execution_id), (3, 4), "{version}");
        world.venue_does(Do::Bust(1, "3", 40));
        world.run(2);
        assert_eq!((world.said(id)[3].0, world.last_event(id).execution_id), (Broken, 3), "{version}");
        world.venue_does(Do::Correct(1, "4", 10, 58_500));
        world.run(2);
        let event = world.last_event(id);
        assert_eq!((world.said(id)[4].0, event.execution_id, event.lots), (Corrected, 4, 10), "{version}");
        assert_eq!(event.price_nanos, 58_500 * CENT, "{version}");
        world.venue_does(Do::Restate(1, 60));
        world.run(2);
        assert_eq!(world.said(id)[5], (Restated, 40, 50, 10), "{version}");
        world.venue_does(Do::TakeOff(1, 6));
        world.run(2);
        let event = world.last_event(id);
        assert_eq!((world.said(id)[6].0, event.reason, event.lots), (Canceled, Reason::Halted.code(), 50), "{version}");
    }
}

#[test]
fn mass_cancels_are_one_message_where_the_venue_has_it_and_many_where_not() {
    let all = |world: &mut World| -> Vec<u64> {
        let ids = (0..6).map(|at| world.order(|order| order.header.instrument = 1 + at % 2)).collect();
        world.run(3);
        ids
    };
    let ended = |world: &World, ids: &[u64]| ids.iter().filter(|id| world.kinds(**id).contains(&Canceled)).count();
    for (seed, version, many) in [(31, "FIX.4.4", 1), (32, "FIX.4.2", 0)] {
        let mut world = World::up(Setup { version, ..Setup::new(seed) });
        let ids = all(&mut world);
        world.mass_cancel(|order| order.header.instrument = 2);
        world.run(3);
        assert_eq!((ended(&world, &ids), world.taken(&["q"]).len()), (3, many), "{version}");
        world.mass_cancel(|order| order.owner.strategy = 6);
        world.run(3);
        assert_eq!(ended(&world, &ids), 3, "{version}: another strategy's");
        world.mass_cancel(|order| order.owner.strategy = 5);
        world.run(3);
        assert_eq!(
            (ended(&world, &ids), world.taken(&["q"]).len()),
            (6, many),
            "{version}: of one strategy, one by one"
        );
    }
    // A venue that refuses: rejected as such, or with a report.
    let mut world = World::up(Setup::new(33));
    world.books.borrow_mut().ways.unsupported = vec!["q"];
    let ids = all(&mut world);
    world.mass_cancel(|_| ());
    world.run(5);
    assert_eq!((ended(&world, &ids), world.taken(&["q"]).len(), world.taken(&["F"]).len()), (6, 1, 6));
}

#[test]
fn a_message_that_the_venue_rejects_as_such_is_a_rejected_order() {
    let mut world = World::up(Setup::new(34));
    world.books.borrow_mut().ways.unsupported = vec!["D"];
    let id = world.buy(10, 100);
    world.run(2);
    assert_eq!((world.kinds(id), world.last_event(id).reason), (vec![Rejected], Reason::InvalidField.code()));
    world.books.borrow_mut().ways.unsupported = vec!["F", "G"];
    let id = world.buy(10, 100);
    world.run(2);
    world.cancel(id, 0);
    world.run(2);
    assert_eq!(world.kinds(id), [Accepted, CancelRejected]);
    let second = world.replace(id, 20, 100);
    world.run(2);
    assert_eq!((world.kinds(second), world.last_event(second).original_id), (vec![ReplaceRejected], id));
}
