"""The citizen's pages: account, ledger, consents, credentials, devices."""
