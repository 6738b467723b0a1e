//! A dictionary as its file says it: fields, components, messages, groups by name, before anything is resolved.
//!
//! Files are in QuickFIX's XML form. A venue's overlay is a file of the same form that holds only what differs: its fields
//! replace those of the same number, its messages' members replace or follow those of the same name, a member with
//! `remove='Y'` is taken out, a field with `extend='Y'` adds its values to those that are there.
//!
//! Invariant: every error of a file is told, each in a sentence with its line, the value and what is allowed.

use super::kind::Kind;
use super::xml::{self, Element};
use std::collections::BTreeMap;

/// A field's number, name, type and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftField {
    /// Its tag.
    pub tag: u32,
    /// Its name.
    pub name: String,
    /// The type's name in the file.
    pub type_name: String,
    /// How its letters are checked.
    pub kind: Kind,
    /// Values that are allowed, with a word for each; all, when there are none.
    pub values: Vec<(String, String)>,
    /// The values listed are not all that are allowed.
    pub open: bool,
    /// In an overlay: the values are added.
    extend: bool,
}

/// What a member names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A field.
    Field,
    /// A component.
    Component,
    /// A repeating group: its counting field, and what each entry has.
    Group(Vec<Member>),
}

/// A member of a message, component or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Of the field, the counting field, or the component.
    pub name: String,
    /// What it names.
    pub part: Part,
    /// Whether it must be there.
    pub required: bool,
    /// Where the file says so.
    pub line: usize,
    remove: bool,
}

/// A message's type, name and members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftMessage {
    /// MsgType (35).
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Belongs to the session.
    pub session: bool,
    /// Its members.
    pub members: Vec<Member>,
    /// Where the file says so.
    pub line: usize,
}

/// A file's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// `FIX.4.4`, `FIXT.1.1`, `FIX.5.0SP2`.
    pub version: String,
    /// By tag.
    pub fields: BTreeMap<u32, DraftField>,
    /// By name.
    pub components: BTreeMap<String, Vec<Member>>,
    /// By MsgType.
    pub messages: BTreeMap<String, DraftMessage>,
    /// The standard header.
    pub header: Vec<Member>,
    /// The standard trailer.
    pub trailer: Vec<Member>,
}

impl Draft {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Every fault, a sentence each. What a name resolves to is looked at later, when all files are together.
    pub fn from_xml(text: &str) -> Result<Self, Vec<String>> {
        let root = xml::read(text).map_err(|error| vec![error])?;
        let mut reader = Reader { draft: Self::default(), errors: Vec::new() };
        reader.root(&root);
        if reader.errors.is_empty() { Ok(reader.draft) } else { Err(reader.errors) }
    }

    /// The numbers in a version: (4, 2) of FIX.4.2.
    pub(super) fn before_4_2(&self) -> bool {
        matches!(self.version.as_str(), "FIX.4.0" | "FIX.4.1")
    }

    /// This dictionary with what another one adds and changes; the version stays.
    #[must_use]
    pub fn overlaid(mut self, over: Self) -> Self {
        for (tag, mut field) in over.fields {
            if field.extend
                && let Some(before) = self.fields.get(&tag)
            {
                let known = |value: &(String, String)| !field.values.iter().any(|(letters, _)| *letters == value.0);
                let kept: Vec<_> = before.values.iter().filter(|value| known(value)).cloned().collect();
                field.values.splice(..0, kept);
            }
            self.fields.insert(tag, field);
        }
        for (name, members) in over.components {
            merge(self.components.entry(name).or_default(), members);
        }
        for (kind, message) in over.messages {
            match self.messages.get_mut(&kind) {
                Some(before) => merge(&mut before.members, message.members),
                None => drop(self.messages.insert(kind, message)),
            }
        }
        merge(&mut self.header, over.header);
        merge(&mut self.trailer, over.trailer);
        self
    }
}

fn merge(members: &mut Vec<Member>, over: Vec<Member>) {
    for member in over {
        let at = members.iter().position(|before| before.name == member.name);
        match at {
            Some(at) if member.remove => drop(members.remove(at)),
            Some(at) => match (&mut members[at].part, member.part) {
                (Part::Group(before), Part::Group(entries)) => {
                    merge(before, entries);
                    members[at].required = member.required;
                }
                (_, part) => members[at] = Member { part, ..member },
            },
            None if member.remove => {}
            None => members.push(member),
        }
    }
}

struct Reader {
    draft: Draft,
    errors: Vec<String>,
}

impl Reader {
    fn root(&mut self, root: &Element<'_>) {
        if root.name != "fix" {
            self.errors.push(format!("line {}: <{}> is no dictionary; <fix> is expected", root.line, root.name));
            return;
        }
        self.version(root);
        for section in &root.children {
            match section.name {
                "header" => self.draft.header = self.members(section),
                "trailer" => self.draft.trailer = self.members(section),
                "fields" => section.children.iter().for_each(|field| self.field(field)),
                "messages" => section.children.iter().for_each(|message| self.message(message)),
                "components" => section.children.iter().for_each(|component| self.component(component)),
                other => self.errors.push(format!(
                    "line {}: <{other}> is unknown; allowed: header, trailer, messages, components, fields",
                    section.line
                )),
            }
        }
    }

