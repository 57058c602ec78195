"""From samples to soft bits: acquisition, carrier, clock, matched filter, level."""
