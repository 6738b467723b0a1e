//! LOBSTER: a message file and an order-book file, row by row.
//!
//! Row k of the order book is the state after message k, so the state before the first message is row one with message
//! one undone. Its levels become synthetic orders, one a level. A message on an order that was never added takes from the
//! synthetic orders of its level. Messages tell of the levels in view only: a level that comes into view is made to hold
//! what the row shows, by synthetic records.
//!
//! Invariant: every record given can be applied: an order is reduced by no more than it has. A level that was in view
//! before is never corrected from the order-book file: the messages alone move it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use records::{
    BookAction, FLAG_LAST, FLAG_SYNTHETIC, MarketOrder, Record, Side, Status, Trade, TradingState, UNDEF_PRICE,
};

use super::error::FlowErrors;
use super::time::date_in_name;
use super::{Content, FlowFile, FlowRecord, Format, ReadCounts};

/// Nanos of one ten-thousandth of a dollar.
const NANOS_PER_PRICE4: i64 = 100_000;
/// References of synthetic orders start here; LOBSTER's own are far below.
const SYNTHETIC_REF: u64 = 1 << 63;
/// What stands for the price of an absent level.
const ABSENT_PRICE4: i64 = 9_999_999_999;

/// The two files of a message file's name, and what the name says.
pub(crate) struct LobsterName {
    symbol: String,
    midnight_ns: u64,
    book_path: PathBuf,
}

/// Takes a message file's name apart: `SYMBOL_YYYY-MM-DD_…message_LEVELS….csv`.
pub(crate) fn parse_name(path: &Path) -> Result<LobsterName, String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let allowed = "a LOBSTER message file is named SYMBOL_YYYY-MM-DD_…_message_LEVELS.csv";
    let Some((symbol, _)) = name.split_once('_').filter(|(symbol, _)| !symbol.is_empty()) else {
        return Err(format!("the name says no symbol; {allowed}"));
    };
    let Some(date) = date_in_name(name) else {
        return Err(format!("the name says no date; {allowed}"));
    };
    Ok(LobsterName {
        symbol: symbol.to_owned(),
        midnight_ns: date.new_york_midnight_ns(),
        book_path: path.with_file_name(name.replacen("_message_", "_orderbook_", 1)),
    })
}

#[derive(Clone, Copy)]
struct Row {
    time_ns: u64,
    kind: u8,
    order_ref: u64,
    lots: i64,
    price4: i64,
    side: Side,
}

/// One level of the order-book file.
type Rung = (Side, i64, i64);

/// Reads the pair.
pub(crate) fn read(path: &Path) -> Result<FlowFile, FlowErrors> {
    let name = parse_name(path).map_err(|words| FlowErrors::one(path, "", words))?;
    let mut errors = FlowErrors::default();
    let messages = read_text(path, &mut errors);
    let books = read_text(&name.book_path, &mut errors);
    let rows = parse_messages(path, &messages, &mut errors);
    let books = parse_books(&name.book_path, &books, rows.len(), &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut reader = Reader::new(name.midnight_ns);
    let mut in_view = rows.first().zip(books.first()).map_or(Vec::new(), |(row, book)| before(book, row));
    let start_ns = rows.first().map_or(0, |row| row.time_ns);
    reader.come_into_view(&[], &in_view, 0, start_ns);
    for ((sequence, row), book) in (1..).zip(&rows).zip(books) {
        reader.row(sequence, row);
        reader.come_into_view(&in_view, &book, sequence, row.time_ns);
        in_view = book;
    }
    let Reader { records, counts, .. } = reader;
    let symbols = FlowFile::count_symbols(vec![name.symbol], records.iter().copied());
    Ok(FlowFile {
        path: path.to_path_buf(),
        format: Format::Lobster,
        symbols,
        counts,
        content: Content::Parsed(records),
    })
}

fn read_text(path: &Path, errors: &mut FlowErrors) -> String {
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => return text,
        Ok(Err(_)) => errors.add(path, "", "the file is not text; lines of numbers between commas are allowed"),
        Err(error) => {
            errors.add(path, "", format!("cannot be read ({error}); both files of a LOBSTER pair are needed"))
        }
    }
    String::new()
}

fn parse_messages(path: &Path, text: &str, errors: &mut FlowErrors) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match parse_message(line) {
            Ok(row) => {
                if rows.last().is_some_and(|last| last.time_ns > row.time_ns) {
                    errors.add(path, format!("line {}", at + 1), "the time is before the line above; times never fall");
                }
                rows.push(row);
            }
            Err(words) => words.into_iter().for_each(|word| errors.add(path, format!("line {}", at + 1), word)),
        }
    }
    rows
}

