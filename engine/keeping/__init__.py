"""What becomes of a journal's closed segments: they are compressed, shipped, and go; its writer is never asked."""
