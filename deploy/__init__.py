"""Topologies, services and the demo: what runs where, and how it is started and stopped."""
