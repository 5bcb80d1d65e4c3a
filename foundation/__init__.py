"""Below all: settings, clock, database, keys, vault, audit, jobs, errors, web, telemetry."""
