"""What an applicant reads of what happened to their application — GDPR art. 15."""

from foundation.marking import N_

SENTENCES = {
    "application.begun": N_("You began the application."),
    "application.resumed": N_("Somebody went on with it on another device, by its code."),
    "application.code-renewed": N_("A new code was made; the one before ended."),
    "application.contact-exercised": N_("Your e-mail address was confirmed."),
    "application.sent": N_("You sent it to the office."),
    "application.taken": N_("An officer opened it."),
    "application.given-back": N_("The officer gave it back to the queue."),
    "application.urgent": N_("The office changed how urgent it is."),
    "application.asked": N_("The office asked you something."),
    "application.answered": N_("You answered the office."),
    "application.refused": N_("The office refused it."),
    "application.enrolled": N_("The office entered you in the register."),
}