    fn version(&mut self, root: &Element<'_>) {
        let mut number = |name: &str| {
            let given = root.attribute(name).unwrap_or("");
            if given.is_empty() || given.len() > 2 || !given.bytes().all(|byte| byte.is_ascii_digit()) {
                self.errors.push(format!("line {}: {name}={given:?}: a number from 0 to 99 is needed", root.line));
            }
            given.to_owned()
        };
        let (major, minor) = (number("major"), number("minor"));
        let family = root.attribute("type").unwrap_or("FIX");
        if !matches!(family, "FIX" | "FIXT") {
            self.errors.push(format!("line {}: type={family:?}: allowed are FIX and FIXT", root.line));
        }
        let pack = match root.attribute("servicepack") {
            None | Some("0") => String::new(),
            Some(pack) => format!("SP{pack}"),
        };
        self.draft.version = format!("{family}.{major}.{minor}{pack}");
    }

    /// An attribute that must be there; empty after an error.
    fn needed(&mut self, element: &Element<'_>, name: &str) -> String {
        match element.attribute(name) {
            Some(value) if !value.is_empty() => value.to_owned(),
            _ => {
                self.errors.push(format!("line {}: <{}> has no {name}", element.line, element.name));
                String::new()
            }
        }
    }

    fn flag(&mut self, element: &Element<'_>, name: &str) -> bool {
        match element.attribute(name) {
            None | Some("N" | "n" | "") => false,
            Some("Y" | "y") => true,
            Some(other) => {
                self.errors.push(format!("line {}: {name}={other:?}: allowed are Y and N", element.line));
                false
            }
        }
    }

    fn field(&mut self, element: &Element<'_>) {
        if element.name != "field" {
            let (line, name) = (element.line, element.name);
            self.errors.push(format!("line {line}: <{name}> among the fields; only <field> is allowed"));
            return;
        }
        let (name, number) = (self.needed(element, "name"), self.needed(element, "number"));
        let type_name = self.needed(element, "type");
        let tag = number.parse().ok().filter(|tag| (1..=999_999_999).contains(tag)).unwrap_or(0);
        if tag == 0 {
            let allowed = "1 to 999999999 are allowed";
            self.errors.push(format!("line {}: field {name}: number={number:?}: {allowed}", element.line));
            return;
        }
        let kind = match Kind::from_name(&type_name) {
            // In FIX 4.0 and 4.1 char is any text.
            Some(Kind::Character) if self.draft.before_4_2() => Kind::Text,
            Some(kind) => kind,
            None => {
                let names: Vec<_> = Kind::names().collect();
                let allowed = names.join(", ");
                let line = element.line;
                self.errors.push(format!("line {line}: field {name}: type={type_name:?}: allowed are {allowed}"));
                Kind::Text
            }
        };
        let values = element.children.iter().filter(|child| child.name == "value");
        let values: Vec<_> = values
            .map(|value| (self.needed(value, "enum"), value.attribute("description").unwrap_or("").to_owned()))
            .collect();
        let open = element.attribute("allowOtherValues").is_some_and(|flag| flag.eq_ignore_ascii_case("y"))
            || element.attribute("allowOtherValues") == Some("true");
        let extend = self.flag(element, "extend");
        let field = DraftField { tag, name, type_name, kind, values, open, extend };
        if let Some(before) = self.draft.fields.insert(tag, field) {
            let (line, name) = (element.line, before.name);
            self.errors.push(format!("line {line}: field number {tag} is given a second time; {name} has it already"));
        }
    }

    fn members(&mut self, element: &Element<'_>) -> Vec<Member> {
        let mut members = Vec::new();
        for child in &element.children {
            let part = match child.name {
                "field" => Part::Field,
                "component" => Part::Component,
                "group" => Part::Group(self.members(child)),
                other => {
                    let line = child.line;
                    self.errors.push(format!("line {line}: <{other}> here; allowed: field, component, group"));
                    continue;
                }
            };
            let name = self.needed(child, "name");
            let (required, remove) = (self.flag(child, "required"), self.flag(child, "remove"));
            members.push(Member { name, part, required, line: child.line, remove });
        }
        members
    }

    fn message(&mut self, element: &Element<'_>) {
        let (kind, name) = (self.needed(element, "msgtype"), self.needed(element, "name"));
        let session = element.attribute("msgcat") == Some("admin");
        let members = self.members(element);
        if kind.len() > 8 {
            let line = element.line;
            self.errors.push(format!("line {line}: message {name}: msgtype={kind:?} has more than eight letters"));
        }
        let message = DraftMessage { kind: kind.clone(), name, session, members, line: element.line };
        if let Some(before) = self.draft.messages.insert(kind.clone(), message) {
            let (line, name) = (element.line, before.name);
            self.errors.push(format!("line {line}: msgtype {kind} is given a second time; {name} has it already"));
        }
    }

    fn component(&mut self, element: &Element<'_>) {
        let name = self.needed(element, "name");
        let members = self.members(element);
        if self.draft.components.insert(name.clone(), members).is_some() {
            self.errors.push(format!("line {}: component {name} is given a second time", element.line));
        }
    }
}
