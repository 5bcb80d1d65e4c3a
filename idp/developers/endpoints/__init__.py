"""Pages of the integrators' place."""
