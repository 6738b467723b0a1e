//! The loop on the wire: a UDP packet in, TCP order bytes out, over loopback; and the same sockets with no work between.
//!
//! One thread sends packets and awaits the bytes. The other spins over the tiles, or over an echo of its own sockets. Blocks
//! of both alternate; the packets are the same, and the echo answers with as many bytes as the tiles did.
//!
//! Invariant: only packets that lead to order bytes are timed, in both; the venue's answers come between them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use links::Counter;
use tiles::{Clock, Net, RealClock, RealNet, StartError, Tcp, TcpListener, TcpRead, Udp, pin_to_core};

use super::acceptor::Acceptor;
use super::memory::MemoryLoop;
use super::packets::Packets;
use super::plant::{Addresses, Plant, Setup, midnight_ns};

/// Longest wait for anything; on a busy machine a thread may be away for long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for the bytes of one packet.
const ANSWER: Duration = Duration::from_millis(50);
/// Quiet after each packet: the venue's answers are taken in meanwhile.
const GAP: Duration = Duration::from_micros(20);
const ECHO_BYTES_MAX: usize = 512;

const TILES: u8 = 1;
const ECHO: u8 = 2;
const STOP: u8 = 3;

/// What both threads see.
struct Shared {
    mode: AtomicU8,
    /// The mode that the spinning thread is in.
    in_mode: AtomicU8,
    /// Bytes that the echo answers with.
    echo_bytes: AtomicUsize,
}

/// Which cores, how many blocks, how large.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Core of the thread that sends and awaits.
    pub asking_core: usize,
    /// Core of the thread that spins.
    pub spinning_core: usize,
    /// Pairs of blocks.
    pub blocks: usize,
    /// Timed packets in each block.
    pub packets: usize,
    /// Packets before the first block, to fill the books.
    pub warm_up: usize,
}

/// Round trips in ns, a list for each block.
#[derive(Debug, Default)]
pub struct WireFigures {
    /// Through the tiles.
    pub tiles_ns: Vec<Vec<u32>>,
    /// Through the echo.
    pub echo_ns: Vec<Vec<u32>>,
    /// Packets that should have led to orders and did not within [`ANSWER`].
    pub unanswered: u64,
    /// Gaps that the feed saw.
    pub gaps: u64,
}

/// Runs it all; `done` is told after each pair of blocks.
pub fn run(
    setup: &Setup,
    packets: &Rc<Packets>,
    shape: Shape,
    done: &mut dyn FnMut() -> bool,
) -> Result<WireFigures, StartError> {
    let mut memory =
        MemoryLoop::start(&Setup { directory: setup.directory.join("memory"), ..setup.clone() }, packets.clone())?;
    let sends = memory.run(packets.len())?.sends;
    memory.close();
    let shared =
        Arc::new(Shared { mode: AtomicU8::new(TILES), in_mode: AtomicU8::new(0), echo_bytes: AtomicUsize::new(0) });
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let (port, echo_port) = (RealNet.tcp_listen(any)?, RealNet.tcp_listen(any)?);
    let group = |last: u8| -> Result<SocketAddrV4, StartError> {
        let free = RealNet.udp(any, Ipv4Addr::LOCALHOST)?.local().port();
        Ok(SocketAddrV4::new(Ipv4Addr::new(239, 77, 9, last), free))
    };
    let at = Addresses { lines: vec![group(1)?, group(2)?], port: port.local() };
    let echo = Addresses { lines: vec![group(3)?], port: echo_port.local() };
    let (counter_out, counter_in) = std::sync::mpsc::channel();
    let spinning = {
        let (setup, shared) = (Setup { directory: setup.directory.join("wire"), ..setup.clone() }, shared.clone());
        let (at, echo) = (at.clone(), echo.clone());
        std::thread::Builder::new().name("bench-runner".to_owned()).spawn(move || {
            let ended = spin(&setup, &at, &echo, &shared, shape.spinning_core, &counter_out);
            shared.in_mode.store(STOP, Ordering::Release);
            ended
        })?
    };
    let measured = (|| {
        pin_to_core(shape.asking_core)?;
        let counters: TileCounters =
            counter_in.recv_timeout(PATIENCE).map_err(|_| failed("the tiles did not start"))?;
        let mut asking =
            Asking::connect(setup, packets.clone(), sends, port, echo_port, &at, &echo, shared.clone(), counters)?;
        asking.all(shape, done)
    })();
    shared.mode.store(STOP, Ordering::Release);
    let ended = spinning.join().map_err(|_| failed("a tile died"))?;
    let figures = measured?;
    ended?;
    Ok(figures)
}

fn failed(why: &str) -> StartError {
    StartError(why.to_owned())
}

/// Counters that the asking thread reads, never while it times.
struct TileCounters {
    session_state: Counter,
    next_sequence: Counter,
    gaps: Counter,
}

