"""Choice of an accredited provider, blind in both directions."""
