"""The regional engine: books, orders, positions, journal, replay."""
