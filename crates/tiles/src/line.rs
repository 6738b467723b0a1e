//! The line between engines of different hosts or regions: records of a link leave as datagrams and come out of the other side's
//! line, sealed with a secret that both have (AES-256-GCM, NIST SP 800-38D; the key by HKDF, RFC 5869).
//!
//! It repeats nothing and keeps no order: what is said over it must bear that it is lost, doubled, late or overtaken.
//!
//! Invariant: only what was sealed with the secret, came whole and is a record of the kinds that engines say to one another goes
//! on; all else is counted. A nonce is never used twice: eight bytes drawn anew in each life, and a counter.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use links::{Counter, Offer, Publication, Subscription};
use records::{ExecutorAnswer, ExecutorRequest, Kind, RegionQuote};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{Context, Ends, Net, StartError, Tile, TileKind, TileSpec, Udp, settings};

/// What the key is for.
const PURPOSE: &[u8] = b"meridian line v1";
const TAG_BYTES: usize = 16;
const RECORD_BYTES_MAX: usize = 512;
const DATAGRAM_BYTES_MAX: usize = NONCE_LEN + RECORD_BYTES_MAX + TAG_BYTES;
const DRAWN_BYTES: usize = 8;
/// Records in each direction before the other's turn.
const BATCH_MAX: usize = 16;

/// The kind `line` of topology files.
pub const LINE: TileKind = TileKind { check, disk_bytes: |_| 0, make };

settings! {
    /// What stands under `[tiles.NAME.settings]` for `kind = "line"`.
    struct LineSettings {
        /// Where datagrams of the other side arrive.
        listen: SocketAddrV4, "address:port";
        /// Where the other side is reached.
        peer: SocketAddrV4, "address:port";
        /// The secret that both sides have.
        secret: String as "secret_file" by crate::settings::secret, "the path of a file with a secret";
        /// The link whose records leave.
        outgoing: String, "the name of a link";
        /// The link that takes what arrives.
        incoming: String, "the name of a link";
    }
}

fn check(spec: &TileSpec, ends: &Ends) -> Vec<String> {
    spec.errors::<LineSettings>(|settings, errors| {
        ends.consumes(&format!("{}.outgoing", spec.key()), &settings.outgoing, errors);
        ends.produces(&format!("{}.incoming", spec.key()), &settings.incoming, errors);
    })
}

fn make(spec: &TileSpec, mut context: Context) -> Result<Box<dyn Tile>, StartError> {
    let settings: LineSettings = spec.settings()?;
    let counters = &context.counters;
    Ok(Box::new(Line {
        name: spec.name.clone(),
        key: key(settings.secret.as_bytes()),
        listen: settings.listen,
        peer: settings.peer,
        sent: counters.counter("line.sent"),
        unsent: counters.counter("line.unsent"),
        received: counters.counter("line.received"),
        foreign: counters.counter("line.foreign"),
        dropped: counters.counter("line.dropped"),
        outgoing: context.take_subscription(&spec.name, &settings.outgoing)?,
        incoming: context.take_publication(&spec.name, &settings.incoming)?,
        net: context.net,
        udp: None,
        drawn: [0; DRAWN_BYTES],
        counter: 0,
        buffer: Box::new([0; DATAGRAM_BYTES_MAX + 1]),
    }))
}

fn key(secret: &[u8]) -> LessSafeKey {
    let derived = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let key = derived.expand(&[PURPOSE], &AES_256_GCM).map(UnboundKey::from);
    LessSafeKey::new(key.expect("the key's length is the algorithm's"))
}

/// The tile.
struct Line {
    name: String,
    key: LessSafeKey,
    listen: SocketAddrV4,
    peer: SocketAddrV4,
    outgoing: Box<dyn Subscription>,
    incoming: Box<dyn Publication>,
    net: Rc<dyn Net>,
    udp: Option<Box<dyn Udp>>,
    drawn: [u8; DRAWN_BYTES],
    counter: u32,
    buffer: Box<[u8; DATAGRAM_BYTES_MAX + 1]>,
    sent: Counter,
    /// Records that the socket did not take.
    unsent: Counter,
    received: Counter,
    /// Datagrams that nobody with the secret sealed, or that hold no record of the right kind.
    foreign: Counter,
    /// Records for which the link in had no room.
    dropped: Counter,
}

/// A record that engines say to one another, whole.
fn is_known(bytes: &[u8]) -> bool {
    let length = match records::read_from::<records::Header>(bytes).and_then(|header| header.kind()) {
        Some(Kind::ExecutorRequest) => size_of::<ExecutorRequest>(),
        Some(Kind::ExecutorAnswer) => size_of::<ExecutorAnswer>(),
        Some(Kind::RegionQuote) => size_of::<RegionQuote>(),
        _ => return false,
    };
    bytes.len() == length && records::parse(bytes).is_ok()
}

