"""Statistics that several stages share: arrays in, arrays out."""
