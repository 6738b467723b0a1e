use std::io::Read;

use super::*;

/// A pcap of micro- or nanoseconds in either byte order, packet by packet.
struct Made {
    bytes: Vec<u8>,
    packets: u32,
}

const SESSION: &[u8; 10] = b"0000000001";

impl Made {
    fn new(link: u32) -> Self {
        let mut bytes = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        bytes.extend(link.to_le_bytes());
        Self { bytes, packets: 0 }
    }

    /// A frame, of which the capture holds `captured` bytes.
    fn frame(mut self, frame: &[u8], captured: usize) -> Self {
        self.packets += 1;
        for word in [1_692_711_000, self.packets, captured as u32, frame.len() as u32] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(&frame[..captured]);
        self
    }

    fn datagram(self, port: u16, payload: &[u8]) -> Self {
        let frame = framed(port, payload);
        let whole = frame.len();
        self.frame(&frame, whole)
    }

    fn mold(self, port: u16, first: u64, messages: &[&[u8]]) -> Self {
        self.datagram(port, &mold(SESSION, first, messages))
    }
}

fn mold(session: &[u8; 10], first: u64, messages: &[&[u8]]) -> Vec<u8> {
    let mut payload = session.to_vec();
    payload.extend(first.to_be_bytes());
    payload.extend((messages.len() as u16).to_be_bytes());
    for message in messages {
        payload.extend((message.len() as u16).to_be_bytes());
        payload.extend(*message);
    }
    payload
}

/// Ethernet, IPv4, UDP.
fn framed(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, 0, 94, 54, 12, 111, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 233, 54, 12, 111]);
    frame.extend(4_000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

fn read(made: Made, port: Option<u16>) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut blocks = Blocks::open(std::io::Cursor::new(made.bytes), port)?;
    blocks.read_to_end(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

fn framing(messages: &[&[u8]]) -> Vec<u8> {
    messages.iter().flat_map(|message| [&(message.len() as u16).to_be_bytes(), *message].concat()).collect()
}

#[test]
fn two_lines_are_one_sequence_whatever_overtakes() {
    let made = Made::new(1)
        .mold(26_477, 1, &[b"a", b"bb"])
        .mold(26_478, 1, &[b"a", b"bb"])
        .mold(26_477, 5, &[b"e"])
        .mold(26_478, 2, &[b"bb", b"ccc", b"d"])
        .mold(26_478, 6, &[])
        .mold(26_477, 6, &[b"", b"g"])
        .datagram(26_477, &[&mold(SESSION, 8, &[])[..18], &[0xff, 0xff]].concat())
        .datagram(9, b"no feed at all");
    assert_eq!(read(made, None).unwrap(), framing(&[b"a", b"bb", b"ccc", b"d", b"e", b"g"]));
}

#[test]
fn a_port_chooses_and_another_session_is_refused() {
    let two = || Made::new(1).mold(1_000, 1, &[b"a"]).datagram(2_000, &mold(b"0000000002", 1, &[b"z"]));
    assert_eq!(read(two(), Some(1_000)).unwrap(), framing(&[b"a"]));
    assert_eq!(read(two(), Some(2_000)).unwrap(), framing(&[b"z"]));
    let words = read(two(), None).unwrap_err();
    assert_eq!(
        words,
        "packet 2 to port 2000 is of session 0000000002, those before it to port 1000 of 0000000001; one session is \
         allowed, FILE:PORT chooses one"
    );
    let words = read(two(), Some(3_000)).unwrap_err();
    assert_eq!(words, "holds no MoldUDP64 datagram to port 3000; its datagrams went to ports 1000, 2000");
}

#[test]
fn what_is_missing_is_named() {
    let words = read(Made::new(1).mold(1, 1, &[b"a"]).mold(1, 4, &[b"d"]), None).unwrap_err();
    assert_eq!(
        words,
        "messages 2 to 3 of session 0000000001 are missing before packet 2; a capture without gaps is allowed"
    );
    let words = read(Made::new(1).mold(1, 1, &[b"a"]).mold(1, 4, &[]), None).unwrap_err();
    assert!(
        words.starts_with("messages 2 to 3 of session 0000000001 are missing to the end of the capture"),
        "{words}"
    );
    let mut many = Made::new(1).mold(1, 1, &[b"a"]);
    for sequence in 3..3 + WAITING_MAX as u64 + 1 {
        many = many.mold(1, sequence, &[b"x"]);
    }
    assert!(
        read(many, None).unwrap_err().starts_with("messages 2 to 2 of session 0000000001 are missing before packet 2")
    );
}

#[test]
fn what_is_no_whole_capture_of_a_feed_is_named() {
    let words = read(Made::new(147).mold(1, 1, &[b"a"]), None).unwrap_err();
    assert!(words.starts_with("packet 1 is of link type 147; Ethernet (1)"), "{words}");
    let frame = framed(1, &mold(SESSION, 1, &[b"abcdef"]));
    let words = read(Made::new(1).frame(&frame, 50), None).unwrap_err();
    assert!(words.starts_with(&format!("packet 1 was cut to 50 of its {} bytes", frame.len())), "{words}");
    let mut short = Made::new(1).mold(1, 1, &[b"a"]).mold(1, 2, &[b"b"]);
    short.bytes.truncate(short.bytes.len() - 3);
    assert_eq!(read(short, None).unwrap_err(), "the capture ends within packet 2; a whole capture is allowed");
    let words = read(Made::new(1).datagram(53, b"question"), None).unwrap_err();
    assert_eq!(words, "holds no MoldUDP64 datagram; its 1 datagrams went to port 53");
    assert_eq!(read(Made::new(1), None).unwrap_err(), "holds no MoldUDP64 datagram; none of its 0 packets is of UDP");
    let words = read(Made::new(1).mold(1, 1, &[b"a"]).datagram(1, b"else"), None).unwrap_err();
    assert!(words.starts_with("packet 2 to port 1 is no MoldUDP64 datagram"), "{words}");
}

#[test]
fn random_bytes_never_panic() {
    let mut random = crate::flow::Random::new(5);
    for _ in 0..300 {
        let mut made = Made::new(1).mold(1, 1, &[b"abc", b"de"]).mold(1, 3, &[b"f"]).mold(2, 1, &[b"abc"]);
        for _ in 0..1 + random.below(6) {
            let at = 24 + random.below(made.bytes.len() as u64 - 24) as usize;
            made.bytes[at] = random.below(256) as u8;
        }
        if let Ok(out) = read(made, None) {
            assert!(out.len() < 64);
        }
    }
}
