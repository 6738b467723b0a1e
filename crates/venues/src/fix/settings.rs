//! What a topology file says of a FIX acceptor, and the tile made from it.
//!
//! Invariant: names, dictionaries and profiles are looked at before a socket is opened; everything that is wrong is told at
//! once, each with its key.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::rc::Rc;

use sessions::fix::{
    DictionaryRules, FileLog, Hours, JournalSize, JournalStore, LogSize, MemoryStore, Profile, Session, Span, Store,
    Version,
};
use tiles::{Context, DoorConfig, Ends, StartError, Tile, TileKind, TileSpec, TlsServer, TlsServerSettings, settings};
use wire::fix::{Dictionary, Draft, Validation};

use super::acceptance::Acceptance;
use super::acceptor::{AcceptorConfig, AcceptorTile, Seat};

settings! {
    /// How strictly a dictionary is kept.
    struct ValidationSettings {
        order: bool = true, "true or false";
        have_values: bool = true, "true or false";
        group_order: bool = true, "true or false";
        user_defined: bool = true, "true or false";
        unknown: bool = true, "true or false";
        required: bool = true, "true or false";
        formats: bool = true, "true or false";
        values: bool = true, "true or false";
    }
}

settings! {
    /// When a session is open, in a place's time.
    pub struct HoursSettings {
        /// Seconds after the place's midnight; of a weekly session after Monday's.
        pub start_s: u32, "a whole number of seconds below a day's, or a week's where weekly";
        /// As `start_s`.
        pub end_s: u32, "a whole number of seconds below a day's, or a week's where weekly";
        /// From one day of the week to another.
        pub weekly: bool = false, "true or false";
        /// Monday is 0.
        pub weekdays: Vec<u32> = vec![0, 1, 2, 3, 4], "whole numbers from 0 (Monday) to 6", |days| days.iter().all(|day| *day < 7);
        /// On which no session begins.
        pub holidays: Vec<u32> = Vec::new(), "days since 1970-01-01";
        /// The place's offsets.
        pub zone: Vec<Vec<i64>>, "pairs of seconds since 1970 and the offset from UTC in seconds from then on",
            |zone| zone.iter().all(|pair| pair.len() == 2 && pair[1].unsigned_abs() <= 86_400);
    }
}

impl HoursSettings {
    /// The hours.
    ///
    /// # Errors
    /// Everything that is wrong with them, a sentence each.
    pub fn hours(&self) -> Result<Hours, Vec<String>> {
        let (start_s, end_s) = (self.start_s, self.end_s);
        let span = if self.weekly { Span::Weekly { start_s, end_s } } else { Span::Daily { start_s, end_s } };
        let zone = self.zone.iter().map(|pair| (pair[0], pair[1] as i32)).collect();
        let weekdays = self.weekdays.iter().fold(0, |bits, day| bits | 1 << day);
        Hours::new(span, zone, weekdays, self.holidays.clone())
    }
}

