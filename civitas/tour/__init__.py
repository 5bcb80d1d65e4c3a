"""The whole story, headless, against fresh deployments over real HTTP and TLS."""
