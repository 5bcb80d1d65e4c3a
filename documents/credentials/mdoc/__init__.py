"""The form of ISO mdoc: CBOR, COSE, what an issuer signs, what a device answers — ISO/IEC 18013-5.

Nothing in here knows a person, a request or a clock: it reads and writes the form.
"""
