"""Reproducible load: each figure beside its bare equivalent, measured in the same run."""
