"""A record as a form: what was typed, as a profile, or all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from foundation.marking import N_, Sentence
from foundation.pages import Mistakes
from idp.register.imports.as_written import tidied
from idp.register.profile import FIELDS, Profile, WrongFields
from idp.register.register import Register

LABELS = {
    "civil_number": N_("Civil number"),
    "given_name": N_("Given name"),
    "family_name": N_("Family name"),
    "birthdate": N_("Birth date"),
    "street_address": N_("Street and house number"),
    "postal_code": N_("Postal code"),
    "locality": N_("Town"),
    "region": N_("Region"),
    "country": N_("Country"),
    "email": N_("E-mail"),
    "phone_number": N_("Telephone"),
    "locale": N_("Language"),
    "municipality_code": N_("Code of the municipality"),
}
HINTS = {
    "birthdate": N_("Year-month-day, such as 1987-03-21. What is known in part: 1987-03 or 1987."),
    "country": N_("Two letters, such as EE."),
    "phone_number": N_("With the country code, such as +3725551234."),
    "locale": N_("Such as fr or pt-BR."),
    "given_name": N_("One of the two names is enough."),
}
MUST = ("civil_number", "birthdate", "locality", "country")
# What a form says where an import would speak of the civil register.
SENTENCES = {
    "is empty": N_("Fill this in."),
    "is empty, and so is the other name": N_("Fill in one of the two names."),
}


def profile_of(register: Register, form: Mapping[str, str], mistakes: Mistakes) -> Profile | None:
    """The typed record; None if anything is wrong, which `mistakes` tells, field by field."""
    jurisdiction = register.jurisdiction
    today: date = register.runtime.clock.now().astimezone(jurisdiction.zone).date()
    texts, dates = tidied({n: form.get(n, "") for n in FIELDS}, jurisdiction.date_order)
    try:
        profile, left_out = Profile.read(texts, today, dates)
        faults = left_out
    except WrongFields as wrong:
        profile, faults = None, wrong.faults
    for fault in faults:
        what = SENTENCES.get(fault.reason, fault.what_to_do)
        label = Sentence(LABELS[fault.field], {})
        said = N_("%(field)s: %(what)s", field=label, what=Sentence(what, {}))
        mistakes.add(fault.field, said)
    return None if faults else profile
