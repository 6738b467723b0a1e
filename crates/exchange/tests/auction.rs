//! Auctions of the whole exchange: OUCH and FIX orders collected, told where they stand, kept over a restart, crossed at one
//! price; and a day by the timetable.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use exchange::{CommandSource, ExchangeConfig, PhaseConfig};
use records::{AuctionAction, AuctionKind, ExchangeAuction, RECORD_BYTES_MAX, UNDEF_PRICE, bytes_of};
use support::fix::{FixTrader, hold_against_dictionary, line, log_on, port, told as told_fix, up};
use support::ouch::{enter, log_in, send};
use support::{FeedBook, House, Listener, Trader, config, told, until};
use tiles::{Clock, Tile};
use wire::itch50::{Message, decode};
use wire::ouch50::{CancelOrderFields, EnterOrderFields, Outbound, decode_outbound};

const MARKET: u64 = 0x7fff_ffff;
const MINUTE_NS: u64 = 60_000_000_000;

/// What an operator asks for, one command a turn.
#[derive(Clone, Default)]
struct Operator(Rc<RefCell<VecDeque<ExchangeAuction>>>);

impl Operator {
    fn asks(&self, action: AuctionAction, set: impl FnOnce(&mut ExchangeAuction)) {
        let mut command = ExchangeAuction::new();
        (command.header.venue, command.header.instrument, command.action) = (1, 1, action.code());
        command.reference_nanos = UNDEF_PRICE;
        set(&mut command);
        self.0.borrow_mut().push_back(command);
    }
}

impl CommandSource for Operator {
    fn next(&mut self, _now_ns: u64, out: &mut [u8; RECORD_BYTES_MAX]) -> Option<usize> {
        let command = self.0.borrow_mut().pop_front()?;
        out[..size_of_val(&command)].copy_from_slice(bytes_of(&command));
        Some(size_of_val(&command))
    }
}

fn phase(word: &str, at_ms: u64) -> PhaseConfig {
    let (late_ms, too_late) = (0, "both".to_owned());
    PhaseConfig { phase: word.into(), at_ms, since: "start".into(), instrument: 0, late_ms, too_late }
}

fn house_config() -> ExchangeConfig {
    let mut config = config();
    config.ports[0].cancel_on_disconnect = "none".into();
    config.fix_ports = vec![port(11, "orders", "FIX.4.4"), port(12, "drop_copy", "FIX.4.4")];
    config.fix_ports.push(port(14, "market_data", "FIXT.1.1"));
    config.fix_ports[1].copies = vec![11];
    config.timetable = vec![phase("pre_open", 0), phase("opening_call", 0)];
    config.indicate_ms = 1;
    config
}

/// Kinds of feed messages, from one on.
fn kinds(messages: &[Vec<u8>]) -> String {
    messages.iter().map(|message| char::from(message[0])).collect()
}

fn fills(trader: &Trader) -> Vec<(u32, u32, u64, u8)> {
    let read = |message: &Vec<u8>| match decode_outbound(message) {
        Ok(Outbound::Executed(view)) => {
            Some((view.user_ref_num(), view.quantity(), view.price(), view.liquidity_flag()))
        }
        _ => None,
    };
    trader.told.iter().filter_map(read).collect()
}

/// Waits until the last imbalance of the feed says this: paired, left, side, near, reference, kind.
fn stands(house: &mut House, listener: &mut Listener, wanted: (u64, u64, u8, u32, u32, u8)) {
    until(house, "where the call stands", |_| {
        listener.step();
        let said = listener.messages.iter().rev().filter_map(|message| match decode(message) {
            Ok(Message::NetOrderImbalance(view)) if view.stock_locate() == 101 => Some(view),
            _ => None,
        });
        let Some(view) = said.take(1).next() else { return false };
        let (near, reference) = (view.near_price(), view.current_reference_price());
        let lots = (view.paired_shares(), view.imbalance_shares());
        (lots.0, lots.1, view.imbalance_direction(), near, reference, view.cross_type()) == wanted
    });
}

/// Waits for the state after an auction; the feed tells of one of a hundred shares at 100.
fn crossed_once(house: &mut House, listener: &mut Listener) {
    until(house, "the state after the auction", |_| {
        listener.step();
        kinds(&listener.messages).trim_end_matches('I').ends_with("QH")
    });
    let told: Vec<_> = listener.messages.iter().filter(|message| message[0] != b'I').rev().take(2).collect();
    let Ok(Message::CrossTrade(cross)) = decode(told[1]) else { panic!("a cross") };
    assert_eq!((cross.shares(), cross.cross_price(), cross.cross_type()), (100, 1_000_000, b'O'));
    let Ok(Message::StockTradingAction(state)) = decode(told[0]) else { panic!("a state") };
    assert_eq!((state.trading_state(), state.stock()), (b'T', *b"AAPL    "));
    assert_eq!(kinds(&listener.messages).matches('Q').count(), 1);
}

