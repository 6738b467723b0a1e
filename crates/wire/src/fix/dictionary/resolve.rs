//! A draft's names become tables.
//!
//! Invariant: components are laid into the messages that name them, each group's entries are one table, and a component or
//! group that contains itself is an error, not a loop.

use super::draft::{Draft, DraftField, Member, Part};
use super::kind::Kind;
use super::layout::{Layout, MEMBERS_MAX, NONE, Slot, Values};
use super::{Dictionary, FieldInfo, MessageEntry};
use crate::fix::fields::DataFields;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Components and groups inside one another.
const DEPTH_MAX: usize = 24;
const MSG_TYPE: u32 = 35;
/// Members looked at in all: FIX 5.0 SP2 with its extension packs takes a tenth.
const STEPS_MAX: u32 = 2_000_000;

struct Resolver<'a> {
    draft: &'a Draft,
    tags: HashMap<&'a str, u32>,
    layouts: Vec<Layout>,
    /// Layouts of groups, by where their entries stand in the draft: one table, however many messages have it.
    groups: HashMap<*const Member, u16>,
    values: Vec<Values>,
    values_of: BTreeMap<u32, u16>,
    steps: u32,
    errors: BTreeSet<String>,
}

/// A table's members on their way: slot, required; and the place of each tag.
#[derive(Default)]
struct Members {
    slots: Vec<(Slot, bool)>,
    places: HashMap<u32, usize>,
}

pub(super) fn resolve(draft: Draft) -> Result<Dictionary, Vec<String>> {
    let mut resolver = Resolver {
        draft: &draft,
        tags: HashMap::new(),
        layouts: Vec::new(),
        groups: HashMap::new(),
        values: Vec::new(),
        values_of: BTreeMap::new(),
        steps: 0,
        errors: BTreeSet::new(),
    };
    resolver.fields();
    let header = resolver.layout("header", &draft.header);
    let trailer = resolver.layout("trailer", &draft.trailer);
    let mut letters = Box::new([NONE; 256]);
    let mut messages = BTreeMap::new();
    for message in draft.messages.values() {
        let layout = resolver.layout(&format!("message {}", message.name), &message.members);
        if let [letter] = message.kind.as_bytes() {
            letters[usize::from(*letter)] = layout;
        }
        let entry = MessageEntry { name: message.name.clone(), session: message.session, layout };
        messages.insert(message.kind.as_bytes().to_vec(), entry);
    }
    // A component that no message names is read all the same, for its faults.
    for (name, members) in &draft.components {
        resolver.layout(&format!("component {name}"), members);
    }
    let data = resolver.data();
    let Resolver { layouts, values, errors, .. } = resolver;
    if !errors.is_empty() {
        return Err(errors.into_iter().collect());
    }
    let info = |field: DraftField| {
        let DraftField { name, type_name, kind, values, .. } = field;
        FieldInfo { name, type_name, kind, values }
    };
    let fields = draft.fields.into_iter().map(|(tag, field)| (tag, info(field))).collect();
    let (version, begin_string) = (draft.version.clone(), draft.version);
    Ok(Dictionary { version, begin_string, fields, layouts, values, header, trailer, letters, messages, data })
}

impl<'a> Resolver<'a> {
    fn fields(&mut self) {
        for field in self.draft.fields.values() {
            if let Some(before) = self.tags.insert(&field.name, field.tag) {
                let (name, tag) = (&field.name, field.tag);
                self.errors.insert(format!("field {name}: numbers {before} and {tag} have the same name"));
            }
            // The messages themselves say which types there are.
            let listed = !field.values.is_empty() && !field.open && field.tag != MSG_TYPE;
            if listed && self.values.len() < usize::from(NONE) {
                self.values_of.insert(field.tag, self.values.len() as u16);
                self.values.push(Values::new(field.values.iter().map(|(value, _)| value.as_bytes())));
            }
        }
    }

    fn layout(&mut self, place: &str, members: &'a [Member]) -> u16 {
        let mut found = Members::default();
        self.lay(place, members, true, &mut Vec::new(), &mut found);
        self.push(place, found)
    }

