"""The years ahead: when authorities and certificates end, as a table and as a drawing."""
