"""What becomes of a journal's closed segments: they are compressed; whoever writes the journal is never asked."""