    fn push(&mut self, place: &str, members: Members) -> u16 {
        if members.slots.len() > MEMBERS_MAX || self.layouts.len() >= usize::from(NONE) {
            let count = members.slots.len();
            self.errors.insert(format!("{place}: {count} fields; at most {MEMBERS_MAX} are allowed"));
            return 0;
        }
        self.layouts.push(Layout::new(&members.slots));
        (self.layouts.len() - 1) as u16
    }

    /// Lays members into a table, those of components in their place. `inside` names what is being laid.
    fn lay(
        &mut self,
        place: &str,
        members: &'a [Member],
        required: bool,
        inside: &mut Vec<&'a str>,
        found: &mut Members,
    ) {
        for member in members {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.errors.insert(format!("more than {STEPS_MAX} members when components are laid into messages"));
                return;
            }
            let required = required && member.required;
            match &member.part {
                Part::Component => {
                    let Some(parts) = self.draft.components.get(&member.name) else {
                        let (line, name) = (member.line, &member.name);
                        self.errors.insert(format!("line {line}: {place}: component {name} is not defined"));
                        continue;
                    };
                    if self.enter(place, member, inside) {
                        self.lay(place, parts, required, inside, found);
                        inside.pop();
                    }
                }
                Part::Field => self.add(place, member, NONE, required, found),
                Part::Group(entries) => {
                    let group = self.group(place, member, entries, inside);
                    self.add(place, member, group, required, found);
                }
            }
        }
    }

    fn enter(&mut self, place: &str, member: &'a Member, inside: &mut Vec<&'a str>) -> bool {
        let sound = !inside.contains(&member.name.as_str()) && inside.len() < DEPTH_MAX;
        if sound {
            inside.push(&member.name);
        } else {
            let (line, name) = (member.line, &member.name);
            self.errors.insert(format!("line {line}: {place}: {name} contains itself, or stands too deep"));
        }
        sound
    }

    fn group(&mut self, place: &str, member: &'a Member, entries: &'a [Member], inside: &mut Vec<&'a str>) -> u16 {
        if let Some(known) = self.groups.get(&std::ptr::from_ref(member)) {
            return *known;
        }
        if !self.enter(place, member, inside) {
            return 0;
        }
        let mut found = Members::default();
        let name = format!("group {}", member.name);
        self.lay(&name, entries, true, inside, &mut found);
        inside.pop();
        if found.slots.is_empty() {
            self.errors.insert(format!("line {}: group {} has no fields", member.line, member.name));
        }
        let layout = self.push(&name, found);
        self.groups.insert(std::ptr::from_ref(member), layout);
        layout
    }

    fn add(&mut self, place: &str, member: &'a Member, group: u16, required: bool, found: &mut Members) {
        let Some(tag) = self.tags.get(member.name.as_str()).copied() else {
            let (line, name) = (member.line, &member.name);
            self.errors.insert(format!("line {line}: {place}: field {name} is not defined"));
            return;
        };
        // A field that a component has and that is named again: the later word counts.
        if let Some(place) = found.places.get(&tag) {
            let (slot, before) = &mut found.slots[*place];
            *before = required;
            slot.group = group;
            return;
        }
        let values = self.values_of.get(&tag).copied().unwrap_or(NONE);
        // Some dictionaries of early versions type counting fields as plain integers.
        let kind = if group == NONE { self.draft.fields[&tag].kind } else { Kind::Count };
        let place = found.slots.len();
        found.places.insert(tag, place);
        found.slots.push((Slot::new(tag, place.min(usize::from(NONE)) as u16, group, values, kind), required));
    }

    /// Data fields, each with its length field: the standard's, and those whose name says so.
    fn data(&self) -> DataFields {
        let mut data = DataFields::none();
        let standard = DataFields::standard();
        for field in self.draft.fields.values().filter(|field| field.kind == Kind::Data) {
            let known = standard.pairs().iter().find(|pair| pair.1 == field.tag).map(|pair| pair.0);
            let named = || {
                let names = [format!("{}Len", field.name), format!("{}Length", field.name)];
                names.iter().find_map(|name| self.tags.get(name.as_str()).copied())
            };
            let before = || {
                let length = self.draft.fields.get(&(field.tag - 1))?;
                matches!(length.kind, Kind::Count | Kind::Integer).then_some(length.tag)
            };
            if let Some(length) = known.or_else(named).or_else(before) {
                data = data.with(length, field.tag);
            }
        }
        data
    }
}
