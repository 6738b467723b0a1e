//! Views of messages by name: `NewOrderSingle::new(message).price()`. Nothing is copied: a view is the message and, for each of
//! its fields, the place in the table of fields, found for all of them in one pass.
//!
//! `make gen` makes the views of `venues/fix/tables`: fields of all versions together, those of components among them. Fields of
//! groups' entries are reached through [`Group`].
//!
//! Invariant: a field that is absent, or whose letters are not of its type, is `None`; validation tells the two apart.

use super::fields::{Field, Message};

/// Tags that are looked up in one step; a table of slots has as many entries.
pub(super) const TAGS: usize = 2_048;
/// Fields whose places fit a byte.
const PLACES_MAX: usize = 256;

/// The slot of each tag; 0 for tags that the message does not have.
pub(super) const fn slots(tags: &[u32]) -> [u16; TAGS] {
    let mut table = [0; TAGS];
    let mut at = 0;
    while at < tags.len() {
        table[tags[at] as usize] = at as u16 + 1;
        at += 1;
    }
    table
}

/// Where each field of a message stands; 0, where BeginString is, for what is absent. Slot 0 takes what has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<const SLOTS: usize>([u8; SLOTS]);

impl<const SLOTS: usize> Places<SLOTS> {
    #[inline]
    pub(super) fn of(message: &Message<'_>, table: &[u16; TAGS]) -> Self {
        let mut places = [0; SLOTS];
        let fields = message.fields();
        // From the last to the first: of a tag that stands twice, the first counts.
        for (at, field) in fields.iter().enumerate().take(PLACES_MAX).rev() {
            let slot = table.get(field.tag as usize).copied().unwrap_or(0);
            places[usize::from(slot) % SLOTS] = at as u8;
        }
        Self(places)
    }

    #[inline(always)]
    pub(super) fn get(&self, message: &Message<'_>, slot: usize, tag: u32) -> Option<Field> {
        match self.0[slot] {
            0 if message.fields().len() > PLACES_MAX => late(message, tag),
            0 => None,
            place => message.fields().get(usize::from(place)).copied(),
        }
    }
}

/// Fields behind the two hundred and fifty-sixth.
#[cold]
fn late(message: &Message<'_>, tag: u32) -> Option<Field> {
    message.fields()[PLACES_MAX..].iter().find(|field| field.tag == tag).copied()
}

/// The entries of a repeating group.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    message: Message<'a>,
    at: usize,
    first: u32,
    left: u64,
}

/// One entry: its fields up to the next one's first. The last entry ends with the message; ask it for tags of the group alone.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    message: Message<'a>,
    from: usize,
    to: usize,
}

impl<'a> Group<'a> {
    /// The entries that `count` counts; each begins with the tag that follows it. What the count says is not believed beyond
    /// the entries that are there.
    pub fn new(message: Message<'a>, count: u32) -> Self {
        let at = message.fields().iter().position(|field| field.tag == count);
        let stated = at.and_then(|at| super::unsigned(message.value(message.fields()[at]))).unwrap_or(0);
        let at = at.map_or(message.fields().len(), |at| at + 1);
        let first = message.fields().get(at).map_or(0, |field| field.tag);
        Self { message, at, first, left: if first == 0 { 0 } else { stated } }
    }
}

impl<'a> Iterator for Group<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let fields = self.message.fields();
        if self.left == 0 || fields.get(self.at).is_none_or(|field| field.tag != self.first) {
            return None;
        }
        let from = self.at;
        let next = fields[from + 1..].iter().position(|field| field.tag == self.first);
        self.left -= 1;
        self.at = next.map_or(fields.len(), |next| from + 1 + next);
        Some(Entry { message: self.message, from, to: self.at })
    }
}

impl<'a> Entry<'a> {
    /// The first value of a tag.
    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        self.field(tag).map(|field| self.message.value(field))
    }

    /// The first field of a tag.
    pub fn field(&self, tag: u32) -> Option<Field> {
        self.message.fields()[self.from..self.to].iter().find(|field| field.tag == tag).copied()
    }

    /// Its fields.
    pub fn fields(&self) -> &'a [Field] {
        &self.message.fields()[self.from..self.to]
    }
}

