//! The whole exchange over loopback sockets: orders in by OUCH, market data out by ITCH, recovery of both.

mod support;

use exchange::CommandSource;
use records::{
    ExchangeCancel, ExchangeEnter, ExchangeReplace, OrderType, RECORD_BYTES_MAX, SelfTrade, TimeInForce, bytes_of,
};
use support::ouch::{enter, log_in, send};
use support::{FeedBook, House, Listener, Trader, ask_again, config, told, until};
use tiles::{Clock, Tile};
use wire::itch50::{Message, decode};
use wire::ouch50::{
    AccountQueryFields, AppendageBuffer, CancelOrderFields, EnterOrderFields, MassCancelFields, ModifyOrderFields,
    Outbound, ReplaceOrderFields, decode_outbound,
};

const SESSION: [u8; 10] = *b"HOUSE1    ";

fn letters(trader: &Trader) -> String {
    trader.told.iter().map(|message| char::from(message[0])).collect()
}

#[test]
fn orders_trade_over_ouch_and_the_feed_shows_it() {
    let mut house = House::start(config(), None);
    let mut listener = Listener::join(&house.config, &[0, 1]);
    let (mut maker, mut taker) = (log_in(&mut house, 0, 1), log_in(&mut house, 1, 1));
    told(&mut house, &mut maker, 1); // The start of the day.
    let reserve = AppendageBuffer::default().max_floor(100).bytes().to_vec();
    send(&house, &mut maker, |out| {
        EnterOrderFields { display: b'A', appendage: &reserve, ..enter(1, b'S', 250, 1_000_100) }.encode(out)
    });
    told(&mut house, &mut maker, 2);
    // Fill-or-kill for more than there is, then for what there is.
    let all = AppendageBuffer::default().min_qty(300).bytes().to_vec();
    send(&house, &mut taker, |out| {
        EnterOrderFields { time_in_force: b'3', appendage: &all, ..enter(1, b'B', 300, 1_000_100) }.encode(out)
    });
    send(&house, &mut taker, |out| {
        EnterOrderFields { time_in_force: b'3', ..enter(2, b'B', 120, 0x7fff_ffff) }.encode(out)
    });
    told(&mut house, &mut taker, 6);
    assert_eq!(letters(&taker), "SACAEE");
    told(&mut house, &mut maker, 5);
    assert_eq!(letters(&maker), "SAERE", "accepted, executed, refilled, executed");
    let Ok(Outbound::Restated(restated)) = decode_outbound(&maker.told[3]) else { panic!("a refill restates") };
    assert_eq!(restated.appendage().display_quantity(), Some(100));
    send(&house, &mut maker, |out| {
        CancelOrderFields { user_ref_num: 1, quantity: 200, ..Default::default() }.encode(out)
    });
    send(&house, &mut maker, |out| {
        ModifyOrderFields { user_ref_num: 1, side: b'T', quantity: 150, ..Default::default() }.encode(out)
    });
    send(&house, &mut maker, |out| AccountQueryFields::default().encode(out));
    send(&house, &mut maker, |out| MassCancelFields { user_ref_num: 9, ..Default::default() }.encode(out));
    told(&mut house, &mut maker, 10);
    assert_eq!(letters(&maker), "SAERECMQCX");
    let Ok(Outbound::AccountQueryResponse(next)) = decode_outbound(&maker.told[7]) else {
        panic!("a query is answered")
    };
    assert_eq!(next.next_user_ref_num(), 2);
    until(&mut house, "the feed", |_| {
        listener.step();
        listener.messages.last().is_some_and(|message| message[0] == b'D')
    });
    let feed: String = listener.messages.iter().map(|message| char::from(message[0])).collect();
    assert_eq!(feed, "SRHYRHYSSFEFEXD", "the cancel comes off the reserve, which the feed does not show");
    let Ok(Message::AddOrderMpid(add)) = decode(&listener.messages[9]) else { panic!("attributed") };
    assert_eq!((add.attribution(), add.shares(), add.price(), add.stock_locate()), (*b"MMKR", 100, 1_000_100, 101));
    let again = ask_again(&mut house, SESSION, 3, 8);
    assert_eq!(again, listener.messages[2..10]);
}

