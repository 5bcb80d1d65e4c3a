"""The key ceremony: roots made, used and renewed by several people together, away from the net."""
