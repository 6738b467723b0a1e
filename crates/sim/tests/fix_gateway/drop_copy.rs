//! The drop-copy reader: every report is in its journal, over cuts and deaths, each once but for those that are marked.

use std::collections::BTreeSet;
use std::rc::Rc;

use journal::Reader;
use records::*;
use sessions::fix::{JournalSize, JournalStore, Profile, Session as FixSession};
use sim::{Random, Simulation, TileId};
use tiles::Clock;
use venues::gateway::fix::{ClientId, DropCopyConfig, DropCopyTile, Symbol};

use crate::venue::{Books, Do, Order, SharedStore, VenueTile};
use crate::world::{CENT, MILLISECOND, PORT, table};

const SEGMENT_BYTES: usize = 64 << 10;

fn start_reader(sim: &mut Simulation) -> TileId {
    let names = r#"{"begin_string":"FIX.4.4","sender_comp_id":"MERIDIAN","target_comp_id":"VENUE","initiator":true}"#;
    let profile: Profile = table(&[names]);
    let context = sim.context("drop_copy");
    let size = JournalSize { segment_bytes: SEGMENT_BYTES, segments_max: 4, messages_max: 10_000 };
    let store = JournalStore::open(context.storage.clone(), "fix", size, sim.clock.now_ns()).unwrap();
    let config = DropCopyConfig {
        name: "drop_copy".into(),
        venue: 3,
        source: 8,
        address: PORT,
        symbols: vec![(1, Symbol::new("AAPL"))],
        dialect: table(&["{}"]),
        reconnect_ns: 2 * MILLISECOND,
        journal_segment_bytes: SEGMENT_BYTES,
    };
    let session = FixSession::new(profile, Box::new(store), None);
    sim.add(Box::new(DropCopyTile::new(config, session, &context))).unwrap()
}

#[test]
fn every_report_is_written_down_whatever_dies() {
    for seed in 301..=312 {
        let mut sim = Simulation::new(seed, sim::Faults::NONE);
        sim.set_step_ns(5_000, 40_000);
        let books = Rc::new(std::cell::RefCell::new(Books::default()));
        for counter in 1..=2 {
            let id = OrderId::new(OrderIdParts { day: 2_500, shard: 1, epoch: 1, counter }).0;
            let name = String::from_utf8(ClientId::new(id, 0).letters().to_vec()).unwrap();
            let order = Order {
                names: vec![name],
                side: '2',
                lots: 1_000,
                open: true,
                symbol: "AAPL".into(),
                ..Order::default()
            };
            books.borrow_mut().orders.push(order);
        }
        let names =
            r#"{"begin_string":"FIX.4.4","sender_comp_id":"VENUE","target_comp_id":"MERIDIAN","time_digits":9}"#;
        let context = sim.context("venue");
        let store = SharedStore::new(sim.clock.now_ns());
        sim.add(Box::new(VenueTile::new(context, PORT, table(&[names]), store, Rc::clone(&books)))).unwrap();
        let mut reader = start_reader(&mut sim);
        let mut random = Random::new(seed);
        sim.run_for(10 * MILLISECOND);
        let mut said = BTreeSet::new();
        for number in 1..=200 {
            let order = random.between(0, 1) as usize;
            books.borrow_mut().script.push_back(Do::Fill(order, 2, 100 + number));
            said.insert(number as u64);
            match random.between(0, 20) {
                0 => sim.net.cut_streams(),
                1 => {
                    sim.kill(reader);
                    reader = start_reader(&mut sim);
                }
                _ => {}
            }
            sim.run_for(random.between(0, MILLISECOND / 2));
        }
        // A refused cancel, a bust, and what is no report.
        books.borrow_mut().script.push_back(Do::Bust(0, "1", 2));
        sim.run_for(40 * MILLISECOND);
        sim.kill(reader);
        let disk = sim.disk("drop_copy");
        let mut journal = Reader::from_storage(&disk, SEGMENT_BYTES).unwrap();
        let (mut kept, mut broken) = (BTreeSet::new(), 0);
        while let Some((_, record)) = journal.next().unwrap() {
            let Ok(RecordRef::OrderEvent(event)) = parse(record) else { panic!("seed {seed}: {record:?}") };
            if event.event == OrderEventKind::Broken.code() {
                assert_eq!((event.execution_id, event.lots), (1, 2), "seed {seed}");
                broken += 1;
                continue;
            }
            assert_eq!(event.event, OrderEventKind::Filled.code(), "seed {seed}");
            assert_eq!((event.lots, event.side, event.header.instrument), (2, Side::Sell.code(), 1), "seed {seed}");
            assert_eq!(event.price_nanos, (100 + event.execution_id as i64) * CENT, "seed {seed}");
            assert_ne!(event.owner.order_id, 0, "seed {seed}: its order's id is in its name");
            assert!(kept.insert(event.execution_id) || event.possible_duplicate == 1, "seed {seed}: {event:?}");
        }
        assert_eq!((kept, broken), (said, 1), "seed {seed}");
    }
}
