"""A plugin whose strategy breaks in the middle of a run, until a file says that it is mended."""
