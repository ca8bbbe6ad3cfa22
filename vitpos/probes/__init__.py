"""What a trained network makes of position: one probe a file, each with its exact definition."""
