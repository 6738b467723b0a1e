//! A port's message throttle: how many messages of a session the exchange takes in any window.
//!
//! Invariant: a refused message does not count, so that whoever slows down is heard again; what takes orders out of the book is
//! counted and never refused. Memory is taken at the start.

use std::collections::VecDeque;

use tiles::settings;

settings! {
    /// A port's `throttle` table.
    pub struct ThrottleConfig {
        /// Messages in a window, beyond which new orders and replaces are refused; 0: any number.
        pub messages: u32 = 0, "a whole number from 0 to 65536", |count| *count <= 65_536;
        /// The window.
        pub window_ns: u64 = 1_000_000_000, "a whole number of ns from 1000000 to 3600000000000",
            |ns| (1_000_000..=3_600_000_000_000).contains(ns);
    }
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { messages: 0, window_ns: 1_000_000_000 }
    }
}

/// When the messages of the window came.
#[derive(Debug)]
pub(crate) struct Throttle {
    config: ThrottleConfig,
    came_ns: VecDeque<u64>,
}

impl Throttle {
    /// Nothing came yet.
    pub fn new(config: &ThrottleConfig) -> Self {
        Self { config: config.clone(), came_ns: VecDeque::with_capacity(config.messages as usize + 1) }
    }

    /// When the messages of the window came.
    pub fn came_ns(&self) -> impl ExactSizeIterator<Item = u64> {
        self.came_ns.iter().copied()
    }

    /// Goes on with the messages that another process took; the latest, where they are more than are kept.
    pub fn go_on(&mut self, came_ns: &[u64]) {
        let kept = came_ns.len().min(self.config.messages as usize);
        self.came_ns.extend(&came_ns[came_ns.len() - kept..]);
    }

    /// A message came; whether it is taken. `always`: it takes an order out of the book.
    pub fn takes(&mut self, now_ns: u64, always: bool) -> bool {
        if self.config.messages == 0 {
            return true;
        }
        while self.came_ns.front().is_some_and(|came_ns| now_ns - came_ns >= self.config.window_ns) {
            self.came_ns.pop_front();
        }
        let full = self.came_ns.len() >= self.config.messages as usize;
        if full && always {
            self.came_ns.pop_front(); // As many as are kept are the latest.
        }
        if always || !full {
            self.came_ns.push_back(now_ns);
        }
        always || !full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_so_many_and_cancels_count_but_always_pass() {
        let mut throttle = Throttle::new(&ThrottleConfig { messages: 3, window_ns: 100 });
        let taken = [0, 1, 2, 3, 99].map(|at| throttle.takes(at, false));
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(throttle.takes(100, false), "the first is over, the refused do not count");
        assert!(!throttle.takes(100, false));
        assert!(throttle.takes(100, true) && throttle.takes(100, true) && throttle.takes(100, true));
        assert!(!throttle.takes(199, false) && throttle.takes(200, false));
        let mut free = Throttle::new(&ThrottleConfig::default());
        assert!((0..10_000).all(|_| free.takes(5, false)));
    }
}
