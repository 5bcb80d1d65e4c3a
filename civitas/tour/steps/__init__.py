"""The steps of the story, in their order."""

from civitas.tour.steps.activation import activate
from civitas.tour.steps.audit import verify
from civitas.tour.steps.device import device_life
from civitas.tour.steps.document import share_document
from civitas.tour.steps.enrolment import enrol
from civitas.tour.steps.ledger import read_ledger
from civitas.tour.steps.models import three_models
from civitas.tour.steps.question import ask
from civitas.tour.steps.sign_in import sign_in
from civitas.tour.steps.wallet import carry_credential
from civitas.tour.steps.withdrawal import withdraw
from civitas.tour.story import Step
from civitas.tour.world import World

__all__ = ["STEPS"]

STEPS: tuple[Step[World], ...] = (
    Step("An officer enrols a citizen and proofs them at level 2", enrol),
    Step("The citizen activates, with a password and a passkey", activate),
    Step("The citizen signs in to an e-service and chooses what it learns", sign_in),
    Step("A city service asks yes or no, and gets only that", ask),
    Step("The citizen withdraws the consent, and everything on it ends", withdraw),
    Step("An office makes out a document; it is shared, and taken back", share_document),
    Step("The citizen carries it in a wallet, shows a part of it, and ends it", carry_credential),
    Step("The citizen reads their ledger", read_ledger),
    Step("A device enrols, gets a bound token, renews, and is suspended", device_life),
    Step("An outsider verifies the audit tree; one changed row is found", verify),
    Step("Regulator, private provider and broker: the same service, blind", three_models),
)
