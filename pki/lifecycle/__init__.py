"""The life of an authority: founded, installed by a ceremony, rolled over, compromised."""
