"""From samples to decoded features: decoders and their scores."""
