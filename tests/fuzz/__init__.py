"""Coverage-guided fuzzing of the doors of the certification authority: `make fuzz`."""
