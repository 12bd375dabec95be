"""What answers say: accuracy, preference, agreement, and which metric tracks people."""