#[test]
fn an_opening_collects_over_ouch_and_fix_outlives_a_restart_and_crosses_at_one_price() {
    let mut house = House::start(house_config(), None);
    let mut listener = Listener::join(&house.config, &[0, 1]);
    let (mut seller, mut buyer) = (log_in(&mut house, 0, 1), log_in(&mut house, 1, 1));
    let mut desk = log_on(&mut house, 0);
    let mut reader = log_on(&mut house, 2);
    send(&house, &mut seller, |out| enter(1, b'S', 100, 1_000_000).encode(out));
    send(&house, &mut buyer, |out| EnterOrderFields { cross_type: b'O', ..enter(1, b'B', 60, MARKET) }.encode(out));
    told(&mut house, &mut buyer, 2);
    send(&house, &mut buyer, |out| enter(2, b'B', 30, 1_000_100).encode(out));
    // Nothing trades at once now, nor waits for an auction that no order of this kind is for.
    send(&house, &mut buyer, |out| {
        EnterOrderFields { time_in_force: b'3', ..enter(3, b'B', 5, 1_000_000) }.encode(out)
    });
    told(&mut house, &mut seller, 2);
    told(&mut house, &mut buyer, 4);
    let Ok(Outbound::Rejected(refused)) = decode_outbound(&buyer.told[3]) else { panic!("refused") };
    assert_eq!((refused.user_ref_num(), refused.reason()), (3, 2));
    desk.send(house.clock.now_ns(), "D", "11=A1|55=AAPL|54=1|38=50|40=2|44=100|59=2");
    told_fix(&mut house, &mut desk, 1);
    assert_eq!(line(&desk.told()[0], &[150, 39, 38, 44, 59]), "150=0|39=0|38=50|44=100|59=2");
    reader.send_plain(house.clock.now_ns(), "V", "262=R1|263=1|264=0|265=1|267=2|269=A|269=Q|146=1|55=AAPL");
    told_fix(&mut house, &mut reader, 2);
    assert_eq!(line(&reader.told()[0], &[35, 268]), "35=W|268=2", "what the call said last");
    assert_eq!(
        line(&reader.told()[1], &[35, 268, 279, 269, 270, 271, 277]),
        "35=X|268=2|279=0|269=A|270=100|271=40|277=P"
    );
    hold_against_dictionary(&house.config.fix_ports[2], &reader);
    // 90 buys want 100.01 and better, 140 want 100.00; 100 are for sale.
    stands(&mut house, &mut listener, (100, 40, b'B', 1_000_000, 1_000_000, b'O'));
    assert!(!kinds(&listener.messages).contains(['A', 'F']), "the feed shows no order of a call");

    let (config, storage, hash) = (house.config.clone(), house.storage.clone(), house.tile.state_hash());
    [&mut seller, &mut buyer].into_iter().for_each(Trader::hang_up);
    desk.hang_up(house.clock.now_ns());
    drop(house);
    let operator = Operator::default();
    let mut house = House::start_on(config, storage, Some(Box::new(operator.clone())));
    assert_ne!(hash, 0);
    let (mut seller, mut buyer) = (log_in(&mut house, 0, 1), log_in(&mut house, 1, 1));
    up(&mut house, &mut desk);
    let mut copies = FixTrader::new(&house.config.fix_ports[1]);
    up(&mut house, &mut copies);
    operator.asks(AuctionAction::Uncross, |_| {});
    told(&mut house, &mut buyer, 6);
    told(&mut house, &mut seller, 5);
    // The market order first, then the better price; the last ten go to the order for this auction alone, which then ends.
    assert_eq!(fills(&buyer), [(1, 60, 1_000_000, b'M'), (2, 30, 1_000_000, b'M')]);
    assert_eq!(fills(&seller).iter().map(|fill| fill.1).sum::<u32>(), 100);
    told_fix(&mut house, &mut desk, 3);
    let lines: Vec<String> = desk.told()[1..].iter().map(|told| line(told, &[17, 150, 39, 32, 31, 151, 14])).collect();
    assert_eq!(lines[0], "17=M3R|150=F|39=1|32=10|31=100|151=40|14=10");
    assert!(lines[1].ends_with("150=C|39=C|151=0|14=10"), "{}", lines[1]);
    told_fix(&mut house, &mut copies, 3);
    assert_eq!(line(&copies.told()[1], &[17, 150, 32, 31]), "17=M3R|150=F|32=10|31=100");
    hold_against_dictionary(&house.config.fix_ports[0], &desk);
    crossed_once(&mut house, &mut listener);
    house.step();
    assert_eq!(house.count("exchange.resting_orders"), 0);
}

