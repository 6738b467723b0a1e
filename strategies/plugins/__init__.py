"""Strategies that come with the platform, found by entry points like any other plugin."""
