//! The whole loop once more, with an allocator that counts: after warming up, feed, gateway and engine take no memory.
//!
//! Invariant: what the simulated network itself takes does not count: real sockets take theirs in the kernel.
#![allow(dead_code)] // The world of the other tests, of which this one uses a part.

use std::cell::Cell;
use std::io::Result;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use tiles::{Net, Tcp, TcpListener, TcpRead, Udp};

#[path = "whole_loop/bootstrap.rs"]
mod bootstrap;
#[path = "../../../tests/counting.rs"]
mod counting;
#[path = "whole_loop/fix.rs"]
mod fix;
#[path = "whole_loop/flow.rs"]
mod flow;
#[path = "whole_loop/shadow.rs"]
mod shadow;
#[path = "whole_loop/strategy.rs"]
mod strategy;
#[path = "whole_loop/truth.rs"]
mod truth;
#[path = "whole_loop/world.rs"]
mod world;

use world::{MILLISECOND, Setup, World};

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    /// Set once the loop is warm.
    static WARM: Cell<bool> = const { Cell::new(false) };
}

fn armed(name: &str, work: &mut dyn FnMut() -> usize) -> usize {
    if !WARM.get() || name.starts_with("exchange") {
        return work();
    }
    let (done, calls) = counting::counted(work);
    TAKEN.set(TAKEN.get() + calls);
    done
}

struct Quiet<T: ?Sized>(Box<T>);
struct QuietNet(Rc<dyn Net>);

impl Net for QuietNet {
    fn udp_multicast(&self, group: SocketAddrV4, interface: Ipv4Addr) -> Result<Box<dyn Udp>> {
        counting::uncounted(|| Ok(Box::new(Quiet(self.0.udp_multicast(group, interface)?)) as Box<dyn Udp>))
    }
    fn udp(&self, bind: SocketAddrV4, interface: Ipv4Addr) -> Result<Box<dyn Udp>> {
        counting::uncounted(|| Ok(Box::new(Quiet(self.0.udp(bind, interface)?)) as Box<dyn Udp>))
    }
    fn tcp_connect(&self, to: SocketAddrV4) -> Result<Box<dyn Tcp>> {
        counting::uncounted(|| Ok(Box::new(Quiet(self.0.tcp_connect(to)?)) as Box<dyn Tcp>))
    }
    fn tcp_listen(&self, at: SocketAddrV4) -> Result<Box<dyn TcpListener>> {
        counting::uncounted(|| self.0.tcp_listen(at))
    }
}

impl Udp for Quiet<dyn Udp> {
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<(usize, SocketAddrV4)>> {
        counting::uncounted(|| self.0.receive(buffer))
    }
    fn send_to(&mut self, bytes: &[u8], to: SocketAddrV4) -> Result<bool> {
        counting::uncounted(|| self.0.send_to(bytes, to))
    }
    fn local(&self) -> SocketAddrV4 {
        self.0.local()
    }
}

impl Tcp for Quiet<dyn Tcp> {
    fn read(&mut self, buffer: &mut [u8]) -> TcpRead {
        counting::uncounted(|| self.0.read(buffer))
    }
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        counting::uncounted(|| self.0.write(bytes))
    }
    fn connected(&mut self) -> Result<bool> {
        counting::uncounted(|| self.0.connected())
    }
}

#[test]
fn feed_gateway_and_engine_take_no_memory_once_they_run() {
    takes_no_memory(5, None, false);
    for version in ["FIX.4.2", "FIX.4.4", "FIXT.1.1"] {
        takes_no_memory(5, Some(version), false);
    }
    for version in ["FIX.4.4", "FIXT.1.1"] {
        takes_no_memory(5, Some(version), true);
    }
}

/// Over OUCH, or this version of FIX; the strategy's quotes in sets.
fn takes_no_memory(seed: u64, fix: Option<&'static str>, quotes: bool) {
    fix::set_quotes(quotes);
    let setup = Setup {
        venues: 2,
        run_ns: 140 * MILLISECOND,
        // No segment of a journal is made ready meanwhile: that waits for idle cycles and asks the system.
        segment_bytes: 8 << 20,
        around: armed,
        wrap: |net| Rc::new(QuietNet(net)),
        fix,
        ..Setup::new(seed)
    };
    let mut world = World::new(setup);
    world.run(40 * MILLISECOND);
    let before = world.with_engine(|engine| engine.statistics());
    WARM.set(true);
    world.run(60 * MILLISECOND);
    WARM.set(false);
    let after = world.with_engine(|engine| engine.statistics());
    assert!(after.orders - before.orders > 50 && after.fills - before.fills > 20, "{before:?} {after:?}");
    let taken = TAKEN.get();
    assert_eq!(
        taken, 0,
        "{fix:?}, quotes {quotes}, seed {seed}: calls of the allocator in the cycles of feed, gateway and engine"
    );
    world.run_to_rest();
    world.check_at_rest();
}