#[test]
fn a_halt_reopens_by_an_auction_that_it_can_be_too_late_for() {
    let operator = Operator::default();
    let mut config = house_config();
    config.timetable.clear();
    let mut house = House::start(config, Some(Box::new(operator.clone())));
    let mut listener = Listener::join(&house.config, &[0, 1]);
    let (mut seller, mut buyer) = (log_in(&mut house, 0, 1), log_in(&mut house, 1, 1));
    send(&house, &mut seller, |out| enter(1, b'S', 100, 1_000_500).encode(out));
    told(&mut house, &mut seller, 2);
    operator.asks(AuctionAction::Call, |call| {
        (call.kind, call.reference_nanos) = (AuctionKind::Halt.code(), 100_000_000_000);
    });
    operator.asks(AuctionAction::Indicate, |_| {});
    until(&mut house, "the call", |house| {
        house.step();
        operator.0.borrow().is_empty()
    });
    send(&house, &mut buyer, |out| enter(1, b'B', 40, 1_001_000).encode(out));
    told(&mut house, &mut buyer, 2);
    stands(&mut house, &mut listener, (40, 60, b'S', 1_000_500, 1_000_500, b'H'));
    operator.asks(AuctionAction::Call, |call| {
        (call.kind, call.cutoff_ns, call.restricts) = (AuctionKind::Halt.code(), 1, 3);
    });
    operator.asks(AuctionAction::Indicate, |_| {});
    until(&mut house, "the cut-off", |house| {
        house.step();
        operator.0.borrow().is_empty()
    });
    send(&house, &mut seller, |out| {
        CancelOrderFields { user_ref_num: 1, quantity: 0, ..Default::default() }.encode(out)
    });
    send(&house, &mut seller, |out| enter(2, b'S', 5, 1_000_500).encode(out));
    send(&house, &mut buyer, |out| enter(2, b'B', 10, 1_000_500).encode(out));
    told(&mut house, &mut seller, 4);
    assert_eq!(kinds(&seller.told), "SAIJ", "neither a cancel nor more of what is left over");
    told(&mut house, &mut buyer, 3);
    operator.asks(AuctionAction::Uncross, |_| {});
    told(&mut house, &mut seller, 6);
    told(&mut house, &mut buyer, 5);
    assert_eq!(fills(&buyer), [(1, 40, 1_000_500, b'K'), (2, 10, 1_000_500, b'K')]);
    until(&mut house, "trading", |_| {
        listener.step();
        kinds(&listener.messages).ends_with("QH")
    });
    // The displayed order leaves the book by executions that do not count; fifty are left of it.
    let mut book = FeedBook::default();
    let mut taken = 0;
    for message in &listener.messages {
        match decode(message) {
            Ok(Message::OrderExecutedWithPrice(view)) => {
                assert_eq!((view.printable(), view.execution_price()), (b'N', 1_000_500));
                taken += view.executed_shares();
            }
            _ => book.apply(message),
        }
    }
    assert_eq!((taken, book.orders.values().map(|order| order.2).sum::<u32>()), (50, 100));
    house.step();
    assert_eq!(house.count("exchange.resting_orders"), 1);
}

