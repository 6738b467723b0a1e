"""The main job on one machine: a region with two stand-in venues, strategies on real or generated order flow."""
