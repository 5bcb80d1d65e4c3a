"""The locker: issuers, their documents, what a person has, and what they share."""
