"""From soft bits to corrected bits: inner code, differential code, interleaver, randomiser, Reed-Solomon."""
