"""The station: configuration, daemon, observation, catalogue, command line, web; the only composition root."""
