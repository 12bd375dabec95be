"""A simulated subject: a head, voxels tuned to images, and the scans that a scanner would write.

Nothing here comes from a person. What voxels respond to is made of colour, orientation and
spatial-frequency channels (`tuning`), not of the network that later decodes them, so that the
demonstration is not a tautology.
"""
