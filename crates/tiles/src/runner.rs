//! Runs tiles on one thread, each in turn, until told to stop; what it sees of them goes to counters.
//!
//! Invariant: every tile whose `on_start` returned well is closed once, in reverse order, whatever ended the run but a
//! panic. A panic of a tile is not caught here: it ends the thread, and the process with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use links::{Counter, Counters};

use crate::idle::{Idle, Idler};
use crate::{Clock, StartError, Tile};

/// A request to stop, shared by all threads of a process and safe to raise in a signal handler.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked.
    #[inline]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the runner writes about one tile, under the tile's name.
struct TileCounters {
    cycles: Counter,
    busy_cycles: Counter,
    busy_ns: Counter,
    cycle_ns_max: Counter,
    heartbeat_ns: Counter,
}

impl TileCounters {
    fn new(counters: &Counters, tile: &str) -> Self {
        let scope = counters.scope(tile);
        Self {
            cycles: scope.counter("cycles"),
            busy_cycles: scope.counter("busy_cycles"),
            busy_ns: scope.counter("busy_ns"),
            cycle_ns_max: scope.counter("cycle_ns_max"),
            heartbeat_ns: scope.counter("heartbeat_ns"),
        }
    }

    #[inline]
    fn after(&self, work: usize, start_ns: u64, end_ns: u64) {
        self.cycles.add(1);
        self.heartbeat_ns.set(end_ns);
        if work > 0 {
            let took_ns = end_ns.saturating_sub(start_ns);
            self.busy_cycles.add(1);
            self.busy_ns.add(took_ns);
            if took_ns > self.cycle_ns_max.get() {
                self.cycle_ns_max.set(took_ns);
            }
        }
    }
}

/// A thread that stood still for so long asks before it goes on whether its links are its own; far below what a media driver
/// waits for a process.
const STOOD_STILL_NS: u64 = 2_000_000_000;

/// Starts these tiles, calls them in turn until `stop`, closes them. `started` is called once all have started; `go_on` before the
/// next turn of a thread that stood still, and ends the run where it says no.
///
/// # Errors
/// The first tile that cannot start; those before it are closed.
pub fn run(
    tiles: &mut [Box<dyn Tile>],
    clock: &dyn Clock,
    idle: Idle,
    stop: &Stop,
    counters: &Counters,
    started: impl FnOnce(),
    go_on: impl Fn() -> bool,
) -> Result<(), StartError> {
    let seen: Vec<TileCounters> = tiles.iter().map(|tile| TileCounters::new(counters, tile.name())).collect();
    start(tiles, clock)?;
    started();
    let mut idler = Idler::new(idle);
    let mut now_ns = clock.now_ns();
    let mut before_ns = now_ns;
    'turns: while !stop.asked() {
        let mut work_of_all = 0;
        for (tile, seen) in tiles.iter_mut().zip(&seen) {
            if now_ns.saturating_sub(before_ns) >= STOOD_STILL_NS {
                if !go_on() {
                    break 'turns;
                }
                now_ns = clock.now_ns();
            }
            before_ns = now_ns;
            let start_ns = now_ns;
            let work = tile.do_work(start_ns);
            now_ns = clock.now_ns();
            seen.after(work, start_ns, now_ns);
            work_of_all += work;
        }
        idler.after(work_of_all);
        if work_of_all == 0 {
            // The wait is nobody's work.
            now_ns = clock.now_ns();
        }
    }
    close(tiles, clock);
    Ok(())
}

fn start(tiles: &mut [Box<dyn Tile>], clock: &dyn Clock) -> Result<(), StartError> {
    for index in 0..tiles.len() {
        if let Err(error) = tiles[index].on_start(clock.now_ns()) {
            close(&mut tiles[..index], clock);
            return Err(StartError(format!("tile {}: {error}", tiles[index].name())));
        }
    }
    Ok(())
}

fn close(tiles: &mut [Box<dyn Tile>], clock: &dyn Clock) {
    for tile in tiles.iter_mut().rev() {
        tile.on_close(clock.now_ns());
    }
}

/// Binds the calling thread to one core.
///
/// # Errors
/// When the machine has no such core, or it is not ours to use.
pub fn pin_to_core(core: usize) -> Result<(), StartError> {
    let refuse = |why: String| StartError(format!("core = {core}: {why}"));
    if core >= libc::CPU_SETSIZE as usize {
        return Err(refuse(format!("allowed are 0 to {}", libc::CPU_SETSIZE - 1)));
    }
    // SAFETY: a zeroed set is an empty set; CPU_SET is given an index below CPU_SETSIZE.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        set
    };
    bind_to(&set).map_err(|error| refuse(error.to_string()))
}

/// Binds the calling thread to these cores.
pub(crate) fn bind_to(cores: &libc::cpu_set_t) -> std::io::Result<()> {
    // SAFETY: the set is as large as is said and outlives the call.
    let code = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), cores) };
    if code == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
