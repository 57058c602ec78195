"""From bits to frames and packets: markers, flywheel, quality."""
