"""Configuration, daemon, observations, catalogue, command line and web; the only composition root."""
