"""Analysis of the answers: accuracy, preference, agreement, and metrics that predict them."""
