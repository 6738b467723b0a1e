//! The flusher: a thread beside a tile that forces what the tile wrote in mapped files to the device.
//!
//! One flush at a time, each of all that was written when it began (group commit): the tile says in two words of memory how far
//! it is, and reads in one how far the device is. It makes no system call for either.
//!
//! Invariant: what is called durable was on the device before. A flush that failed is never asked for again: the system may
//! have forgotten what it could not write, and would call the next one a success.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::runner::bind_to;

/// How long the thread stays away when there is nothing to force, ns: what a flush begins later by, at most.
const LOOK_NS: u64 = 50_000;

/// A file that another thread may force to the device.
pub trait Forced: Send {
    /// Forces what was written to it so far (fdatasync).
    ///
    /// # Errors
    /// When the device refuses; it is not asked again.
    fn force(&mut self) -> io::Result<()>;
}

/// The device refused: nothing that was not durable then will ever be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushFailed;

impl std::fmt::Display for FlushFailed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the device refused to take what was written")
    }
}

impl std::error::Error for FlushFailed {}

/// What the tile and the thread share.
#[derive(Default)]
struct Shared {
    /// The file that is written to; those of smaller numbers are complete.
    file: AtomicU64,
    /// How far the tile has written.
    written: AtomicU64,
    /// How far the device has it.
    durable: AtomicU64,
    failed: AtomicBool,
    stop: AtomicBool,
}

/// The tile's side; dropping it ends the thread after the flush that is under way.
pub struct Flusher {
    shared: Arc<Shared>,
    files: Sender<(u64, Box<dyn Forced>)>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread, on any core that the process may use but the caller's, where the caller has one of its own. Everything up
    /// to `durable` is on the device already.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(durable: u64) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.written.store(durable, Ordering::Relaxed);
        shared.durable.store(durable, Ordering::Relaxed);
        let (files, incoming) = channel();
        let theirs = Arc::clone(&shared);
        let cores = cores_beside_the_caller();
        let work = move || {
            if let Some(cores) = cores {
                // Without it the thread shares the tile's core, and is slow.
                let _best_effort = bind_to(&cores);
            }
            serve(&theirs, &incoming);
        };
        let thread = std::thread::Builder::new().name("flush".to_owned()).spawn(work)?;
        Ok(Self { shared, files, thread: Some(thread) })
    }

    /// A further file, before anything in it counts; numbers grow.
    pub fn add(&self, number: u64, file: Box<dyn Forced>) {
        // The thread is gone only after a failure, which is known then.
        let _gone = self.files.send((number, file));
    }

    /// From now on this file is written to, and those before it no more.
    #[inline]
    pub fn rolled(&self, number: u64) {
        self.shared.file.store(number, Ordering::Release);
    }

    /// Everything up to here has been written.
    #[inline]
    pub fn written(&self, up_to: u64) {
        self.shared.written.store(up_to, Ordering::Release);
    }

    /// Up to where everything is on the device.
    ///
    /// # Errors
    /// [`FlushFailed`], for good, once the device refused.
    #[inline]
    pub fn durable(&self) -> Result<u64, FlushFailed> {
        if self.shared.failed.load(Ordering::Acquire) {
            return Err(FlushFailed);
        }
        Ok(self.shared.durable.load(Ordering::Acquire))
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _its_own_panic = thread.join();
        }
    }
}

fn serve(shared: &Shared, incoming: &Receiver<(u64, Box<dyn Forced>)>) {
    let mut files = Vec::new();
    let mut durable = shared.durable.load(Ordering::Relaxed);
    while !shared.stop.load(Ordering::Acquire) {
        let written = shared.written.load(Ordering::Acquire);
        if written == durable {
            // tidy: allow(sleep): the flusher's own thread, beside every tile
            std::thread::sleep(Duration::from_nanos(LOOK_NS));
            continue;
        }
        // After `written`: what was written up to there lies in this file or in one before it.
        let current = shared.file.load(Ordering::Acquire);
        files.extend(incoming.try_iter());
        if force_up_to(&mut files, current).is_err() {
            shared.failed.store(true, Ordering::Release);
            return;
        }
        durable = written;
        shared.durable.store(durable, Ordering::Release);
    }
}

