//! What a session is told: one report a row, and those that wait to be said.
//!
//! Invariant: reports are numbered from 1 in the order of the input; a number that was said in an earlier life is passed over,
//! and one that finds no room is not lost: the session ends, and a start with more room makes it again.

/// `Report::liquidity` of a trade in an auction.
pub(crate) const AUCTION: u8 = 4;

/// A FIX message to be: all that it says, without the dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// MsgType: `8`, `9`, or `r`.
    pub kind: u8,
    /// ExecType by the letters of FIX.4.4.
    pub exec_type: u8,
    /// OrdStatus.
    pub status: u8,
    /// A [`records::Side`] code; 0: none.
    pub side: u8,
    pub short_sale: u8,
    /// A [`records::OrderType`] code; 0: not said.
    pub order_type: u8,
    /// A [`records::TimeInForce`] code; 0: not said.
    pub time_in_force: u8,
    /// 1: the order rested, 2: it came in, [`AUCTION`].
    pub liquidity: u8,
    /// A [`records::Reason`] code, 0: none.
    pub reason: u8,
    /// CxlRejResponseTo, or MassCancelResponse.
    pub response: u8,
    /// Letter of the request's scope.
    pub scope: u8,
    /// The order is known.
    pub known: bool,
    /// Of an answer in several messages: the last.
    pub last: bool,
    /// Nobody asked for this cancel.
    pub unasked: bool,
    /// The session whose order it is.
    pub session: u32,
    pub instrument: u32,
    /// What the client calls an instrument that is not listed.
    pub symbol: [u8; 8],
    /// ClOrdID.
    pub tag: [u8; 16],
    /// OrigClOrdID, or zeros.
    pub original_tag: [u8; 16],
    /// OrdStatusReqID, MassStatusReqID, or zeros.
    pub question: [u8; 16],
    /// The chain's own reference, and the one that the feed shows.
    pub order_ref: u64,
    pub feed_ref: u64,
    /// Place in the input, and among the reports of that place.
    pub sequence: u64,
    pub ordinal: u32,
    /// Reports in answer, or orders affected.
    pub total: u32,
    pub time_ns: u64,
    pub price_nanos: i64,
    pub lots: i64,
    pub leaves_lots: i64,
    pub executed_lots: i64,
    /// Sum of price times lots.
    pub executed_nanos: i128,
    pub last_lots: i64,
    pub last_price_nanos: i64,
    pub match_id: u64,
    pub expire_time_ns: u64,
    pub minimum_lots: i64,
    pub display_lots: i64,
}

/// Those that wait to be said to one session.
pub(crate) struct Reports {
    /// Memory that was never needed is never touched.
    ring: Vec<Report>,
    room: usize,
    /// Reports before this life's first.
    base: u64,
    made: u64,
    said: u64,
    full: bool,
    /// Another process says them: how far is known later, and the latest are kept.
    follows: bool,
}

impl Reports {
    /// Room for so many. `follows`: until [`Reports::settle`] another process says them.
    pub fn new(room: usize, follows: bool) -> Self {
        Self { ring: Vec::with_capacity(room), room, base: 0, made: 0, said: 0, full: false, follows }
    }

    /// So many were said: in an earlier life, of which this one made none yet; or by the process that was followed.
    pub fn settle(&mut self, said: u64) {
        if self.made == 0 {
            self.base = said;
        }
        // What is no longer kept was not said: no session can go on without it.
        self.full |= said < self.said;
        (self.said, self.follows) = (said, false);
    }

    /// One more.
    #[inline]
    pub fn push(&mut self, report: &Report) {
        self.made += 1;
        if self.made <= self.said {
            return;
        }
        if self.follows && self.waiting() > self.room {
            self.said += 1;
        }
        self.full |= self.waiting() > self.room;
        if self.full {
            return;
        }
        let at = self.place(self.made);
        match self.ring.get_mut(at) {
            Some(place) => *place = *report,
            None => self.ring.push(*report),
        }
    }

    /// The next to be said, with its number.
    #[inline]
    pub fn first(&self) -> Option<(u64, &Report)> {
        let next = self.said + 1;
        (next <= self.made && !self.full).then(|| (next, &self.ring[self.place(next)]))
    }

    #[inline]
    fn place(&self, number: u64) -> usize {
        (number - self.base - 1) as usize % self.room
    }

    /// It is said.
    #[inline]
    pub fn pass(&mut self) {
        self.said += 1;
    }

    /// How many wait.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.made.saturating_sub(self.said) as usize
    }

    /// How many more may wait.
    pub fn room(&self) -> usize {
        self.room.saturating_sub(self.waiting())
    }

    /// There was no room: the session cannot go on.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// More was said than the journal makes: they are not of one another.
    pub fn is_ahead_of_input(&self) -> bool {
        self.said > self.made
    }

    /// Reports made and said, ever.
    pub fn counts(&self) -> (u64, u64) {
        (self.made, self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_before_is_passed_over_and_what_finds_no_room_ends_the_session() {
        let mut reports = earlier(4, 3);
        let report = |lots| Report { lots, ..Report::default() };
        (1..=3).for_each(|lots| reports.push(&report(lots)));
        assert_eq!((reports.first(), reports.is_ahead_of_input()), (None, false));
        for lots in 4..=40 {
            reports.push(&report(lots));
            assert_eq!(reports.first(), Some((lots as u64, &report(lots))));
            reports.pass();
        }
        (41..=44).for_each(|lots| reports.push(&report(lots)));
        assert_eq!((reports.waiting(), reports.room(), reports.is_full()), (4, 0, false));
        reports.push(&report(45));
        assert!(reports.is_full() && reports.first().is_none());
        assert!(earlier(4, 3).is_ahead_of_input());
    }

    fn earlier(room: usize, said: u64) -> Reports {
        let mut reports = Reports::new(room, false);
        reports.settle(said);
        reports
    }

    #[test]
    fn who_follows_keeps_the_latest_and_goes_on_behind_what_was_said() {
        let report = |lots| Report { lots, ..Report::default() };
        for (said, next) in [(10, None), (8, Some(9)), (6, Some(7)), (5, None)] {
            let mut reports = Reports::new(4, true);
            (1..=10).for_each(|lots| reports.push(&report(lots)));
            reports.settle(said);
            let first = reports.first().map(|(number, report)| (number, report.lots));
            assert_eq!(first, next.map(|number| (number, number as i64)));
            assert_eq!((reports.is_full(), reports.is_ahead_of_input()), (said < 6, false));
        }
        let mut reports = Reports::new(4, true);
        reports.settle(0);
        (1..=5).for_each(|lots| reports.push(&report(lots)));
        assert!(reports.is_full(), "it follows nobody any more");
    }
}
