"""What an event says to the person whom it concerns: a sentence per kind — row P-4."""

from __future__ import annotations


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "extract, do not translate yet"
    return message


# %(service)s, %(purpose)s, %(attributes)s, %(level)s, %(reason)s, %(device)s, %(more)s,
# %(titles)s are filled in.
SENTENCES: dict[str, str] = {
    "application.enrolled": N_("What you had applied for online was entered in the register."),
    "register.enrol": N_("Your identity was entered in the register, at level %(level)s."),
    "register.proof": N_("Your identity reached level %(level)s."),
    "register.proofing-accepted": N_("Your identity was checked for level %(level)s: accepted."),
    "register.proofing-refused": N_("Your identity was checked for level %(level)s: refused."),
    "register.proofing-awaiting-second-officer": N_(
        "Your identity was checked for level %(level)s; a second officer still has to confirm."
    ),
    "register.letter-asked": N_("A letter with an activation code was asked for."),
    "register.letter": N_("A letter with an activation code was made for you."),
    "register.letter-stopped": N_("A letter or its code was stopped."),
    "register.one-person-refused": N_("An officer tried to do alone what two must do."),
    "register.second-look-confirmed": N_("A second officer looked at a decision: confirmed."),
    "register.second-look-refused": N_("A second officer looked at a decision: not confirmed."),
    "register.resemblance-found": N_(
        "Your record looks like another one. Two officers see whether both are yours."
    ),
    "register.resemblance-proposed": N_("An officer compared your record with another one."),
    "register.resemblance-open-again": N_(
        "Two officers who compared your record with another one did not agree; others look again."
    ),
    "register.resemblance-different": N_(
        "Two officers found that another record, which looks like yours, is somebody else’s."
    ),
    "register.resemblance-same": N_(
        "Two officers found that two records are yours. The second one is closed."
    ),
    "register.join": N_("This record was closed, as the second one of the same person."),
    "register.die": N_("Your identity was closed: the civil register says that you have died."),
    "tester.named": N_("An operator wrote down that your record is an invented one, for tests."),
    "tester.ended": N_("Your record is not one for tests any more."),
    "incident.person_stopped": N_("All your sessions were ended by the identity service."),
    "register.looked-up": N_("An officer opened your record."),
    "register.own-record-refused": N_("You tried to act as an officer on your own record."),
    "register.activate": N_("You activated your identity."),
    "register.adjust": N_("Your record was corrected."),
    "register.correction-waiting": N_(
        "A correction of your record was written down. A second officer looks at it."
    ),
    "register.correction-refused": N_("A correction of your record was refused."),
    "register.correction-asked": N_("You told the office that something in your record is wrong."),
    "register.correction-answered": N_("The office answered what you told it about your record."),
    "register.searched": N_("An officer searched by name, and saw yours."),
    "register.suspend": N_("Your identity was suspended."),
    "register.reactivate": N_("Your identity was made active again."),
    "register.archive": N_("Your identity was archived."),
    "register.restore": N_("Your identity was restored."),
    "sign-in.succeeded": N_("You signed in, at level %(level)s."),
    "sign-in.failed": N_("Somebody tried to sign in with your name, and failed."),
    "sign-in.failed-again": N_(
        "Soon after, somebody tried %(more)s more times to sign in with your name, and failed."
    ),
    "sign-in.locked": N_("Sign-in with your name was slowed down after many failed attempts."),
    "activation.name_taken": N_("You chose a sign-in name that somebody else has."),
    "credential.removal_asked": N_(
        "Somebody reported a way to sign in as lost; it will be removed."
    ),
    "credential.removal_stopped": N_("A way to sign in that was reported as lost is kept."),
    "recovery.asked": N_(
        "Somebody who gave your name and birth date asked for a letter that lets them in as you."
    ),
    "recovery.asked-by-office": N_("A letter that lets you back in was asked for at the office."),
    "recovery.stopped": N_("A letter that lets you back in was stopped."),
    "register.recover": N_("You got back in with the code of a letter, at level %(level)s."),
    "session.ended": N_("A session of yours ended."),
    "credential.added": N_("A way to sign in was added."),
    "number.allotted": N_("You got your resident’s number."),
    "number.virtual_made": N_("You made a new Virtual ID; the one before ended."),
    "number.virtual_ended": N_("You ended your Virtual ID."),
    "identity.checked": N_("%(service)s checked whether it was you who stood there."),
    "credential.locked": N_("You locked a way to sign in."),
    "credential.unlocked": N_("You unlocked a way to sign in."),
    "credential.model_refused": N_(
        "A security key of yours opens nothing any more: its model was called unsafe."
    ),
    "credential.model_rated": N_(
        "What a security key of yours reaches has changed, with what is known of its model."
    ),
    "credential.changed": N_("Your password was changed."),
    "credential.ended": N_("A way to sign in was removed."),
    "service.signed_in": N_("You signed in to %(service)s, at level %(level)s."),
    "service.refused": N_("You refused %(service)s."),
    "service.acted_for": N_("%(service)s went on to another service in your name."),
    "service.ended": N_("You ended everything that %(service)s could do for you."),
    "tokens.ended": N_("The access of %(service)s ended."),
    "consent.given": N_("You allowed %(service)s to learn: %(attributes)s."),
    "consent.refused": N_("You chose that %(service)s learns nothing."),
    "consent.withdrawn": N_("You withdrew what you had allowed %(service)s."),
    "consent.expired": N_("What you had allowed %(service)s expired."),
    "data.released": N_("%(service)s received: %(attributes)s."),
    "data.verified": N_("%(service)s asked, and got only yes or no: %(attributes)s."),
    "data.refused": N_("%(service)s asked for %(attributes)s and got nothing."),
    "document.issued": N_("%(issuer)s made out a document for you: %(document)s."),
    "document.replaced": N_("%(issuer)s made out a document of yours anew: %(document)s."),
    "document.suspended": N_("%(issuer)s suspended a document of yours: %(document)s."),
    "document.resumed": N_("A document of yours is valid again: %(document)s."),
    "document.revoked": N_("%(issuer)s revoked a document of yours: %(document)s."),
    "document.mismatched": N_(
        "%(issuer)s has a document for you under another name or birth date: %(document)s."
    ),
    "document.asked": N_("%(service)s asked you for: %(attributes)s."),
    "document.link_made": N_("You made an address that shows a document: %(document)s."),
    "document.link_ended": N_("You ended an address that showed a document: %(document)s."),
    "document.opened": N_("Somebody opened a document by the address that you gave: %(document)s."),
    "wallet.offered": N_("You had %(document)s ready for a wallet: %(service)s."),
    "wallet.issued": N_("%(service)s, a wallet of yours, got copies of %(document)s."),
    "wallet.ended": N_("You ended copies that a wallet of yours held."),
    "wallet.shown": N_("You showed %(service)s of %(document)s: %(attributes)s."),
    "signature.made": N_("You signed “%(titles)s” for %(service)s."),
    "signature.refused": N_("You did not sign “%(titles)s”, which %(service)s asked for."),
    "signature.failed": N_(
        "A signature that %(service)s asked for was given up: nothing was signed."
    ),
    "device.registered": N_("A device was registered as yours."),
    "device.claimed": N_("A device was given to you as its owner."),
    "device.renewal_due": N_("A device of yours needs a new certificate soon."),
    "device.suspended": N_("A device of yours was suspended."),
    "device.reactivated": N_("A device of yours was made active again."),
    "device.quarantined": N_("A device of yours was shut off, since something was odd."),
    "device.released": N_("A device of yours was let in again."),
    "device.transferred": N_("A device of yours was given to another owner."),
    "device.revoked": N_("A device of yours lost its certificate."),
    "device.decommissioned": N_("A device of yours was taken out of service for good."),
    "device.token_made": N_("A token to enrol a device of yours was made."),
    "device.enrolled": N_("A device of yours received its certificate."),
    "device.approved": N_("A device of yours was approved for its first certificate."),
    "device.renewed": N_("A device of yours renewed its certificate."),
    "device.came_back": N_("A device of yours came back after its certificate had expired."),
    "device.enrolment_refused": N_("A device of yours was refused a certificate."),
}
OTHER = N_("Something happened that this page has no words for yet: %(kind)s.")
UNREADABLE = N_("The content of this entry cannot be read any more.")

