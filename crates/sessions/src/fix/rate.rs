//! How many messages may pass in any window of time.
//!
//! Invariant: what was refused does not count, so that whoever slows down is heard again; memory is taken at the start.

use std::collections::VecDeque;

/// How many messages may pass in any window.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    passed_ns: VecDeque<u64>,
    messages_max: usize,
    window_ns: u64,
}

impl Rate {
    /// 0 messages: any number. Takes its memory here.
    pub fn new(messages_max: u32, window_ns: u64) -> Self {
        let messages_max = messages_max as usize;
        Self { passed_ns: VecDeque::with_capacity(messages_max), messages_max, window_ns }
    }

    /// Whether one more may pass now; if so it has. `always`: it counts and is not refused.
    pub fn passes(&mut self, now_ns: u64, always: bool) -> bool {
        if self.messages_max == 0 {
            return true;
        }
        while self.passed_ns.front().is_some_and(|at_ns| now_ns.saturating_sub(*at_ns) >= self.window_ns) {
            self.passed_ns.pop_front();
        }
        let full = self.passed_ns.len() == self.messages_max;
        if full && always {
            self.passed_ns.pop_front(); // As many as are kept are the latest.
        }
        if !full || always {
            self.passed_ns.push_back(now_ns);
        }
        !full || always
    }
}
