"""How good the reconstructions are: metrics and statistics."""
