"""Whether somebody is in the register twice: found, held, decided by two — ISO/IEC 29115 EN-3."""
