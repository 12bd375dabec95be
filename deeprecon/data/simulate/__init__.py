"""A simulated subject: a head, voxels tuned to images, and scans as a scanner would write them.

No data here come from a person. Voxels respond to channels of colour, orientation and spatial
frequency (`tuning`), not to units of the network that is decoded later; otherwise, the demo would
be circular.
"""
