"""A study: its settings, the sources of its data, its plan and the paths of its files."""