/// Forces the files up to the current one, and lets go of those before it.
fn force_up_to(files: &mut Vec<(u64, Box<dyn Forced>)>, current: u64) -> io::Result<()> {
    for (_, file) in files.iter_mut().filter(|(number, _)| *number <= current) {
        file.force()?;
    }
    files.retain(|(number, _)| *number >= current);
    Ok(())
}

/// A mapped file and, until the file's name is on the device, its directory.
pub(crate) struct ForcedFile {
    pub(crate) file: File,
    pub(crate) directory: Option<File>,
}

impl Forced for ForcedFile {
    fn force(&mut self) -> io::Result<()> {
        if let Some(directory) = &self.directory {
            directory.sync_all()?;
            self.directory = None;
        }
        self.file.sync_data()
    }
}

/// The cores of the process's first thread, without the caller's where it is bound to one; `None` where nobody is bound.
fn cores_beside_the_caller() -> Option<libc::cpu_set_t> {
    let own = cores_of(0)?;
    // SAFETY: plain reads of sets that the system filled, below their size; a plain call without arguments.
    unsafe {
        if libc::CPU_COUNT(&own) != 1 {
            return None;
        }
        let mut all = cores_of(libc::getpid())?;
        for core in 0..libc::CPU_SETSIZE as usize {
            if libc::CPU_ISSET(core, &own) && libc::CPU_COUNT(&all) > 1 {
                libc::CPU_CLR(core, &mut all);
            }
        }
        Some(all)
    }
}

fn cores_of(thread: libc::pid_t) -> Option<libc::cpu_set_t> {
    // SAFETY: the set is as large as is said and outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        let code = libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), &raw mut set);
        (code == 0).then_some(set)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts, and refuses from the nth time on.
    struct Counting {
        forced: Arc<AtomicUsize>,
        refuses_at: usize,
    }

    impl Forced for Counting {
        fn force(&mut self) -> io::Result<()> {
            let before = self.forced.fetch_add(1, Ordering::SeqCst);
            if before + 1 >= self.refuses_at { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
        }
    }

    fn until(flusher: &Flusher, ends: impl Fn(Result<u64, FlushFailed>) -> bool) {
        for _ in 0..100_000 {
            if ends(flusher.durable()) {
                return;
            }
            std::thread::yield_now();
            std::thread::sleep(Duration::from_micros(50));
        }
        panic!("{:?}", flusher.durable());
    }

    #[test]
    fn a_file_that_was_left_is_forced_once_more_and_the_next_one_with_it() {
        let counts: Vec<Arc<AtomicUsize>> = (0..3).map(|_| Arc::default()).collect();
        let flusher = Flusher::start(4).expect("a thread");
        assert_eq!(flusher.durable(), Ok(4));
        for (number, forced) in counts.iter().enumerate() {
            let file = Counting { forced: Arc::clone(forced), refuses_at: usize::MAX };
            flusher.add(number as u64, Box::new(file));
        }
        flusher.written(5);
        until(&flusher, |durable| durable == Ok(5));
        let count = |at: usize| counts[at].load(Ordering::SeqCst);
        assert_eq!((count(0), count(1)), (1, 0), "the next file holds nothing yet");
        flusher.rolled(1);
        flusher.written(9);
        until(&flusher, |durable| durable == Ok(9));
        assert_eq!((count(0), count(1)), (2, 1));
        flusher.written(10);
        until(&flusher, |durable| durable == Ok(10));
        assert_eq!((count(0), count(1), count(2)), (2, 2, 0));
    }

    #[test]
    fn a_flush_that_failed_is_never_asked_for_again() {
        let forced = Arc::new(AtomicUsize::new(0));
        let flusher = Flusher::start(0).expect("a thread");
        flusher.add(0, Box::new(Counting { forced: Arc::clone(&forced), refuses_at: 2 }));
        flusher.written(1);
        until(&flusher, |durable| durable == Ok(1));
        flusher.written(2);
        until(&flusher, |durable| durable == Err(FlushFailed));
        flusher.written(3);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!((flusher.durable(), forced.load(Ordering::SeqCst)), (Err(FlushFailed), 2));
    }
}
