"""From packets to measurements: one group of modules per instrument, and the level-1a file."""