macro_rules! value {
    (text, $message:expr, $field:expr) => {
        Some($message.value($field))
    };
    (character, $message:expr, $field:expr) => {
        $crate::fix::character($message.value($field))
    };
    (integer, $message:expr, $field:expr) => {
        $message.integer($field)
    };
    (decimal, $message:expr, $field:expr) => {
        $message.decimal_nanos($field)
    };
    (time, $message:expr, $field:expr) => {
        $crate::fix::utc_time_ns($message.value($field))
    };
    (boolean, $message:expr, $field:expr) => {
        $crate::fix::boolean($message.value($field))
    };
}

macro_rules! value_type {
    (text) => { &'a [u8] };
    (character) => { u8 };
    (integer) => { i64 };
    (decimal) => { i64 };
    (time) => { u64 };
    (boolean) => { bool };
}

macro_rules! view {
    ($name:ident, $kind:literal, $count:literal, $( $slot:literal $tag:literal $field:ident $type:ident $about:literal )*) => {
        #[doc = concat!("A ", stringify!($name), " (", $kind, ").")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a> {
            message: $crate::fix::Message<'a>,
            places: $crate::fix::view::Places<{ $count + 1 }>,
        }

        impl<'a> $name<'a> {
            /// MsgType (35).
            pub const KIND: &'static [u8] = $kind.as_bytes();

            /// A view of a message, whatever its type.
            #[inline]
            pub fn new(message: $crate::fix::Message<'a>) -> Self {
                static SLOTS: [u16; $crate::fix::view::TAGS] = $crate::fix::view::slots(&[$($tag),*]);
                Self { message, places: $crate::fix::view::Places::of(&message, &SLOTS) }
            }

            /// The message.
            #[inline]
            pub const fn message(&self) -> $crate::fix::Message<'a> {
                self.message
            }

            $(
                #[doc = $about]
                #[inline]
                pub fn $field(&self) -> Option<value_type!($type)> {
                    let field = self.places.get(&self.message, $slot, $tag)?;
                    value!($type, self.message, field)
                }
            )*
        }
    };
}

#[path = "generated/views.rs"]
pub mod views;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::{DataFields, Fields, SOH};
    use views::{ExecutionReport, NewOrderSingle};

    fn read(fields: &mut Fields, text: &str) -> Vec<u8> {
        let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'|' { SOH } else { byte }).collect();
        fields.read(&bytes, &DataFields::standard()).unwrap();
        bytes
    }

    #[test]
    fn a_view_has_each_value_with_its_type_and_none_for_the_rest() {
        let mut fields = Fields::new(1_000);
        let bytes = read(
            &mut fields,
            "8=FIX.4.4|9=1|35=D|11=ID|54=2|38=500|44=187.25|60=20260115-14:30:00.123|114=Y|18=1 2|432=bad|54=1|10=000|",
        );
        let order = NewOrderSingle::new(fields.message(&bytes));
        assert_eq!(NewOrderSingle::KIND, b"D");
        assert_eq!((order.cl_ord_id(), order.side()), (Some(&b"ID"[..]), Some(b'2')));
        assert_eq!((order.order_qty(), order.price()), (Some(500_000_000_000), Some(187_250_000_000)));
        assert_eq!(order.transact_time(), crate::fix::utc_time_ns(b"20260115-14:30:00.123"));
        assert_eq!((order.locate_reqd(), order.exec_inst()), (Some(true), Some(&b"1 2"[..])));
        assert_eq!((order.stop_px(), order.account()), (None, None));
        let mut late = "8=FIX.4.4|9=1|35=8|".to_owned() + &"58=x|".repeat(300);
        late += "151=7|6=-1.5|";
        let bytes = read(&mut fields, &late);
        let report = ExecutionReport::new(fields.message(&bytes));
        assert_eq!((report.leaves_qty(), report.avg_px()), (Some(7_000_000_000), Some(-1_500_000_000)));
        assert_eq!(report.cum_qty(), None);
    }

    #[test]
    fn entries_of_a_group_are_told_apart_and_a_count_is_not_believed() {
        let mut fields = Fields::new(100);
        let bytes = read(&mut fields, "35=W|268=9999999999|269=0|270=1.5|271=3|269=1|270=2|10=000|");
        let message = fields.message(&bytes);
        let prices: Vec<_> =
            Group::new(message, 268).map(|entry| (entry.get(269), entry.get(270), entry.get(271))).collect();
        assert_eq!(
            prices,
            [(Some(&b"0"[..]), Some(&b"1.5"[..]), Some(&b"3"[..])), (Some(&b"1"[..]), Some(&b"2"[..]), None)]
        );
        assert_eq!(Group::new(message, 453).count(), 0);
        assert_eq!(Group::new(message, 10).count(), 0);
    }
}