fn parse_message(line: &str) -> Result<Row, Vec<String>> {
    let fields: Vec<&str> = line.trim().split(',').map(str::trim).collect();
    let [time, kind, order_ref, lots, price, direction] = fields[..] else {
        return Err(vec![format!(
            "{} fields; six are needed: time, type, order id, size, price, direction",
            fields.len()
        )]);
    };
    let mut wrong = Vec::new();
    let mut check = |ok: bool, words: String| {
        if !ok {
            wrong.push(words);
        }
    };
    let time_ns = parse_seconds(time);
    check(time_ns.is_some(), format!("time is \"{time}\"; seconds after midnight below 86400 are allowed"));
    let kind_code = kind.parse::<u8>().ok().filter(|code| (1..=7).contains(code));
    check(kind_code.is_some(), format!("type is \"{kind}\"; 1 to 7 are allowed"));
    let reference = order_ref.parse::<u64>().ok().filter(|&reference| reference < SYNTHETIC_REF);
    check(reference.is_some(), format!("order id is \"{order_ref}\"; a whole number is allowed"));
    let halts = kind_code == Some(7);
    let size = lots.parse::<i64>().ok().filter(|&size| size > 0 || halts && size == 0);
    check(size.is_some(), format!("size is \"{lots}\"; a whole number above 0 is allowed"));
    let price4 = price.parse::<i64>().ok().filter(|&price| halts || (1..ABSENT_PRICE4).contains(&price));
    check(price4.is_some(), format!("price is \"{price}\"; a whole number of 1/10,000 dollars is allowed"));
    let side = match direction {
        "1" => Some(Side::Buy),
        "-1" => Some(Side::Sell),
        _ => None,
    };
    check(side.is_some(), format!("direction is \"{direction}\"; 1 (buy) and -1 (sell) are allowed"));
    match (time_ns, kind_code, reference, size, price4, side) {
        (Some(time_ns), Some(kind), Some(order_ref), Some(lots), Some(price4), Some(side)) => {
            Ok(Row { time_ns, kind, order_ref, lots, price4, side })
        }
        _ => Err(wrong),
    }
}

/// Decimal seconds to ns, exactly.
fn parse_seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 9 || whole.len() > 5 {
        return None;
    }
    let seconds: u64 = whole.parse().ok().filter(|&seconds| seconds < 86_400)?;
    let nanos: u64 = format!("{part:0<9}").parse().ok()?;
    Some(seconds * 1_000_000_000 + nanos)
}

/// Checks every row and gives its levels.
fn parse_books(path: &Path, text: &str, rows: usize, errors: &mut FlowErrors) -> Vec<Vec<Rung>> {
    let mut books = Vec::new();
    let mut count = 0;
    let mut width = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("line {}", at + 1);
        let numbers: Result<Vec<i64>, &str> =
            line.trim().split(',').map(|field| field.trim().parse().map_err(|_| field)).collect();
        match numbers {
            Err(field) => {
                errors.add(path, place, format!("\"{field}\" is no whole number; price and size by turns are allowed"))
            }
            Ok(numbers) if numbers.len() % 4 != 0 || (width != 0 && numbers.len() != width) => {
                errors.add(
                    path,
                    place,
                    format!("{} fields; four a level, the same in every line, are allowed", numbers.len()),
                );
            }
            Ok(numbers) => {
                width = numbers.len();
                if let Some(words) = check_rungs(&numbers) {
                    errors.add(path, place, words);
                } else {
                    books.push(rungs(&numbers));
                }
            }
        }
        count += 1;
    }
    if count != rows && !text.is_empty() {
        errors.add(path, "", format!("{count} rows for {rows} messages; one row a message is allowed"));
    }
    books
}

fn check_rungs(numbers: &[i64]) -> Option<String> {
    let bad = numbers
        .as_chunks::<2>()
        .0
        .iter()
        .find(|[price, lots]| *lots < 0 || (*lots > 0 && !(1..ABSENT_PRICE4).contains(price)))?;
    Some(format!("a level of {} at {}; sizes from 0 and prices above 0 are allowed", bad[1], bad[0]))
}

fn rungs(numbers: &[i64]) -> Vec<Rung> {
    let mut levels = Vec::new();
    for &[ask, ask_lots, bid, bid_lots] in numbers.as_chunks::<4>().0 {
        if ask_lots > 0 {
            levels.push((Side::Sell, ask, ask_lots));
        }
        if bid_lots > 0 {
            levels.push((Side::Buy, bid, bid_lots));
        }
    }
    levels
}

