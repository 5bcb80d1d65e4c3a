"""Certificates: profiles, issuing, enrolment over secure transport, revocation."""
