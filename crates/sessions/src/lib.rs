//! SoupBinTCP, MoldUDP64 and OUCH session state machines, both sides of each; no I/O.