/// The state before a message, from the state after it.
fn before(after: &[Rung], row: &Row) -> Vec<Rung> {
    let mut levels = after.to_vec();
    let undone = match row.kind {
        1 => -row.lots,
        2..=4 => row.lots,
        _ => return levels,
    };
    match levels.iter_mut().find(|(side, price4, _)| *side == row.side && *price4 == row.price4) {
        Some(level) => level.2 += undone,
        None if undone > 0 => levels.push((row.side, row.price4, undone)),
        None => {}
    }
    levels.retain(|level| level.2 > 0);
    levels
}

/// A pair that is read line by line.
pub(crate) struct Stream {
    name: LobsterName,
    messages: Lines,
    books: Lines,
    reader: Reader,
    in_view: Vec<Rung>,
    last_ns: u64,
    rows: u64,
}

/// Lines of a file, counted.
struct Lines {
    source: BufReader<File>,
    line: String,
    number: usize,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, FlowErrors> {
        let file = File::open(path).map_err(|error| {
            FlowErrors::one(path, "", format!("cannot be read ({error}); both files of a LOBSTER pair are needed"))
        })?;
        Ok(Self { source: BufReader::with_capacity(1 << 18, file), line: String::new(), number: 0 })
    }

    /// The next line that is not blank; false at the end.
    fn next(&mut self, path: &Path) -> Result<bool, FlowErrors> {
        loop {
            self.line.clear();
            self.number += 1;
            match self.source.read_line(&mut self.line) {
                Ok(0) => return Ok(false),
                Ok(_) if self.line.trim().is_empty() => {}
                Ok(_) => return Ok(true),
                Err(error) => {
                    let words =
                        format!("cannot be read as text ({error}); lines of numbers between commas are allowed");
                    return Err(FlowErrors::one(path, format!("line {}", self.number), words));
                }
            }
        }
    }
}

/// Rows of one call.
const BATCH: usize = 1_024;

impl Stream {
    /// Opens both files of a pair.
    pub(crate) fn open(path: &Path) -> Result<Self, FlowErrors> {
        let name = parse_name(path).map_err(|words| FlowErrors::one(path, "", words))?;
        Ok(Self {
            messages: Lines::open(path)?,
            books: Lines::open(&name.book_path)?,
            reader: Reader::new(name.midnight_ns),
            in_view: Vec::new(),
            last_ns: 0,
            rows: 0,
            name,
        })
    }

    /// The symbol of the file's name.
    pub(crate) fn symbol(&self) -> &str {
        &self.name.symbol
    }

    /// Adds the records of the next rows; false at the end.
    pub(crate) fn read(&mut self, path: &Path, out: &mut Vec<FlowRecord>) -> Result<bool, FlowErrors> {
        for _ in 0..BATCH {
            let (message, book) = (self.messages.next(path)?, self.books.next(&self.name.book_path)?);
            if !message && !book {
                out.append(&mut self.reader.records);
                return Ok(false);
            }
            if message != book {
                let words = format!("ends after {} rows, its pair does not; one row a message is allowed", self.rows);
                return Err(FlowErrors::one(if book { path } else { &self.name.book_path }, "", words));
            }
            let place = format!("line {}", self.messages.number);
            let row = parse_message(&self.messages.line).map_err(|words| {
                let mut errors = FlowErrors::default();
                words.into_iter().for_each(|word| errors.add(path, place.clone(), word));
                errors
            })?;
            if row.time_ns < self.last_ns {
                return Err(FlowErrors::one(path, place, "the time is before the line above; times never fall"));
            }
            self.last_ns = row.time_ns;
            let mut errors = FlowErrors::default();
            let book = parse_books(&self.name.book_path, &self.books.line, 1, &mut errors).pop();
            let Some(book) = book else {
                errors.errors.iter_mut().for_each(|error| error.place = format!("line {}", self.books.number));
                return Err(errors);
            };
            self.rows += 1;
            if self.rows == 1 {
                self.in_view = before(&book, &row);
                let first = std::mem::take(&mut self.in_view);
                self.reader.come_into_view(&[], &first, 0, row.time_ns);
                self.in_view = first;
            }
            self.reader.row(self.rows, &row);
            self.reader.come_into_view(&self.in_view, &book, self.rows, row.time_ns);
            self.in_view = book;
        }
        out.append(&mut self.reader.records);
        Ok(true)
    }
}

