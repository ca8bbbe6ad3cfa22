"""Studies and grids: planned, frozen, run as processes in slots, gone on with."""