#[test]
fn a_session_goes_on_where_it_was_and_its_orders_are_cancelled_on_disconnect() {
    let mut house = House::start(config(), None);
    let (mut maker, mut other) = (log_in(&mut house, 0, 1), log_in(&mut house, 1, 1));
    for (trader, side) in [(&mut maker, b'B'), (&mut other, b'S')] {
        send(&house, trader, |out| enter(1, side, 10, if side == b'B' { 990_000 } else { 1_010_000 }).encode(out));
        told(&mut house, trader, 2);
    }
    maker.hang_up();
    other.hang_up();
    (0..50).for_each(|_| {
        house.step();
    });
    let mut maker = log_in(&mut house, 0, 2);
    told(&mut house, &mut maker, 2);
    assert_eq!(letters(&maker), "AC", "the acceptance again, then the cancel that the lost connection caused");
    let Ok(Outbound::Canceled(gone)) = decode_outbound(&maker.told[1]) else { panic!("cancelled") };
    assert_eq!(gone.cancel_order_reason(), b'Z');
    let mut other = log_in(&mut house, 1, 1);
    send(&house, &mut other, |out| {
        ReplaceOrderFields {
            orig_user_ref_num: 1,
            user_ref_num: 2,
            quantity: 20,
            price: 1_010_000,
            time_in_force: b'0',
            display: b'Y',
            inter_market_sweep_eligibility: b'N',
            cl_ord_id: *b"more          ",
            appendage: &[],
        }
        .encode(out)
    });
    told(&mut house, &mut other, 3);
    assert_eq!(letters(&other), "SAU", "this session's orders outlive its connection");
    // A second login takes the place of the first.
    let mut heir = log_in(&mut house, 1, 1);
    told(&mut house, &mut heir, 3);
    until(&mut house, "the first to be cut off", |house| {
        other.step(house.clock.now_ns());
        other.ended
    });
    let mut stranger = Trader::connect(house.config.ports[1].listen, "user2", "guess", 1);
    until(&mut house, "the refusal", |house| {
        stranger.step(house.clock.now_ns());
        stranger.ended
    });
    assert!(!stranger.up);
}

