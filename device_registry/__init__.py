"""Things: identity, ownership and life of devices, onboarding."""
