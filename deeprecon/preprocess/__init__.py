"""From BOLD runs to samples: one row of voxel values per stimulus block."""
