"""What it costs: each row beside its peer or its floor, in the same run, on the same core."""
