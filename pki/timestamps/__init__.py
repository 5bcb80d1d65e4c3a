"""Time stamps: that these bytes existed at this instant — RFC 3161, RFC 5816."""
