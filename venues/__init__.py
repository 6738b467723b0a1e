"""Exchange connectivity: one folder a venue, and the readers of recorded flow."""
