"""Where the members of a sweep run: on this machine, under Slurm, in a Ray cluster."""
