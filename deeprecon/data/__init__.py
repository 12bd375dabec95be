"""Data sets: BIDS trees, events, BData files, stimuli, and a simulated study."""
