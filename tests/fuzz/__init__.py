"""Coverage-guided fuzzing of the endpoints of the certification authority: `make fuzz`."""
