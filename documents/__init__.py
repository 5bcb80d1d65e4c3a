"""Documents: what issuers have for a person, shared by consent, and signatures at a distance."""