# Reasons of the decision that name a day, in words that need none.
REFUSALS: dict[str, str] = {
    "withdrawn": N_("You had withdrawn your consent."),
    "expired": N_("Your consent had expired."),
    "not-yet": N_("Your consent had not begun."),
}

ACTORS: dict[str, str] = {
    "self": N_("You"),
    "citizen": N_("Another person"),
    "staff": N_("Staff of the identity service"),
    "system": N_("The identity service itself"),
    "device": N_("A device"),
}

# What a member of staff did, in their own account. It names nobody: whom it concerned is sealed.
OF_STAFF: dict[str, str] = {
    "sign-in.succeeded": N_("You signed in."),
    "sign-in.failed": N_("Somebody tried to sign in with your name, and failed."),
    "session.ended": N_("A session of yours ended."),
    "credential.added": N_("A way to sign in was added."),
    "credential.changed": N_("Your password was changed."),
    "credential.ended": N_("A way to sign in was removed."),
    "credential.removal_asked": N_(
        "Somebody reported a way to sign in as lost; it will be removed."
    ),
    "credential.removal_stopped": N_("A way to sign in that was reported as lost is kept."),
    "staff.accepted": N_("You followed your invitation."),
    "staff.own-number": N_("You said who you are in the register."),
    "staff.invited": N_("You invited a member of staff."),
    "staff.ended": N_("You ended the account of a member of staff."),
    "staff.role_changed": N_("You changed the role of a member of staff."),
    "staff.recovery_asked": N_("You asked that a member of staff be let in again."),
    "staff.recovery_agreed": N_("You agreed that a member of staff be let in again."),
    "staff.recovered": N_("You agreed, as the second one, that a member of staff be let in again."),
    "staff.cases_frozen": N_("You froze what a member of staff did."),
    "register.looked-up": N_("You opened somebody’s record."),
    "register.searched-in-vain": N_("You looked for somebody who is not in the register."),
    "register.import": N_("You imported a file."),
    "register.refused-rows": N_("You downloaded the refused rows of a file."),
    "register.enrol": N_("You entered somebody in the register."),
    "application.taken": N_("You opened an application."),
    "application.given-back": N_("You gave an application back."),
    "application.urgent": N_("You changed how urgent an application is."),
    "application.asked": N_("You asked an applicant something."),
    "application.refused": N_("You refused an application."),
    "application.enrolled": N_("You made an identity of an application."),
    "application.own-refused": N_("You tried to open an application of your own."),
    "register.proof": N_("An identity reached a higher level by your decision."),
    "register.proofing-accepted": N_("You checked who somebody is: accepted."),
    "register.proofing-refused": N_("You checked who somebody is: refused."),
    "register.proofing-awaiting-second-officer": N_(
        "You checked who somebody is; a second officer still has to confirm."
    ),
    "register.second-look-confirmed": N_("You looked at a decision again: confirmed."),
    "register.second-look-refused": N_("You looked at a decision again: not confirmed."),
    "register.resemblance-proposed": N_("You compared two records that look alike."),
    "register.resemblance-open-again": N_("You did not agree on two records that look alike."),
    "register.resemblance-different": N_("You found, as the second one, that two people differ."),
    "register.resemblance-same": N_("You found, as the second one, that two records are one’s."),
    "register.join": N_("You closed the second record of one person."),
    "register.die": N_("You closed an identity whose owner has died, as the civil register says."),
    "register.letter-asked": N_("You asked for a letter with a code."),
    "register.letter-stopped": N_("You stopped a letter or its code."),
    "recovery.asked-by-office": N_("You sent for a letter that lets somebody back in."),
    "recovery.stopped": N_("You stopped a letter that lets somebody back in."),
    "register.letters-made": N_("You made a file of letters."),
    "register.letters-lost": N_("You had the codes of a lost file of letters ended."),
    "register.suspend": N_("You suspended an identity."),
    "register.reactivate": N_("You made an identity active again."),
    "register.archive": N_("You archived an identity."),
    "register.own-record-refused": N_("You tried to act as an officer on your own record."),
    "register.one-person-refused": N_("You tried to do alone what two must do."),
    "device.registered": N_("You registered a device."),
    "device.token_made": N_("You made a new token for a device."),
    "device.approved": N_("You approved a device."),
    "device.suspended": N_("You suspended a device."),
    "device.reactivated": N_("You let a suspended device go on."),
    "device.quarantined": N_("You put a device in quarantine."),
    "device.released": N_("You let a device out of quarantine."),
    "device.transferred": N_("You took a device from its owner."),
    "device.claimed": N_("You gave a device its owner."),
    "device.revoked": N_("You revoked a device."),
    "device.decommissioned": N_("You ended a device for good."),
    "federation.apply": N_("You took up an application."),
    "federation.accredit": N_("You accredited an organisation."),
    "federation.suspend": N_("You suspended an accreditation."),
    "federation.reinstate": N_("You ended a suspension."),
    "federation.withdraw": N_("You withdrew an accreditation."),
    "client.secret_replaced": N_("You replaced the secret of a service."),
    "client.suspended": N_("You suspended a service."),
    "client.resumed": N_("You let a suspended service go on."),
    "incident.person_stopped": N_("You ended what one person had open."),
    "incident.staff_stopped": N_("You ended the sessions of a member of staff."),
    "incident.client_stopped": N_("You ended what a service was given."),
    "incident.everybody_stopped": N_("You ended everything for everybody."),
    "auditor.exported": N_("You took a file of the audit along."),
}
