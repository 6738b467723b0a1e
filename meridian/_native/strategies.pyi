# What the extension offers this room; the room's package re-exports it.
