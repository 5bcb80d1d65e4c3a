"""Grant types, one a file, over one pipeline that none of them can leave — RFC 6749 §1.3, §4."""
