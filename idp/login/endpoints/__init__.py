"""The pages and answers of sign-in, one errand a file."""
