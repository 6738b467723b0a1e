//! Feed tiles and gateway tiles: sockets around sessions.
