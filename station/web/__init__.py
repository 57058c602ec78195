"""The page: what was seen, on a map, in English or Vietnamese; reads the catalogue and never writes it."""
