"""The identity register: proofing, officers, life of an identity — ISO/IEC 24760-1."""
