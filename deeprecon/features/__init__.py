"""Networks and the features of the stimuli."""
