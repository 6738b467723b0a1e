//! Data dictionaries: what each message of a version may hold, and whether a message holds it.
//!
//! A [`Draft`] is a file; overlays and a transport are laid onto it; [`Dictionary`] is the result, resolved into tables.
//!
//! Invariant: a dictionary that was made is sound: every name resolves, nothing contains itself, every table fits.

pub mod base;
mod draft;
mod kind;
mod layout;
mod resolve;
mod validate;
mod xml;

pub use base::Version;
pub use draft::{Draft, DraftField, DraftMessage, Member, Part};
pub use kind::Kind;
pub use validate::{Reject, Validation};

use super::fields::{DataFields, Field, Message};
use layout::{Layout, NONE, Values};
use std::collections::BTreeMap;

/// A field as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// The type's name in the file.
    pub type_name: String,
    /// How its letters are checked.
    pub kind: Kind,
    /// Its values, with a word for each.
    pub values: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct MessageEntry {
    name: String,
    session: bool,
    layout: u16,
}

/// A resolved dictionary.
#[derive(Clone, Debug)]
pub struct Dictionary {
    version: String,
    /// BeginString of messages: the transport's where there is one.
    begin_string: String,
    fields: BTreeMap<u32, FieldInfo>,
    layouts: Vec<Layout>,
    values: Vec<Values>,
    header: u16,
    trailer: u16,
    /// Layouts of messages of one letter, or [`NONE`].
    letters: Box<[u16; 256]>,
    messages: BTreeMap<Vec<u8>, MessageEntry>,
    data: DataFields,
}

impl Dictionary {
    /// Of one file.
    ///
    /// # Errors
    /// Every fault of it, a sentence each.
    pub fn from_xml(text: &str) -> Result<Self, Vec<String>> {
        Self::new(Draft::from_xml(text)?)
    }

    /// Of an application's file over a transport's (FIXT).
    ///
    /// # Errors
    /// Every fault of both, a sentence each.
    pub fn over_transport(transport: Draft, application: Draft) -> Result<Self, Vec<String>> {
        let (begin_string, version) = (transport.version.clone(), application.version.clone());
        // The transport's own fields, header and messages hold: the application's file has none of the session.
        let mut dictionary = Self::new(application.overlaid(transport))?;
        dictionary.begin_string = begin_string;
        dictionary.version = version;
        Ok(dictionary)
    }

    /// Of a draft.
    ///
    /// # Errors
    /// Every name that resolves to nothing, every member that contains itself, every table that is too large.
    pub fn new(draft: Draft) -> Result<Self, Vec<String>> {
        resolve::resolve(draft)
    }

    /// `FIX.4.4`, `FIX.5.0SP2`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// BeginString (8) of its messages: `FIXT.1.1` for an application over a transport.
    pub fn begin_string(&self) -> &str {
        &self.begin_string
    }

    /// The data fields, for reading.
    pub const fn data_fields(&self) -> &DataFields {
        &self.data
    }

    /// A field's name, type and values.
    pub fn field(&self, tag: u32) -> Option<&FieldInfo> {
        self.fields.get(&tag)
    }

    /// Every field by tag.
    pub const fn fields(&self) -> &BTreeMap<u32, FieldInfo> {
        &self.fields
    }

    /// The tag of a name.
    pub fn tag(&self, name: &str) -> Option<u32> {
        self.fields.iter().find(|(_, field)| field.name == name).map(|(tag, _)| *tag)
    }

    /// A message's name by its MsgType.
    pub fn message_name(&self, kind: &[u8]) -> Option<&str> {
        self.messages.get(kind).map(|message| message.name.as_str())
    }

    /// Whether a message belongs to the session.
    pub fn is_session(&self, kind: &[u8]) -> Option<bool> {
        self.messages.get(kind).map(|message| message.session)
    }

    /// MsgType and name of every message.
    pub fn messages(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.messages.iter().map(|(kind, message)| (kind.as_slice(), message.name.as_str()))
    }

    /// Whether a tag stands in the header.
    #[inline]
    pub fn is_header(&self, tag: u32) -> bool {
        self.layouts[usize::from(self.header)].find(tag).is_some()
    }

    /// Whether a tag stands in the trailer.
    #[inline]
    pub fn is_trailer(&self, tag: u32) -> bool {
        self.layouts[usize::from(self.trailer)].find(tag).is_some()
    }

    /// Where what begins with the field at this place ends: behind the field, or, where it counts a group, behind the group's
    /// last entry.
    pub fn span(&self, message: &Message<'_>, at: usize) -> usize {
        match self.layout_of(message.kind()) {
            Some(layout) => self.span_in(layout, message.fields(), at),
            None => at + 1,
        }
    }

    fn span_in(&self, layout: &Layout, fields: &[Field], at: usize) -> usize {
        let slot = fields.get(at).and_then(|field| layout.find(field.tag));
        let group = slot.filter(|slot| slot.group != NONE).map(|slot| &self.layouts[usize::from(slot.group)]);
        let mut end = at + 1;
        while let Some(group) = group
            && fields.get(end).is_some_and(|field| group.find(field.tag).is_some())
        {
            end = self.span_in(group, fields, end);
        }
        end
    }

    /// Counting tag and entry's tags of every group of a message, of those inside others too, and of the header's.
    pub fn groups(&self, kind: &[u8]) -> Vec<(u32, Vec<u32>)> {
        let mut found = Vec::new();
        let mut open: Vec<&Layout> = self.layout_of(kind).into_iter().collect();
        open.push(&self.layouts[usize::from(self.header)]);
        while let Some(layout) = open.pop() {
            for slot in layout.tags.iter().filter_map(|tag| layout.find(*tag)).filter(|slot| slot.group != NONE) {
                let entries = &self.layouts[usize::from(slot.group)];
                found.push((slot.tag, entries.tags.to_vec()));
                open.push(entries);
            }
        }
        found
    }

    #[inline]
    fn layout_of(&self, kind: &[u8]) -> Option<&Layout> {
        let index = match kind {
            [letter] => self.letters[usize::from(*letter)],
            kind => self.messages.get(kind).map_or(NONE, |message| message.layout),
        };
        self.layouts.get(usize::from(index))
    }
}

#[cfg(test)]
#[path = "dictionary_tests.rs"]
mod tests;
