"""The demo city: invented residents, an ordinary e-service, and one command that starts it all."""