struct Reader {
    midnight_ns: u64,
    records: Vec<FlowRecord>,
    counts: ReadCounts,
    /// Open lots by reference.
    open: HashMap<u64, i64>,
    /// Orders by level, oldest first.
    levels: BTreeMap<(Side, i64), Vec<u64>>,
    seeded: u64,
}

impl Reader {
    fn new(midnight_ns: u64) -> Self {
        Self {
            midnight_ns,
            records: Vec::new(),
            counts: ReadCounts::default(),
            open: HashMap::new(),
            levels: BTreeMap::new(),
            seeded: 0,
        }
    }

    fn stamp<R: Record>(&self, record: &mut R, sequence: u64, time_ns: u64, flags: u8) {
        let header = record.header_mut();
        header.instrument = 1;
        header.sequence = sequence;
        header.venue_time_ns = self.midnight_ns + time_ns;
        header.receive_time_ns = header.venue_time_ns;
        header.flags = flags;
    }

    /// Makes levels that the row shows, and the one before did not, hold what it shows. One event.
    fn come_into_view(&mut self, before: &[Rung], shown: &[Rung], sequence: u64, time_ns: u64) {
        let has = |levels: &[Rung], level: (Side, i64)| levels.iter().any(|other| (other.0, other.1) == level);
        let first_record = self.records.len();
        for &(side, price4, lots) in shown.iter().filter(|level| !has(before, (level.0, level.1))) {
            let row = Row { time_ns, kind: 0, order_ref: 0, lots, price4, side };
            self.reconcile(&row, sequence);
        }
        // Levels of ours that would be in view and are not shown went while they were out of view.
        let mut gone = Vec::new();
        for (&level, _) in self.levels.iter().filter(|(level, orders)| !orders.is_empty() && !has(shown, **level)) {
            let worst = shown.iter().filter(|other| other.0 == level.0).map(|other| other.1 * -level.0.sign()).max();
            if !has(before, level) && worst.is_some_and(|worst| level.1 * -level.0.sign() < worst) {
                gone.push(level);
            }
        }
        for (side, price4) in gone {
            self.reconcile(&Row { time_ns, kind: 0, order_ref: 0, lots: 0, price4, side }, sequence);
        }
        if self.records.len() > first_record
            && let Some(last) = self.records.last_mut()
        {
            last.header_mut().flags |= FLAG_LAST;
        }
    }

    /// Makes a level hold the row's lots: a synthetic order more, or its latest orders less.
    fn reconcile(&mut self, row: &Row, sequence: u64) {
        let level = (row.side, row.price4);
        let known: i64 = self.levels.get(&level).into_iter().flatten().filter_map(|order| self.open.get(order)).sum();
        let mut surplus = known - row.lots;
        while surplus > 0
            && let Some(&order_ref) = self.levels.get(&level).and_then(|orders| orders.last())
        {
            surplus -= self.take_from(order_ref, surplus, sequence, row, BookAction::Reduce);
        }
        if surplus < 0 {
            let order_ref = SYNTHETIC_REF + self.seeded;
            self.seeded += 1;
            self.enter(&Row { order_ref, lots: -surplus, ..*row }, sequence, FLAG_SYNTHETIC);
        }
    }

    fn enter(&mut self, row: &Row, sequence: u64, flags: u8) {
        self.open.insert(row.order_ref, row.lots);
        self.levels.entry((row.side, row.price4)).or_default().push(row.order_ref);
        let mut record = MarketOrder::new();
        self.stamp(&mut record, sequence, row.time_ns, flags);
        record.action = BookAction::Add as u8;
        record.order_ref = row.order_ref;
        record.side = row.side as u8;
        record.price_nanos = row.price4 * NANOS_PER_PRICE4;
        record.lots = row.lots;
        self.records.push(FlowRecord::Order(record));
    }

    fn row(&mut self, sequence: u64, row: &Row) {
        self.counts.messages += 1;
        match row.kind {
            1 => self.add(sequence, row),
            2 | 3 => self.take(sequence, row, BookAction::Reduce),
            4 => self.take(sequence, row, BookAction::Execute),
            5 | 6 => self.trade(sequence, row),
            _ => self.status(sequence, row),
        }
    }

    fn add(&mut self, sequence: u64, row: &Row) {
        if self.open.contains_key(&row.order_ref) {
            self.counts.leave_out("new order with the id of a live one");
            return;
        }
        self.enter(row, sequence, FLAG_LAST);
    }

