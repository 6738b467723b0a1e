//! A message against its dictionary.
//!
//! One pass over the fields: header, body, trailer, entries of groups by recursion. The answer of the standard for a message
//! with several faults is not fixed; ours puts structure and type first, then what is missing, then fields in order.
//!
//! Invariant: no allocation, and time linear in the message: a count of a group is never believed, only compared.

use super::layout::{Bits, Layout, MEMBERS_MAX, NONE, Slot};
use super::{Dictionary, Kind};
use crate::fix::fields::{Field, Message};
use crate::fix::{reject, values};

/// Tags from here on are users' own.
const USER_DEFINED: u32 = 5_000;
const USER_DEFINED_END: u32 = 10_000;
const MSG_TYPE: u32 = 35;

/// What is checked. QuickFIX has these switches, under the names in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validation {
    /// Header, body and trailer stand in this order (ValidateFieldsOutOfOrder).
    pub order: bool,
    /// No field is empty (ValidateFieldsHaveValues).
    pub have_values: bool,
    /// Fields of a group's entry stand in the dictionary's order (ValidateUnorderedGroupFields).
    pub group_order: bool,
    /// User-defined tags, 5000 to 9999, must be in the dictionary (ValidateUserDefinedFields).
    pub user_defined: bool,
    /// Other tags must be in the dictionary and in the message (AllowUnknownMsgFields, reversed).
    pub unknown: bool,
    /// What is required is there (CheckRequiredFields).
    pub required: bool,
    /// Letters are of the field's type.
    pub formats: bool,
    /// Values are among those listed.
    pub values: bool,
}

impl Validation {
    /// Nothing but a known message type.
    pub const NONE: Self = Self {
        order: false,
        have_values: false,
        group_order: false,
        user_defined: false,
        unknown: false,
        required: false,
        formats: false,
        values: false,
    };
    /// Everything.
    pub const FULL: Self = Self {
        order: true,
        have_values: true,
        group_order: true,
        user_defined: true,
        unknown: true,
        required: true,
        formats: true,
        values: true,
    };
}

impl Default for Validation {
    fn default() -> Self {
        Self::FULL
    }
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// SessionRejectReason (373).
    pub reason: u16,
    /// RefTagID (371).
    pub tag: u32,
}

impl Reject {
    /// The standard's words.
    pub const fn text(self) -> &'static str {
        reject::text(self.reason)
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tag {}: {} (reason {})", self.tag, self.text(), self.reason)
    }
}

impl std::error::Error for Reject {}

struct Pass<'a> {
    dictionary: &'a Dictionary,
    message: Message<'a>,
    rules: Validation,
    /// The field that is looked at.
    at: usize,
    /// The first fault of a field; what is missing comes before it.
    fault: Option<Reject>,
}

impl Dictionary {
    /// Whether a message holds what it may and must.
    ///
    /// # Errors
    /// The fault that comes first: structure and type, then what is missing, then fields in order.
    #[inline]
    pub fn validate(&self, message: &Message<'_>, rules: &Validation) -> Result<(), Reject> {
        let Some(body) = self.layout_of(message.kind()) else {
            return Err(Reject { reason: reject::MESSAGE_TYPE, tag: MSG_TYPE });
        };
        if *rules == Validation::NONE {
            return Ok(());
        }
        let mut pass = Pass { dictionary: self, message: *message, rules: *rules, at: 0, fault: None };
        pass.run(body)
    }
}

impl<'a> Pass<'a> {
    fn run(&mut self, body: &'a Layout) -> Result<(), Reject> {
        let dictionary = self.dictionary;
        let header = &dictionary.layouts[usize::from(dictionary.header)];
        let trailer = &dictionary.layouts[usize::from(dictionary.trailer)];
        let mut seen_header = [0; MEMBERS_MAX / 64];
        let mut seen_body = [0; MEMBERS_MAX / 64];
        let mut seen_trailer = [0; MEMBERS_MAX / 64];
        self.members(header, &mut seen_header);
        loop {
            self.members(body, &mut seen_body);
            let Some(field) = self.field() else { break };
            if trailer.find(field.tag).is_some() {
                self.members(trailer, &mut seen_trailer);
                if self.at == self.message.fields().len() {
                    break;
                }
                // What follows the trailer is out of its place.
                self.misplaced()?;
            } else if header.find(field.tag).is_some() {
                self.misplaced()?;
                self.members(header, &mut seen_header);
            } else {
                self.stranger(field);
                self.at += 1;
            }
        }
        if self.rules.required {
            let missing = header
                .missing(&seen_header)
                .or_else(|| body.missing(&seen_body))
                .or_else(|| trailer.missing(&seen_trailer));
            if let Some(tag) = missing {
                return Err(Reject { reason: reject::REQUIRED_MISSING, tag });
            }
        }
        self.fault.map_or(Ok(()), Err)
    }

    #[inline(always)]
    fn field(&self) -> Option<Field> {
        self.message.fields().get(self.at).copied()
    }

    /// A field of the header, or any after the trailer, where it does not belong.
    #[cold]
    fn misplaced(&self) -> Result<(), Reject> {
        match self.field() {
            Some(field) if self.rules.order => Err(Reject { reason: reject::OUT_OF_ORDER, tag: field.tag }),
            _ => Ok(()),
        }
    }