#[test]
fn refusals_say_why_and_garbage_is_counted_not_answered() {
    let mut house = House::start(config(), None);
    let mut trader = log_in(&mut house, 1, 1);
    let wrong: [(EnterOrderFields<'_>, u16); 5] = [
        (EnterOrderFields { symbol: *b"NOPE    ", ..enter(1, b'B', 1, 10_000) }, 0x0017),
        (enter(2, b'B', 0, 10_000), 0x0013),
        (enter(3, b'B', 1, 10_001), 0x001d),
        (EnterOrderFields { display: b'M', ..enter(4, b'B', 1, 10_000) }, 0x000f),
        (enter(5, b'B', 1, u64::MAX), 0x001d),
    ];
    for (message, _) in &wrong {
        send(&house, &mut trader, |out| message.encode(out));
    }
    trader.send(house.clock.now_ns(), b"?what is this");
    send(&house, &mut trader, |out| enter(5, b'B', 1, 10_000).encode(out)); // A number again: ignored.
    send(&house, &mut trader, |out| EnterOrderFields { display: b'P', ..enter(6, b'B', 1, 10_000) }.encode(out));
    told(&mut house, &mut trader, 7);
    assert_eq!(letters(&trader), "SJJJJJA");
    for (message, (_, reason)) in trader.told[1..6].iter().zip(wrong) {
        let Ok(Outbound::Rejected(rejected)) = decode_outbound(message) else { panic!("refused") };
        assert_eq!(rejected.reason(), reason);
        assert_eq!(rejected.cl_ord_id(), *b"text          ");
    }
}

/// Random orders of an inner session.
struct Flow {
    state: u64,
    number: u64,
    left: usize,
}

impl Flow {
    fn new(seed: u64, commands: usize) -> Self {
        Self { state: seed, number: 0, left: commands }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % bound
    }

    fn enter(&mut self) -> ExchangeEnter {
        let mut command = ExchangeEnter::new();
        (command.header.source, command.header.instrument) = (3, 1 + self.below(2) as u32);
        self.number += 1;
        command.user_ref = self.number;
        command.side = 1 + self.below(2) as u8;
        command.order_type = OrderType::Limit.code();
        command.time_in_force = match self.below(4) {
            0 => TimeInForce::ImmediateOrCancel.code(),
            1 => TimeInForce::Day.code(),
            _ => TimeInForce::GoodTillCancel.code(),
        };
        command.lots = 1 + self.below(300) as i64;
        command.price_nanos = 100_000_000_000 + (self.below(40) as i64 - 20) * 250_000_000;
        command.display_lots = if self.below(4) == 0 { (command.lots / 3).max(1) } else { 0 };
        command.hidden = u8::from(command.display_lots == 0 && self.below(10) == 0);
        (command.owner, command.self_trade) = (5 * self.below(2) as u32, SelfTrade::Decrement.code());
        if self.below(3) == 0 {
            command.participant = *b"FLOW";
        }
        command
    }

    fn old_number(&mut self) -> u64 {
        self.number.saturating_sub(self.below(200)).max(1)
    }
}

impl CommandSource for Flow {
    fn next(&mut self, _now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let mut put = |bytes: &[u8]| {
            out[..bytes.len()].copy_from_slice(bytes);
            Some(bytes.len())
        };
        match self.below(10) {
            0 | 1 => {
                let mut command = ExchangeCancel::new();
                command.header.source = 3;
                command.user_ref = self.old_number();
                (command.lots, command.relative) = (self.below(2) as i64 * 20, 1);
                command.relative = u8::from(command.lots > 0);
                put(bytes_of(&command))
            }
            2 | 3 => {
                let mut command = ExchangeReplace::new();
                command.header.source = 3;
                command.original_ref = self.old_number();
                self.number += 1;
                command.user_ref = self.number;
                command.lots = 1 + self.below(300) as i64;
                command.price_nanos = 100_000_000_000 + (self.below(40) as i64 - 20) * 250_000_000;
                command.hidden = u8::from(self.below(10) == 0);
                put(bytes_of(&command))
            }
            _ => put(bytes_of(&self.enter())),
        }
    }
}

#[test]
fn a_late_joiner_and_the_feed_show_the_same_book_and_a_restart_goes_on() {
    let mut house = House::start(config(), Some(Box::new(Flow::new(11, 4_000))));
    let mut listener = Listener::join(&house.config, &[1]);
    let mut quiet = 0;
    until(&mut house, "the flow's end", |house| {
        listener.step();
        quiet = if house.step() == 0 { quiet + 1 } else { 0 };
        quiet > 100
    });
    let mut book = FeedBook::default();
    listener.messages.iter().for_each(|message| book.apply(message));
    assert!(book.orders.len() > 50 && book.trades > 500, "{} orders, {} trades", book.orders.len(), book.trades);

    let mut joiner = Trader::connect(house.config.snapshot, "glimps", "secret", 1);
    until(&mut house, "the snapshot's end", |house| {
        joiner.step(house.clock.now_ns());
        joiner.told.last().is_some_and(|message| message[0] == b'G')
    });
    let mut late = FeedBook::default();
    joiner.told.iter().for_each(|message| late.apply(message));
    assert_eq!(late.orders, book.orders);
    let Some(Ok(Message::EndOfSnapshot(end))) = joiner.told.last().map(|message| decode(message)) else { panic!() };
    assert_eq!(wire::digits(&end.sequence_number()), Some(listener.messages.len() as u64 + 1));

    // Another life on the same journal: the same state, the feed still there to be asked for.
    let before = house.tile.state_hash();
    house.tile.on_close(house.clock.now_ns());
    let mut again = House::start_on(config(), house.storage.clone(), None);
    let last = listener.messages.len() as u64;
    assert_ne!(again.tile.state_hash(), before, "the restart itself is an event");
    assert_eq!(ask_again(&mut again, SESSION, last - 49, 50), listener.messages[listener.messages.len() - 50..]);
    let mut trader = log_in(&mut again, 0, 1);
    told(&mut again, &mut trader, 1);
    assert_eq!(letters(&trader), "S", "the start of the first life");
}

#[test]
fn a_wrong_configuration_is_refused_with_every_error() {
    let settings = r#"{"name": "house", "kind": "exchange", "settings": {
        "name": "house", "venue": 1, "feed_session": "much too long a name", "lines": ["127.0.0.1:5000"],
        "interface": "127.0.0.1", "retransmission": "127.0.0.1:5001", "snapshot": "here", "snapshot_username": "feed",
        "snapshot_password_file": "/dev/null", "levels": 5, "flow": [{"session": 9, "instrument": 1, "symbol": "A",
            "fit": "ibm", "seed": 1}],
        "ports": [{"session": 0, "listen": "127.0.0.1:5002", "username": "us", "password_file": "/no/such/file",
            "self_trade": "sometimes"}],
        "listings": [{"instrument": 1, "symbol": "A", "locate": 1, "tick_nanos": 7}]}}"#;
    let spec = tiles::TileSpec::parse(settings).unwrap();
    let errors = (exchange::KIND.check)(&spec, &tiles::Ends::default());
    let begins: Vec<_> = errors.iter().filter_map(|error| error.split(&[' ', ':']).next()).collect();
    let keys = [
        "levels",
        "feed_session",
        "lines",
        "snapshot",
        "snapshot_password_file",
        "ports[0].session",
        "ports[0].password_file",
        "ports[0].self_trade",
        "flow[0].fit",
        "listings[0].tick_nanos",
    ]; // every key that is wrong, in the order of the settings' declaration
    assert_eq!(begins, keys.map(|key| format!("tiles.house.settings.{key}")), "{errors:#?}");
}

#[test]
fn tables_that_do_not_fit_together_are_refused_with_every_error() {
    let mut wrong = config();
    wrong.ports[1].session = 1;
    wrong.listings.push(wrong.listings[0].clone());
    let Err(errors) = wrong.check() else { panic!("wrong") };
    let lines: Vec<_> = errors.0.lines().collect();
    assert_eq!(lines.len(), 4, "{errors}");
    assert!(lines[0].ends_with("ports[1].session = 1: stands twice; each session has a number of its own"), "{errors}");
}
