"""Building blocks that Memory Mosaics and the baselines share. Single device, no distributed code."""
