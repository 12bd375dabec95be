"""Networks, and their features for the stimuli."""
