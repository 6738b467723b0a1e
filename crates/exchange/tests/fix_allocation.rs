//! A FIX order's way through the exchange and back takes no memory: socket, session, input, book, reports, drop copy, market data.

#[path = "../../../tests/counting.rs"]
mod counting;
mod support;

use support::fix::{FixTrader, port, value};
use support::{House, config, until};
use tiles::Clock;

#[test]
fn an_order_over_fix_takes_no_memory_on_its_way() {
    let mut config = config();
    config.fix_ports = vec![
        port(11, "orders", "FIX.4.4"),
        port(12, "drop_copy", "FIX.4.4"),
        port(13, "market_data", "FIX.4.4"),
        port(14, "orders", "FIXT.1.1"),
    ];
    config.fix_ports[1].copies = vec![11, 14];
    // The next segment of a store is made ahead of need, between messages; here none is needed.
    config.fix_ports.iter_mut().for_each(|port| port.store_bytes = 16 << 20);
    let mut house = House::start(config, None);
    let mut traders: Vec<FixTrader> = house.config.fix_ports.iter().map(FixTrader::new).collect();
    for trader in &mut traders {
        trader.connect(house.clock.now_ns());
        until(&mut house, "a logon", |house| {
            trader.step(house.clock.now_ns());
            trader.is_up()
        });
    }
    traders[2].send_plain(house.clock.now_ns(), "V", "262=R|263=1|264=0|265=1|267=3|269=0|269=1|269=2|146=1|55=AAPL");
    let mut taken = 0;
    for round in 0..200 {
        let now_ns = house.clock.now_ns();
        let price = 90 + round % 9;
        for at in [0, 3] {
            let side = 1 + (round + u64::from(at == 3)) % 2;
            let trader = &mut traders[at];
            trader.send(now_ns, "D", &format!("11=D{round}|55=AAPL|54={side}|38=10|40=2|44={price}|21=1"));
            trader.send(now_ns, "G", &format!("11=G{round}|41=D{round}|55=AAPL|54={side}|38=9|40=2|44={price}|21=1"));
            trader.send(now_ns, "F", &format!("11=F{round}|41=G{round}|55=AAPL|54={side}"));
            trader.send(now_ns, "H", &format!("11=D{round}|55=AAPL|54={side}"));
            trader.send_plain(
                now_ns,
                "i",
                &format!("117=Q{round}|296=1|302=1|304=1|295=1|299=1|55=AAPL|132={}|133=110|134=5|135=5", price - 20),
            );
            trader.send(now_ns, "q", &format!("11=M{round}|530=7"));
            trader.send_plain(now_ns, "AF", &format!("584=S{round}|585=7"));
            let side = if at == 0 { 1 } else { 2 };
            trader.send(now_ns, "D", &format!("11=X{round}|55=AAPL|54={side}|38=10|40=2|44=100|21=1"));
            trader.step(now_ns);
        }
        for _ in 0..3 {
            let (_, took) = counting::counted(|| house.step());
            // The first rounds find out how much memory the tables of the session's messages need.
            taken += if round < 20 { 0 } else { took };
        }
        let now_ns = house.clock.now_ns();
        traders.iter_mut().for_each(|trader| trader.step(now_ns));
    }
    let fills = traders[0].told().iter().filter(|told| value(told, 150) == "F").count();
    assert!(fills > 20, "{fills} fills");
    assert!(traders[1].told().len() > 500 && traders[2].told().len() > 100, "copies and market data went out");
    assert_eq!(taken, 0, "allocations in 540 cycles");
}
