//! Which of many sockets can be read: the system's epoll, asked without waiting.
//!
//! Invariant: a socket that stays readable is told again each time (level-triggered), so nothing is lost by reading a part.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::{Poller, Tcp};

/// Sockets told in one call at most.
const EVENTS_MAX: usize = 256;

/// An epoll instance.
pub(crate) struct Epoll {
    descriptor: OwnedFd,
    events: Box<[libc::epoll_event; EVENTS_MAX]>,
}

impl Epoll {
    /// A fresh one.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a plain system call; the descriptor it returns is ours alone.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was opened just now and nobody else has it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        Ok(Self { descriptor, events: Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX]) })
    }
}

impl Poller for Epoll {
    fn watch(&mut self, stream: &dyn Tcp, number: u64) -> bool {
        let Some(watched) = stream.descriptor() else { return false };
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLRDHUP) as u32, u64: number };
        // SAFETY: both descriptors are open, and the event lives through the call. Closing the stream ends the watch.
        unsafe { libc::epoll_ctl(self.descriptor.as_raw_fd(), libc::EPOLL_CTL_ADD, watched, &raw mut event) == 0 }
    }

    fn readable(&mut self, each: &mut dyn FnMut(u64)) {
        let (room, most) = (self.events.as_mut_ptr(), EVENTS_MAX as i32);
        // SAFETY: `room` has space for `most` events; a timeout of 0 never waits.
        let count = unsafe { libc::epoll_wait(self.descriptor.as_raw_fd(), room, most, 0) };
        for event in &self.events[..usize::try_from(count).unwrap_or(0)] {
            each(event.u64);
        }
    }
}