fn spin(
    setup: &Setup,
    at: &Addresses,
    echo: &Addresses,
    shared: &Shared,
    core: usize,
    counters: &std::sync::mpsc::Sender<TileCounters>,
) -> Result<(), StartError> {
    pin_to_core(core)?;
    let clock = Rc::new(RealClock::new());
    let net: Rc<dyn Net> = Rc::new(RealNet);
    let mut plant = Plant::start(setup, &net, &clock, at)?;
    let mut line = net.udp_multicast(echo.lines[0], Ipv4Addr::LOCALHOST)?;
    let mut stream = net.tcp_connect(echo.port)?;
    while !stream.connected()? {}
    let _gone_if_asking_failed = counters.send(TileCounters {
        session_state: plant.counter("gateway.gateway.state"),
        next_sequence: plant.counter("feed.feed.next_sequence"),
        gaps: plant.counter("feed.feed.gaps"),
    });
    let mut packet = vec![0; 64 << 10];
    let answer = [0; ECHO_BYTES_MAX];
    let mut now_ns = clock.now_ns();
    let mut cycles = 0_u64;
    loop {
        let mode = shared.mode.load(Ordering::Acquire);
        if shared.in_mode.load(Ordering::Relaxed) != mode {
            shared.in_mode.store(mode, Ordering::Release);
        }
        match mode {
            TILES => {
                plant.cycle(now_ns);
                cycles += 1;
                if cycles.is_multiple_of(64) {
                    plant.drain();
                }
            }
            ECHO => {
                if line.receive(&mut packet)?.is_some() {
                    stream.write(&answer[..shared.echo_bytes.load(Ordering::Relaxed)])?;
                }
            }
            _ => break,
        }
        now_ns = clock.now_ns();
    }
    plant.close();
    Ok(())
}

/// The thread that sends packets and awaits bytes.
struct Asking {
    packets: Rc<Packets>,
    sends: Vec<bool>,
    shared: Arc<Shared>,
    counters: TileCounters,
    clock: RealClock,
    sender: Box<dyn Udp>,
    line: SocketAddrV4,
    echo_line: SocketAddrV4,
    listener: Box<dyn TcpListener>,
    port: Box<dyn Tcp>,
    echo_port: Box<dyn Tcp>,
    acceptor: Acceptor,
    at: usize,
    buffer: Vec<u8>,
    figures: WireFigures,
}

