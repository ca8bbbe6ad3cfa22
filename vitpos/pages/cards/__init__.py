"""What is known of one run, a part in each file, and `card`, which puts them together."""