settings! {
    /// One session.
    struct SessionSettings {
        profile: Profile, "a table";
        validation: Option<ValidationSettings> = None, "a table of true and false by kind of check";
        /// Absent: always open.
        hours: Option<HoursSettings> = None, "a table";
        /// Where what is sent is kept.
        store: String = "memory".to_owned(), "memory or journal", |store| ["memory", "journal"].contains(&store.as_str());
        store_messages_max: usize = 1 << 16, "a whole number from 16 to 16777216", |m| (16..=1 << 24).contains(m);
        /// Bytes of the memory, or of one of the journal's segments.
        store_bytes: usize = 4 << 20, "a multiple of 4096 from 65536 to 1073741824",
            |bytes| (64 << 10..=1 << 30).contains(bytes) && bytes % 4096 == 0;
        /// Where its messages are written down; absent: nowhere.
        log: Option<LogSize> = None, "a table with file_bytes and files_max";
        store_segments_max: usize = 64, "a whole number from 1 to 4096", |segments| (1..=4_096).contains(segments);
    }
}

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "fix-acceptor"`.
    struct AcceptorSettings {
        listen: SocketAddrV4, "an address such as 127.0.0.1:9880";
        application: String, "acceptance", |application| application == "acceptance";
        /// Files in the QuickFIX XML form by version; of FIX 5.0 and later by ApplVerID (`7`, `8`, `9`).
        dictionaries: BTreeMap<String, PathBuf>, "files by version: FIX.4.0 to FIX.4.4, FIXT.1.1, and ApplVerIDs such as 9";
        sessions: Vec<SessionSettings>, "tables with a profile each", |sessions| !sessions.is_empty();
        /// Absent: in the clear.
        tls: Option<TlsServerSettings> = None, "a table";
        door: DoorConfig = DoorConfig { waiting_max: 256, waiting_per_address_max: 128, ..DoorConfig::default() },
            "a table";
        messages_a_cycle: usize = 64, "a whole number from 1 to 65536", |messages| (1..=65_536).contains(messages);
    }
}

/// The kind `fix-acceptor` of topology files.
pub const ACCEPTOR: TileKind = TileKind { check, disk_bytes, make };

const NUMBERS_BYTES: u64 = 4096;

/// Two segments and the numbers of each session with a journal.
fn disk_bytes(spec: &TileSpec) -> u64 {
    let Ok(settings) = spec.settings::<AcceptorSettings>() else { return 0 };
    let journals = settings.sessions.iter().filter(|session| session.store == "journal");
    let stores: u64 = journals.map(|session| 2 * session.store_bytes as u64 + NUMBERS_BYTES).sum();
    let logs = settings.sessions.iter().filter_map(|session| session.log.as_ref());
    stores + logs.map(|log| 2 * log.file_bytes as u64).sum::<u64>()
}

fn check(spec: &TileSpec, _: &Ends) -> Vec<String> {
    let key = spec.key();
    spec.errors::<AcceptorSettings>(|settings, errors| {
        for (at, session) in settings.sessions.iter().enumerate() {
            let place = format!("{key}.sessions[{at}].profile");
            session.profile.errors(&place, errors);
            if session.profile.initiator {
                errors.push(format!("{place}.initiator = true: an acceptor waits for logons"));
            }
            if let Some(Err(found)) = session.hours.as_ref().map(HoursSettings::hours) {
                errors.extend(found.into_iter().map(|error| format!("{key}.sessions[{at}].hours.{error}")));
            }
            let same = |other: &SessionSettings| names(&other.profile) == names(&session.profile);
            if settings.sessions[..at].iter().any(same) {
                let (version, sender, target) = names(&session.profile);
                errors.push(format!("{place}: {version} {sender} with {target} stands twice"));
            }
        }
        if let Some(Err(found)) = settings.tls.as_ref().map(|tls| TlsServer::new(tls, &format!("{key}.tls"))) {
            errors.extend(found);
        }
        if let Err(found) = Dictionaries::read(settings, &key) {
            errors.extend(found);
        }
    })
}

fn names(profile: &Profile) -> (&str, &str, &str) {
    (&profile.begin_string, &profile.sender_comp_id, &profile.target_comp_id)
}

/// The dictionaries that the sessions need, each read once.
struct Dictionaries {
    by_name: BTreeMap<String, Rc<Dictionary>>,
}

impl Dictionaries {
    fn read(settings: &AcceptorSettings, key: &str) -> Result<Self, Vec<String>> {
        let (mut errors, mut by_name) = (Vec::new(), BTreeMap::new());
        let mut drafts = BTreeMap::new();
        for (name, path) in &settings.dictionaries {
            let place = format!("{key}.dictionaries.{name} = {:?}", path.display().to_string());
            match std::fs::read_to_string(path) {
                Ok(text) => match Draft::from_xml(&text) {
                    Ok(draft) => drop(drafts.insert(name.clone(), draft)),
                    Err(found) => errors.extend(found.into_iter().map(|error| format!("{place}: {error}"))),
                },
                Err(error) => {
                    errors.push(format!("{place}: {}; must be a file that can be read", tiles::reason(&error)))
                }
            }
        }
        for session in &settings.sessions {
            let name = dictionary_of(&session.profile);
            if by_name.contains_key(name)
                || errors.iter().any(|error| error.contains(&format!(".dictionaries.{name} ")))
            {
                continue;
            }
            let transport = (session.profile.version() == Version::Fixt11).then_some("FIXT.1.1");
            match (drafts.get(name), transport.map(|transport| drafts.get(transport))) {
                (Some(draft), None) => keep(&mut by_name, name, Dictionary::new(draft.clone()), &mut errors),
                (Some(draft), Some(Some(transport))) => {
                    let made = Dictionary::over_transport(transport.clone(), draft.clone());
                    keep(&mut by_name, name, made, &mut errors);
                }
                (None, _) => errors.push(format!("{key}.dictionaries.{name}: is missing; a session speaks it")),
                (_, Some(None)) => errors.push(format!("{key}.dictionaries.FIXT.1.1: is missing; a session speaks it")),
            }
        }
        if errors.is_empty() { Ok(Self { by_name }) } else { Err(errors) }
    }

    fn of(&self, profile: &Profile) -> Rc<Dictionary> {
        Rc::clone(&self.by_name[dictionary_of(profile)])
    }
}

fn keep(
    by_name: &mut BTreeMap<String, Rc<Dictionary>>,
    name: &str,
    made: Result<Dictionary, Vec<String>>,
    errors: &mut Vec<String>,
) {
    match made {
        Ok(dictionary) => drop(by_name.insert(name.to_owned(), Rc::new(dictionary))),
        Err(found) => errors.extend(found.into_iter().map(|error| format!("dictionary {name}: {error}"))),
    }
}

/// The key of a profile's dictionary.
fn dictionary_of(profile: &Profile) -> &str {
    if profile.default_appl_ver_id.is_empty() { &profile.begin_string } else { &profile.default_appl_ver_id }
}

fn make(spec: &TileSpec, context: Context) -> Result<Box<dyn Tile>, StartError> {
    let errors = check(spec, &Ends::default());
    if !errors.is_empty() {
        return Err(StartError(errors.join("\n")));
    }
    let settings: AcceptorSettings = spec.settings()?;
    let dictionaries = Dictionaries::read(&settings, &spec.key()).map_err(|errors| StartError(errors.join("\n")))?;
    let now_ns = context.clock.now_ns();
    let mut seats = Vec::with_capacity(settings.sessions.len());
    for (at, one) in settings.sessions.iter().enumerate() {
        let dictionary = dictionaries.of(&one.profile);
        let store: Box<dyn Store> = if one.store == "memory" {
            Box::new(MemoryStore::with_capacity(one.store_messages_max, one.store_bytes, now_ns))
        } else {
            let size = JournalSize {
                segment_bytes: one.store_bytes,
                segments_max: one.store_segments_max,
                messages_max: one.store_messages_max,
            };
            let name = format!("fix{at:05}");
            let opened = JournalStore::open(Rc::clone(&context.storage), &name, size, now_ns);
            Box::new(opened.map_err(|error| StartError(format!("tile {}: {}", spec.name, error.0)))?)
        };
        let mut rules = DictionaryRules::new(Rc::clone(&dictionary), validation(one.validation.as_ref()));
        if one.profile.version() == Version::Fixt11 {
            for (version, other) in dictionaries.by_name.iter().filter(|(name, _)| name.parse::<u8>().is_ok()) {
                rules = rules.with(version, Rc::clone(other));
            }
        }
        let mut session = Session::new(one.profile.clone(), store, Some(Rc::new(rules)));
        if let Some(hours) = &one.hours {
            session = session.with_hours(hours.hours().expect("the check went over them"));
        }
        if let Some(size) = &one.log {
            let log = FileLog::open(Rc::clone(&context.storage), &format!("messages{at:05}"), size.clone());
            let failed = |error: std::io::Error| StartError(format!("tile {}: message log: {error}", spec.name));
            session = session.with_log(Box::new(log.map_err(failed)?));
        }
        seats.push(Seat::new(session, Box::new(Acceptance::new(dictionary))));
    }
    let tls = settings.tls.as_ref().map(|tls| TlsServer::new(tls, &format!("{}.tls", spec.key())));
    let tls = tls.transpose().map_err(|errors| StartError(errors.join("\n")))?;
    let config = AcceptorConfig {
        name: spec.name.clone(),
        listen: settings.listen,
        tls,
        door: settings.door,
        messages_a_cycle: settings.messages_a_cycle,
    };
    Ok(Box::new(AcceptorTile::new(config, seats, context)?))
}

fn validation(settings: Option<&ValidationSettings>) -> Validation {
    let Some(&ValidationSettings { order, have_values, group_order, user_defined, unknown, required, formats, values }) =
        settings
    else {
        return Validation::FULL;
    };
    Validation { order, have_values, group_order, user_defined, unknown, required, formats, values }
}
