"""What an engineer looks at: recordings, tracks, link and frames, as numbers and as pictures."""