    #[cold]
    fn fail(&mut self, reason: u16, tag: u32) {
        self.fault.get_or_insert(Reject { reason, tag });
    }

    /// A tag that this message does not have.
    #[cold]
    fn stranger(&mut self, field: Field) {
        let known = self.dictionary.fields.contains_key(&field.tag);
        let user_defined = (USER_DEFINED..USER_DEFINED_END).contains(&field.tag);
        if self.rules.have_values && field.start == field.end {
            self.fail(reject::NO_VALUE, field.tag);
        }
        let checked = if user_defined { self.rules.user_defined } else { self.rules.unknown };
        if checked {
            self.fail(if known { reject::NOT_FOR_MESSAGE } else { reject::INVALID_TAG }, field.tag);
        }
    }

    /// Fields as long as they are members of this layout.
    #[inline]
    fn members(&mut self, layout: &'a Layout, seen: &mut Bits) {
        let fields = self.message.fields();
        // The place and the word of bits that was used last stay in registers: most neighbours share one.
        let (mut at, mut word, mut held) = (self.at, 0, seen[0]);
        while let Some(field) = fields.get(at).copied() {
            let Some(slot) = layout.find(field.tag) else { break };
            let (of, bit) = (usize::from(slot.member) / 64 % seen.len(), 1 << (slot.member % 64));
            if of != word {
                seen[word] = held;
                (word, held) = (of, seen[of]);
            }
            if held & bit != 0 {
                self.fail(reject::REPEATED_TAG, field.tag);
            }
            held |= bit;
            self.value(field, slot);
            at += 1;
            if slot.group != NONE {
                self.at = at;
                self.group(field, slot);
                at = self.at;
            }
        }
        seen[word] = held;
        self.at = at;
    }

    #[inline(always)]
    fn value(&mut self, field: Field, slot: &Slot) {
        let value = self.message.value(field);
        if value.is_empty() {
            if self.rules.have_values {
                self.fail(reject::NO_VALUE, field.tag);
            }
            return;
        }
        if slot.values != NONE && self.rules.values {
            let values = &self.dictionary.values[usize::from(slot.values)];
            let listed = match slot.kind {
                Kind::Words => value.split(|byte| *byte == b' ').all(|word| values.contains(word)),
                _ => values.contains(value),
            };
            if listed {
                return;
            }
            let format = self.rules.formats && !slot.kind.allows(value);
            self.fail(if format { reject::DATA_FORMAT } else { reject::VALUE_OUT_OF_RANGE }, field.tag);
        } else if self.rules.formats && !self.allowed(field, slot.kind, value) {
            self.fail(reject::DATA_FORMAT, field.tag);
        }
    }

    /// Whether the letters are of the type: at once where they are few, else one by one.
    #[inline(always)]
    fn allowed(&self, field: Field, kind: Kind, value: &[u8]) -> bool {
        let (bytes, start, end) = (self.message.bytes(), field.start as usize, field.end as usize);
        match kind {
            Kind::Text | Kind::Data | Kind::Words => true,
            Kind::Integer | Kind::Count => values::is_digits_in(bytes, start, end) || kind.allows(value),
            Kind::Decimal => values::is_decimal_in(bytes, start, end) || kind.allows(value),
            _ => kind.allows(value),
        }
    }

    /// The entries behind a counting field.
    fn group(&mut self, count: Field, slot: &Slot) {
        let dictionary = self.dictionary;
        let layout = &dictionary.layouts[usize::from(slot.group)];
        let Some(first) = layout.tags.first().copied() else { return };
        let mut entries = 0;
        while let Some(field) = self.field() {
            if field.tag != first {
                if layout.find(field.tag).is_some() {
                    // Entries begin with the group's first field.
                    self.fail(reject::GROUP_ORDER, field.tag);
                } else {
                    break;
                }
            }
            entries += 1;
            self.entry(layout, first);
        }
        // An empty count was told already, and letters that are no number are told before this.
        let stated = self.message.value(count);
        if !stated.is_empty() && values::unsigned(stated) != Some(entries) {
            self.fail(reject::GROUP_COUNT, count.tag);
        }
    }

    /// One entry, to the next one's first field or the group's end. Takes at least one field.
    fn entry(&mut self, layout: &'a Layout, first: u32) {
        let mut seen: Bits = [0; MEMBERS_MAX / 64];
        let mut last = 0;
        let begin = self.at;
        while let Some(field) = self.field() {
            if field.tag == first && self.at != begin {
                break;
            }
            let Some(slot) = layout.find(field.tag) else { break };
            let (word, bit) = (usize::from(slot.member) / 64 % seen.len(), 1 << (slot.member % 64));
            if seen[word] & bit != 0 {
                self.fail(reject::REPEATED_TAG, field.tag);
            } else if self.rules.group_order && slot.member < last {
                self.fail(reject::GROUP_ORDER, field.tag);
            }
            seen[word] |= bit;
            last = slot.member;
            self.value(field, slot);
            self.at += 1;
            if slot.group != NONE {
                self.group(field, slot);
            }
        }
        if self.rules.required
            && let Some(tag) = layout.missing(&seen)
        {
            self.fail(reject::REQUIRED_MISSING, tag);
        }
    }
}