impl Asking {
    #[allow(clippy::too_many_arguments)] // Made in one place.
    fn connect(
        setup: &Setup,
        packets: Rc<Packets>,
        sends: Vec<bool>,
        mut listener: Box<dyn TcpListener>,
        mut echo_port: Box<dyn TcpListener>,
        at: &Addresses,
        echo: &Addresses,
        shared: Arc<Shared>,
        counters: TileCounters,
    ) -> Result<Self, StartError> {
        let clock = RealClock::new();
        let now_ns = clock.now_ns();
        let mut all = Self {
            at: 0,
            packets,
            sends,
            shared,
            counters,
            sender: RealNet.udp(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), Ipv4Addr::LOCALHOST)?,
            line: at.lines[0],
            echo_line: echo.lines[0],
            port: accept(&mut *listener)?,
            listener,
            echo_port: accept(&mut *echo_port)?,
            acceptor: Acceptor::new(setup.orders_max, midnight_ns(now_ns), now_ns),
            clock,
            buffer: vec![0; 64 << 10],
            figures: WireFigures::default(),
        };
        let begun = Instant::now();
        while all.counters.session_state.get() != records::SessionState::Up as u64 {
            all.answer();
            // The gateway connects twice: to ask where the messages end, and to trade.
            if let Some((stream, _)) = all.listener.accept()? {
                all.port = stream;
                all.acceptor.reconnected(all.clock.now_ns());
            }
            if begun.elapsed() > PATIENCE {
                return Err(failed("the order session did not come up"));
            }
        }
        Ok(all)
    }

    fn all(&mut self, shape: Shape, done: &mut dyn FnMut() -> bool) -> Result<WireFigures, StartError> {
        self.enter(TILES)?;
        while self.at < self.packets.directory + shape.warm_up {
            self.untimed()?;
        }
        // The first pair warms up.
        for pair in 0..=shape.blocks {
            let turns = if pair % 2 == 0 { [TILES, ECHO] } else { [ECHO, TILES] };
            for mode in turns {
                self.enter(mode)?;
                let figures = if mode == TILES { self.block(shape.packets)? } else { self.echo_block(shape.packets)? };
                match (pair, mode) {
                    (0, _) => {}
                    (_, TILES) => self.figures.tiles_ns.push(figures),
                    _ => self.figures.echo_ns.push(figures),
                }
            }
            if !done() {
                return Err(failed("interrupted"));
            }
        }
        self.figures.gaps = self.counters.gaps.get();
        Ok(std::mem::take(&mut self.figures))
    }

    fn enter(&self, mode: u8) -> Result<(), StartError> {
        self.shared.mode.store(mode, Ordering::Release);
        let begun = Instant::now();
        while self.shared.in_mode.load(Ordering::Acquire) != mode {
            if begun.elapsed() > PATIENCE || self.shared.in_mode.load(Ordering::Acquire) == STOP {
                return Err(failed("the spinning thread ended or is away"));
            }
            std::hint::spin_loop();
        }
        Ok(())
    }

    /// Timed packets through the tiles; those that lead to no order go through untimed.
    fn block(&mut self, packets: usize) -> Result<Vec<u32>, StartError> {
        let mut figures = Vec::with_capacity(packets);
        while figures.len() < packets {
            if self.at >= self.packets.len() {
                return Err(failed("the flow is shorter than the blocks"));
            }
            if !self.sends[self.at - self.packets.directory] {
                self.untimed()?;
                continue;
            }
            let start_ns = self.clock.now_ns();
            self.send(self.line)?;
            let count = wait_for_bytes(&mut *self.port, &mut self.buffer)?;
            let end_ns = self.clock.now_ns();
            match count {
                0 => self.figures.unanswered += 1,
                count => {
                    figures.push(short(end_ns - start_ns));
                    self.shared.echo_bytes.store(count.min(ECHO_BYTES_MAX), Ordering::Relaxed);
                    self.acceptor.on_bytes(end_ns, &self.buffer[..count]);
                }
            }
            self.quiet();
            self.at += 1;
        }
        Ok(figures)
    }

    /// The same packets' like through the echo.
    fn echo_block(&mut self, packets: usize) -> Result<Vec<u32>, StartError> {
        let mut figures = Vec::with_capacity(packets);
        if self.shared.echo_bytes.load(Ordering::Relaxed) == 0 {
            self.shared.echo_bytes.store(50, Ordering::Relaxed);
        }
        let mut index = self.at;
        while figures.len() < packets {
            index = if index + 1 < self.packets.len() { index + 1 } else { self.packets.directory };
            let start_ns = self.clock.now_ns();
            self.sender.send_to(self.packets.get(index), self.echo_line)?;
            let count = wait_for_bytes(&mut *self.echo_port, &mut self.buffer)?;
            let end_ns = self.clock.now_ns();
            if count == 0 {
                self.figures.unanswered += 1;
            } else {
                figures.push(short(end_ns - start_ns));
            }
            pause();
        }
        Ok(figures)
    }

    fn send(&mut self, line: SocketAddrV4) -> Result<(), StartError> {
        if self.sender.send_to(self.packets.get(self.at), line)? {
            Ok(())
        } else {
            Err(failed("the socket takes no packet"))
        }
    }

    /// A packet that is not timed: sent, and waited for until the feed has read it.
    fn untimed(&mut self) -> Result<(), StartError> {
        self.send(self.line)?;
        self.at += 1;
        let begun = Instant::now();
        while self.counters.next_sequence.get() <= self.at as u64 {
            if begun.elapsed() > PATIENCE {
                return Err(failed("a packet did not reach the feed"));
            }
            std::hint::spin_loop();
        }
        self.quiet();
        Ok(())
    }

    /// Answers what the client asks for during the gap.
    fn quiet(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < GAP {
            self.answer();
        }
    }

    fn answer(&mut self) {
        if let TcpRead::Bytes(count) = self.port.read(&mut self.buffer) {
            self.acceptor.on_bytes(self.clock.now_ns(), &self.buffer[..count]);
        }
        if !self.acceptor.output().is_empty() {
            let written = self.port.write(self.acceptor.output()).unwrap_or(0);
            self.acceptor.written(written);
        }
    }
}

fn pause() {
    let begun = Instant::now();
    while begun.elapsed() < GAP {
        std::hint::spin_loop();
    }
}

fn accept(listener: &mut dyn TcpListener) -> Result<Box<dyn Tcp>, StartError> {
    let begun = Instant::now();
    loop {
        if let Some((stream, _)) = listener.accept()? {
            return Ok(stream);
        }
        if begun.elapsed() > PATIENCE {
            return Err(failed("nobody connected"));
        }
    }
}

/// How many bytes came; 0 when none did in time.
#[inline]
fn wait_for_bytes(stream: &mut dyn Tcp, buffer: &mut [u8]) -> Result<usize, StartError> {
    let mut begun = None;
    for turn in 0_u64.. {
        match stream.read(buffer) {
            TcpRead::Bytes(count) => return Ok(count),
            TcpRead::Closed => return Err(failed("the connection was closed")),
            TcpRead::Idle => {}
        }
        if turn % 1_024 == 1_023 && begun.get_or_insert_with(Instant::now).elapsed() > ANSWER {
            break;
        }
    }
    Ok(0)
}

fn short(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds).unwrap_or(u32::MAX)
}