#[test]
fn a_day_goes_by_its_timetable_and_what_was_missed_is_made_up_for() {
    let mut config = house_config();
    let minutes = |minute: u64| minute * 60_000;
    config.timetable = vec![phase("pre_open", 0), phase("opening_call", minutes(1)), phase("trading", minutes(2))];
    config.timetable.extend([phase("closing_call", minutes(3)), phase("closed", minutes(4))]);
    config.fix_ports.clear();
    let mut house = House::start(config, None);
    let mut listener = Listener::join(&house.config, &[0, 1]);
    let start_ns = house.clock.now_ns();
    house.tile.do_work(start_ns);
    house.tile.do_work(start_ns + MINUTE_NS + 1);
    let (config, storage) = (house.config.clone(), house.storage.clone());
    house.tile.on_close(start_ns + MINUTE_NS + 1);
    listener.step();
    let states = |listener: &Listener| -> Vec<(u8, [u8; 4])> {
        let read = |message: &Vec<u8>| match decode(message) {
            Ok(Message::StockTradingAction(view)) if view.stock_locate() == 101 => {
                Some((view.trading_state(), view.reason()))
            }
            _ => None,
        };
        listener.messages.iter().filter_map(read).collect()
    };
    assert_eq!(states(&listener), [(b'H', *b"PREO"), (b'H', *b"PREO"), (b'Q', *b"AUCO")]);
    drop(house);
    // It comes again after the opening was due, and goes on from the call in which it went.
    let mut house = House::start_on(config, storage, None);
    let before = listener.messages.len();
    for minute in [2, 3, 4] {
        house.tile.do_work(start_ns + minute * MINUTE_NS + MINUTE_NS / 2);
    }
    until(&mut house, "the close", |_| {
        listener.step();
        states(&listener).last() == Some(&(b'H', *b"CLSD"))
    });
    let later = &states(&listener)[3..];
    let expected = [(b'Q', *b"AUCO"), (b'T', *b"    "), (b'Q', *b"AUCC"), (b'H', *b"CLSD")];
    assert_eq!(later, expected, "listed again in its call, then as the timetable says");
    assert_eq!(kinds(&listener.messages[before..]).matches('Q').count(), 4, "both auctions of both instruments");
}

/// An exchange before its open, with one FIX session for market data, and who leads its day.
fn before_the_open(begin_string: &str) -> (House, FixTrader, Operator) {
    let operator = Operator::default();
    let mut config = house_config();
    config.timetable = vec![phase("pre_open", 0)];
    config.fix_ports = vec![port(14, "market_data", begin_string)];
    let mut house = House::start(config, Some(Box::new(operator.clone())));
    let reader = log_on(&mut house, 0);
    (house, reader, operator)
}

/// What a reader was told of one kind.
fn lines(reader: &FixTrader, kind: &str, tags: &[u32]) -> Vec<String> {
    reader.told().iter().filter(|told| line(told, &[35]) == kind).map(|told| line(told, tags)).collect()
}

#[test]
fn each_phase_of_a_day_is_told_over_fix_in_the_words_of_the_version() {
    let [pre, opening, trades, closing, closed] = ["625=1", "625=2", "625=3", "625=4", "625=5"];
    for (version, subs, statuses) in [
        ("FIX.4.2", [""; 5], ["18", "5", "17", "5", "18"]),
        ("FIX.4.4", [pre, opening, trades, closing, closed], ["21", "22", "17", "5", "18"]),
        ("FIXT.1.1", [pre, opening, trades, closing, closed], ["21", "24", "17", "24", "26"]),
    ] {
        let (mut house, mut reader, operator) = before_the_open(version);
        let now_ns = house.clock.now_ns();
        reader.send_plain(now_ns, "e", "324=S1|55=AAPL|263=1");
        reader.send_plain(now_ns, "g", "335=T1|263=1");
        reader.send_plain(now_ns, "e", "324=S2|55=AAPL|263=0");
        told_fix(&mut house, &mut reader, 3);
        let (call, uncross) = (AuctionAction::Call, AuctionAction::Uncross);
        let steps = [(call, AuctionKind::Opening), (uncross, AuctionKind::Opening), (call, AuctionKind::Closing)];
        for (at, (action, kind)) in steps.into_iter().chain([(uncross, AuctionKind::Closing)]).enumerate() {
            operator.asks(action, |command| (command.header.instrument, command.kind) = (0, kind.code()));
            told_fix(&mut house, &mut reader, 3 + 2 * (at + 1));
        }
        let joined =
            |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("|");
        let asked = |at: usize, id: &str, status: &str| {
            let asked = if at == 0 { "325=N" } else { "325=Y" };
            joined(&[id, subs[at], asked, &format!("326={status}")])
        };
        let mut wanted: Vec<String> = (0..5).map(|at| asked(at, "324=S1", statuses[at])).collect();
        wanted.insert(1, asked(0, "324=S2", statuses[0]));
        assert_eq!(lines(&reader, "35=f", &[324, 625, 325, 326]), wanted, "{version}");
        let whole: Vec<String> =
            (0..5).map(|at| joined(&[subs[at], ["340=4", "340=4", "340=2", "340=5", "340=3"][at]])).collect();
        assert_eq!(lines(&reader, "35=h", &[625, 340]), whole, "{version}");
        hold_against_dictionary(&house.config.fix_ports[0], &reader);
    }
}