/// Seals a record into `buffer`; the datagram's length, or `None` for one that is too long.
fn seal(key: &LessSafeKey, nonce: [u8; NONCE_LEN], record: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let end = NONCE_LEN + record.len();
    if record.len() > RECORD_BYTES_MAX {
        return None;
    }
    buffer[..NONCE_LEN].copy_from_slice(&nonce);
    buffer[NONCE_LEN..end].copy_from_slice(record);
    let sealed = Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(sealed, Aad::from(PURPOSE), &mut buffer[NONCE_LEN..end]).ok()?;
    buffer[end..end + TAG_BYTES].copy_from_slice(tag.as_ref());
    Some(end + TAG_BYTES)
}

/// The record of a datagram, in place; `None` for what nobody with the secret sealed.
fn open<'a>(key: &LessSafeKey, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
    let (nonce, sealed) = datagram.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    key.open_in_place(nonce, Aad::from(PURPOSE), sealed).ok().map(|record| &*record)
}

impl Line {
    fn send(&mut self) -> usize {
        let Self { outgoing, udp, key, buffer, counter, drawn, peer, sent, unsent, .. } = self;
        let Some(udp) = udp else { return 0 };
        outgoing.poll(BATCH_MAX, &mut |record| {
            *counter = counter.checked_add(1).expect("2^32 datagrams in a life");
            let mut nonce = [0; NONCE_LEN];
            nonce[..DRAWN_BYTES].copy_from_slice(drawn);
            nonce[DRAWN_BYTES..].copy_from_slice(&counter.to_le_bytes());
            let length = seal(key, nonce, record, &mut buffer[..]);
            let gone = length.is_some_and(|length| udp.send_to(&buffer[..length], *peer).unwrap_or(false));
            (if gone { &*sent } else { &*unsent }).add(1);
        })
    }

    fn receive(&mut self) -> usize {
        let Self { incoming, udp, key, buffer, received, foreign, dropped, .. } = self;
        let Some(udp) = udp else { return 0 };
        let mut work = 0;
        while work < BATCH_MAX {
            // A port where nobody listens is told as an error of the next call: the other side is not there yet.
            let Ok(Some((length, _))) = udp.receive(&mut buffer[..]) else { break };
            work += 1;
            let whole = buffer.get_mut(..length).filter(|_| length <= DATAGRAM_BYTES_MAX);
            match whole.and_then(|datagram| open(key, datagram)).filter(|record| is_known(record)) {
                None => foreign.add(1),
                Some(record) if incoming.offer(record) == Offer::Sent => received.add(1),
                Some(_) => dropped.add(1),
            }
        }
        work
    }
}

impl Tile for Line {
    fn name(&self) -> &str {
        &self.name
    }

    fn on_start(&mut self, _now_ns: u64) -> Result<(), StartError> {
        let random = SystemRandom::new();
        random.fill(&mut self.drawn).map_err(|_| StartError("the system gives no random bytes".to_owned()))?;
        self.udp = Some(self.net.udp(self.listen, Ipv4Addr::UNSPECIFIED)?);
        Ok(())
    }

    fn do_work(&mut self, _now_ns: u64) -> usize {
        self.receive() + self.send()
    }

    fn on_close(&mut self, _now_ns: u64) {
        self.udp = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::{NewOrder, bytes_of};

    #[test]
    fn only_whole_records_of_engines_that_were_sealed_with_the_secret_come_through() {
        let (own, other) = (key(b"one secret"), key(b"another"));
        let mut request = ExecutorRequest::new();
        request.lots = 7;
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        let length = seal(&own, [3; NONCE_LEN], bytes_of(&request), &mut buffer).unwrap();
        assert!(
            buffer[..length].windows(8).all(|bytes| bytes != &bytes_of(&request)[..8]),
            "nobody reads it on its way"
        );
        let opened = |key: &LessSafeKey, datagram: &[u8]| open(key, &mut datagram.to_vec()).map(<[u8]>::to_vec);
        assert_eq!(opened(&own, &buffer[..length]).as_deref(), Some(bytes_of(&request)));
        assert!(is_known(bytes_of(&request)) && is_known(bytes_of(&ExecutorAnswer::new())));
        assert!(is_known(bytes_of(&RegionQuote::new())));
        assert_eq!(opened(&other, &buffer[..length]), None);
        for at in 0..length {
            let mut spoilt = buffer;
            spoilt[at] ^= 1;
            assert_eq!(opened(&own, &spoilt[..length]), None, "byte {at}");
            assert_eq!(opened(&own, &buffer[..at]), None, "cut at {at}");
        }
        assert!(!is_known(bytes_of(&NewOrder::new())) && !is_known(&bytes_of(&request)[..127]) && !is_known(&[]));
        assert_eq!(seal(&own, [3; NONCE_LEN], &[0; RECORD_BYTES_MAX + 1], &mut buffer), None);
    }
}
