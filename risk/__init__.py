"""The limit tree, its controls and the kill switches."""
