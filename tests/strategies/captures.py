"""Captures of a feed for tests: MoldUDP64 over UDP, IPv4 and Ethernet, in pcap or pcapng."""

import struct
from collections.abc import Iterable, Sequence

ETHERNET = 1
SESSION = b"0000000007"


def mold(first: int, messages: Sequence[bytes], session: bytes = SESSION) -> bytes:
    """A datagram ("MoldUDP64 Protocol Specification" 1.00, 2)."""
    blocks = b"".join(struct.pack(">H", len(message)) + message for message in messages)
    return session + struct.pack(">QH", first, len(messages)) + blocks


def frame(port: int, payload: bytes) -> bytes:
    """The datagram's Ethernet frame; with a byte of padding behind it, as switches add."""
    udp = struct.pack(">HHHH", 4_000, port, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\xe9\x36\x0c\x6f")
    return b"\1\0\x5e\x36\x0c\x6f\2\0\0\0\0\1\x08\0" + ip + udp + b"\0"


def pcap(packets: Iterable[tuple[int, bytes]], *, link: int = ETHERNET, micros: bool = False) -> bytes:
    """Frames with their times, ns UTC, in a classic capture of nano- or microseconds."""
    magic, unit = (0xA1B2C3D4, 1_000) if micros else (0xA1B23C4D, 1)
    found = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 1 << 18, link)]
    for time_ns, each in packets:
        seconds, nanos = divmod(time_ns, 10**9)
        found.append(struct.pack("<IIII", seconds, nanos // unit, len(each), len(each)) + each)
    return b"".join(found)


def pcapng(packets: Iterable[tuple[int, bytes]]) -> bytes:
    """The same as a section of one Ethernet interface with times in ns."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + length + body + length

    found = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    resolution = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    found.append(block(1, struct.pack("<HHI", ETHERNET, 0, 1 << 18) + resolution))
    for time_ns, each in packets:
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFF_FFFF, len(each), len(each))
        found.append(block(6, head + each))
    return b"".join(found)


def messages(file: bytes) -> list[bytes]:
    """The messages of an ITCH file."""
    found, at = [], 0
    while at < len(file):
        length = int.from_bytes(file[at : at + 2], "big")
        found.append(file[at + 2 : at + 2 + length])
        at += 2 + length
    return found


def lines(
    file: bytes, time_ns: int, ports: Sequence[int] = (26_477, 26_478), each: int = 20
) -> list[tuple[int, bytes]]:
    """An ITCH file on as many lines as there are ports: each line loses every tenth packet, none of them the same."""
    told = messages(file)
    found = []
    for number, at in enumerate(range(0, len(told), each)):
        payload = mold(at + 1, told[at : at + each])
        for line, port in enumerate(ports):
            if len(ports) == 1 or number % 10 != 3 + line:
                found.append((time_ns + number * 1_000 + line, frame(port, payload)))
    found.append((time_ns + len(told) * 1_000, frame(ports[0], mold(len(told) + 1, []))))
    return found
