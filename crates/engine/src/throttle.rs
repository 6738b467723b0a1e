//! The mirror of a venue's message throttle: when the latest messages were sent, so that what would wait or be refused there
//! is refused here.
//!
//! Invariant: in any window no more messages are sent while new orders ask first than the venue takes; the last `reserved` of
//! them are left to cancels, which are counted and never asked about. Memory is taken when the rules are set.

use records::{StateError, StateReader, StateValue, StateWriter};

/// More messages than any venue takes in a window that counts them.
pub(crate) const MESSAGES_MAX: u32 = 65_536;

/// The messages of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    /// Engine times of the latest messages, as many as a window takes; 0: none yet.
    sent_ns: Box<[u64]>,
    /// The place of the oldest.
    oldest: usize,
    reserved: usize,
    window_ns: u64,
}

impl StateValue for Throttle {
    fn put(&self, out: &mut StateWriter) {
        let Self { sent_ns, oldest, reserved, window_ns } = self;
        out.list(sent_ns.iter());
        (*oldest as u64, *reserved as u64, *window_ns).put(out);
    }

    fn take(from: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut sent_ns = Vec::new();
        from.of("Throttle.sent_ns").list(MESSAGES_MAX as usize, |at_ns| sent_ns.push(at_ns))?;
        let oldest = from.of("Throttle.oldest").below::<u64>(sent_ns.len().max(1))? as usize;
        let reserved = from.of("Throttle.reserved").below::<u64>(sent_ns.len() + 1)? as usize;
        let window_ns = u64::take(from.of("Throttle.window_ns"))?;
        Ok(Self { sent_ns: sent_ns.into_boxed_slice(), oldest, reserved, window_ns })
    }
}

impl Throttle {
    /// Sets the rules; what was sent before still counts. No messages: any number passes.
    pub fn set(&mut self, messages: u32, reserved: u32, window_ns: u64) {
        (self.reserved, self.window_ns) = (reserved as usize, window_ns);
        if messages as usize != self.sent_ns.len() {
            let mut sent_ns = vec![0; messages as usize].into_boxed_slice();
            let (known, kept) = (self.sent_ns.len(), self.sent_ns.len().min(sent_ns.len()));
            for (at, place) in sent_ns.iter_mut().rev().take(kept).enumerate() {
                *place = self.sent_ns[(self.oldest + known - 1 - at) % known];
            }
            (self.sent_ns, self.oldest) = (sent_ns, 0);
        }
    }

    /// Whether a new order or a replace may be sent, and so many messages before it.
    #[inline]
    pub fn has_room(&self, now_ns: u64, before: usize) -> bool {
        let length = self.sent_ns.len();
        if length == 0 {
            return true;
        }
        // So many of the latest must be over that there is room for it.
        let needed = self.reserved + before;
        if needed >= length {
            return false;
        }
        let at = self.oldest + needed;
        let sent_ns = self.sent_ns[if at >= length { at - length } else { at }];
        sent_ns == 0 || now_ns - sent_ns >= self.window_ns
    }

    /// A message is sent, whichever.
    #[inline]
    pub fn sent(&mut self, now_ns: u64) {
        if let Some(place) = self.sent_ns.get_mut(self.oldest) {
            *place = now_ns.max(1);
            self.oldest = if self.oldest + 1 == self.sent_ns.len() { 0 } else { self.oldest + 1 };
        }
    }

    /// Messages in the window.
    pub fn used(&self, now_ns: u64) -> u32 {
        // From the oldest on, times only grow.
        let (mut over, mut end) = (0, self.sent_ns.len());
        while over < end {
            let middle = (over + end) / 2;
            let sent_ns = self.sent_ns[(self.oldest + middle) % self.sent_ns.len()];
            if sent_ns == 0 || now_ns - sent_ns >= self.window_ns { over = middle + 1 } else { end = middle }
        }
        (self.sent_ns.len() - over) as u32
    }

    /// Messages that new orders may use.
    pub fn for_orders(&self) -> usize {
        self.sent_ns.len() - self.reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(messages: u32, reserved: u32) -> Throttle {
        let mut throttle = Throttle::default();
        throttle.set(messages, reserved, 100);
        throttle
    }

    #[test]
    fn no_window_sees_more_than_the_venue_takes_and_cancels_keep_their_share() {
        for (messages, reserved, before) in [(1, 0, 0), (5, 2, 0), (7, 1, 0), (16, 6, 0), (16, 4, 3)] {
            let mut throttle = throttle(messages, reserved);
            let mut sent: Vec<u64> = Vec::new();
            let mut random = 7_u64;
            for now_ns in 1..5_000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                for _ in 0..random >> 62 {
                    let within = sent.iter().filter(|at| now_ns - **at < 100).count();
                    assert_eq!(throttle.used(now_ns), within as u32);
                    let fits = within + before + 1 + reserved as usize <= messages as usize;
                    assert_eq!(throttle.has_room(now_ns, before), fits, "{messages} {reserved} at {now_ns}");
                    if fits {
                        for _ in 0..=before {
                            throttle.sent(now_ns);
                            sent.push(now_ns);
                        }
                    }
                }
            }
            assert!(sent.len() > 40 * throttle.for_orders() / (before + 1), "{}", sent.len());
        }
    }

    #[test]
    fn cancels_count_whether_or_not_there_is_room() {
        let mut throttle = throttle(4, 1);
        for at in 1..=9 {
            throttle.sent(at);
        }
        assert!(!throttle.has_room(9, 0) && throttle.used(9) == 4);
        assert!(!throttle.has_room(106, 0) && throttle.has_room(107, 0), "two of four are over");
    }

    #[test]
    fn new_rules_keep_what_was_sent_and_none_is_no_throttle() {
        let mut throttle = throttle(4, 0);
        (1..=6).for_each(|at| throttle.sent(at));
        throttle.set(2, 0, 100);
        assert!(!throttle.has_room(104, 0) && throttle.has_room(105, 0), "the latest two were kept");
        throttle.set(8, 0, 100);
        assert!(throttle.has_room(7, 0) && throttle.used(7) == 2);
        throttle.set(0, 0, 100);
        throttle.sent(8);
        assert!(throttle.has_room(8, 1_000) && throttle.used(8) == 0);
    }
}