#[test]
fn what_of_status_requests_is_wrong_is_said_and_what_was_ended_is_not_told() {
    let (mut house, mut reader, operator) = before_the_open("FIX.4.4");
    let now_ns = house.clock.now_ns();
    for (kind, body) in [
        ("e", "324=S1|55=NONE|263=1"),
        ("e", "324=S1|55=AAPL|263=2"),
        ("g", "335=T1|336=2|263=1"),
        ("e", "324=S1|55=AAPL|263=1"),
        ("e", "324=S1|55=AAPL|263=1"),
        ("e", "324=S1|55=AAPL|263=7"),
        ("e", "324=S1|55=AAPL|263=2"),
        ("e", "324=S2|55=AAPL|263=0"),
    ] {
        reader.send_plain(now_ns, kind, body);
    }
    told_fix(&mut house, &mut reader, 6);
    operator.asks(AuctionAction::Call, |_| {});
    until(&mut house, "the call", |house| {
        reader.step(house.clock.now_ns());
        operator.0.borrow().is_empty()
    });
    reader.send_plain(house.clock.now_ns(), "e", "324=S3|55=AAPL|263=0");
    told_fix(&mut house, &mut reader, 7);
    let told: Vec<String> =
        reader.told().iter().map(|told| line(told, &[35, 324, 335, 380, 325, 326, 340, 567])).collect();
    let wanted = [
        "35=f|324=S1|325=N|326=20",
        "35=j|380=1",
        "35=h|335=T1|340=6|567=1",
        "35=f|324=S1|325=N|326=21",
        "35=j|380=0",
        "35=f|324=S2|325=N|326=21",
        "35=f|324=S3|325=N|326=22",
    ];
    assert_eq!(told, wanted);
    assert_eq!(lines(&reader, "35=f", &[325]).iter().filter(|told| *told == "325=Y").count(), 0);
    hold_against_dictionary(&house.config.fix_ports[0], &reader);
}

#[test]
fn market_data_tell_of_calls_and_of_the_prices_of_the_days_auctions_over_a_restart() {
    let (mut house, mut reader, operator) = before_the_open("FIXT.1.1");
    let (mut seller, mut buyer) = (log_in(&mut house, 0, 1), log_in(&mut house, 1, 1));
    operator.asks(AuctionAction::Call, |command| command.kind = AuctionKind::Opening.code());
    send(&house, &mut seller, |out| enter(1, b'S', 100, 1_000_000).encode(out));
    send(&house, &mut buyer, |out| enter(1, b'B', 60, 1_000_100).encode(out));
    until(&mut house, "the call", |house| {
        house.step();
        operator.0.borrow().is_empty()
    });
    told(&mut house, &mut seller, 2);
    told(&mut house, &mut buyer, 2);
    operator.asks(AuctionAction::Indicate, |_| {});
    until(&mut house, "where the call stands", |house| {
        house.step();
        operator.0.borrow().is_empty()
    });
    house.step();
    let asks = "263=1|264=0|265=1|267=4|269=A|269=Q|269=4|269=5|146=1|55=AAPL";
    reader.send_plain(house.clock.now_ns(), "V", &format!("262=R1|{asks}"));
    told_fix(&mut house, &mut reader, 1);
    let first = line(&reader.told()[0], &[35, 268]);
    assert_eq!(first, "35=W|268=2", "what the call said last, and no price of an auction yet");
    let raw = String::from_utf8_lossy(&reader.raw()[reader.raw().len() - 1]).replace('\u{1}', "|");
    assert!(raw.contains("269=A|270=100|271=40|277=Q|269=Q|270=100|271=60|"), "{raw}");
    operator.asks(AuctionAction::Uncross, |_| {});
    until(&mut house, "the opening's price", |house| {
        reader.step(house.clock.now_ns());
        lines(&reader, "35=X", &[269, 270, 271]).iter().any(|told| told.starts_with("269=4|"))
    });
    assert!(lines(&reader, "35=X", &[269, 270, 271]).contains(&"269=4|270=100|271=60".to_owned()));
    hold_against_dictionary(&house.config.fix_ports[0], &reader);

    let (config, storage) = (house.config.clone(), house.storage.clone());
    reader.hang_up(house.clock.now_ns());
    drop(house);
    let mut house = House::start_on(config, storage, None);
    up(&mut house, &mut reader);
    let before = reader.told().len();
    reader.send_plain(house.clock.now_ns(), "V", &format!("262=R2|{asks}"));
    told_fix(&mut house, &mut reader, before + 1);
    assert_eq!(line(&reader.told()[before], &[35, 268, 269, 270, 271]), "35=W|268=1|269=4|270=100|271=60");
}
