"""Who signs whom: the plan, the authorities there are, where their keys lie — RFC 5280 §6."""