    /// Lots leave an order, or the synthetic orders of its level.
    fn take(&mut self, sequence: u64, row: &Row, action: BookAction) {
        let mut left = row.lots;
        if self.open.contains_key(&row.order_ref) {
            left -= self.take_from(row.order_ref, left, sequence, row, action);
        }
        let level = (row.side, row.price4);
        while left > 0
            && let Some(order_ref) = self.first_synthetic(level)
        {
            left -= self.take_from(order_ref, left, sequence, row, action);
        }
        if left == row.lots {
            self.counts.leave_out("order at a level never seen");
            return;
        }
        if left > 0 {
            self.counts.leave_out("more than the known lots of its level");
        }
        if let Some(last) = self.records.last_mut() {
            last.header_mut().flags |= FLAG_LAST;
        }
    }

    fn first_synthetic(&self, level: (Side, i64)) -> Option<u64> {
        self.levels.get(&level)?.iter().copied().find(|&order_ref| order_ref >= SYNTHETIC_REF)
    }

    /// Takes what an order has of `lots`; says how many.
    fn take_from(&mut self, order_ref: u64, lots: i64, sequence: u64, row: &Row, action: BookAction) -> i64 {
        let level = (row.side, row.price4);
        let open = self.open.get(&order_ref).copied().unwrap_or(0);
        let taken = lots.min(open);
        let mut record = MarketOrder::new();
        // Kind 0: no message, a level came into view.
        self.stamp(&mut record, sequence, row.time_ns, if row.kind == 0 { FLAG_SYNTHETIC } else { 0 });
        record.order_ref = order_ref;
        record.side = row.side as u8;
        record.lots = taken;
        record.price_nanos = UNDEF_PRICE;
        record.action = action as u8;
        if action == BookAction::Execute {
            record.match_id = sequence;
            record.printable = 1;
        }
        if taken < open {
            self.open.insert(order_ref, open - taken);
        } else {
            self.open.remove(&order_ref);
            if let Some(orders) = self.levels.get_mut(&level) {
                orders.retain(|reference| *reference != order_ref);
            }
            if action == BookAction::Reduce {
                record.action = BookAction::Delete as u8;
                record.lots = 0;
            }
        }
        self.records.push(FlowRecord::Order(record));
        taken
    }

    fn trade(&mut self, sequence: u64, row: &Row) {
        let mut record = Trade::new();
        self.stamp(&mut record, sequence, row.time_ns, FLAG_LAST);
        record.price_nanos = row.price4 * NANOS_PER_PRICE4;
        record.lots = row.lots;
        record.match_id = sequence;
        record.order_ref = row.order_ref;
        record.side = row.side as u8;
        record.cross = u8::from(row.kind == 6);
        self.records.push(FlowRecord::Trade(record));
    }

    /// Type 7: price −1 halts, 0 resumes quoting, 1 resumes trading.
    fn status(&mut self, sequence: u64, row: &Row) {
        let state = match row.price4 {
            -1 => TradingState::Halted,
            0 => TradingState::QuoteOnly,
            1 => TradingState::Trading,
            _ => return self.counts.leave_out("trading halt of an unknown kind"),
        };
        let mut record = Status::new();
        self.stamp(&mut record, sequence, row.time_ns, FLAG_LAST);
        record.trading = state as u8;
        self.records.push(FlowRecord::Status(record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_exactly() {
        assert_eq!(parse_seconds("34200.004241176"), Some(34_200_004_241_176));
        assert_eq!(parse_seconds("34200.00426064"), Some(34_200_004_260_640));
        assert_eq!(parse_seconds("0"), Some(0));
        for bad in ["", "-1", "86400", "1.0000000001", "1.", "x", "1e3"] {
            assert_eq!(parse_seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_wrong_field_of_a_line_is_told() {
        let wrong = parse_message("x,9,-1,0,0,2").err().unwrap();
        assert_eq!(wrong.len(), 6);
        assert!(wrong[1].contains("\"9\"") && wrong[1].contains("1 to 7"));
        assert_eq!(parse_message("1,2").err().unwrap().len(), 1);
    }

    #[test]
    fn the_state_before_a_message_is_the_state_after_it_undone() {
        let row = |kind| Row { time_ns: 0, kind, order_ref: 1, lots: 5, price4: 100, side: Side::Buy };
        let after = [(Side::Buy, 100, 5), (Side::Sell, 110, 7)];
        assert_eq!(before(&after, &row(1)), [(Side::Sell, 110, 7)]);
        assert_eq!(before(&after, &row(3))[0], (Side::Buy, 100, 10));
        assert_eq!(before(&after[1..], &row(4)), [(Side::Sell, 110, 7), (Side::Buy, 100, 5)]);
        assert_eq!(before(&after, &row(5)), after);
    }
}
