"""Why a container is not to be relied on, in words — ETSI EN 319 162-1, EN 319 102-1 §5.2.2."""

from __future__ import annotations

from foundation.marking import N_

SENTENCES = {
    "mimetype": N_("This container does not begin by saying what it is."),
    "path": N_("This container has a file whose path leads out of it."),
    "names": N_("This container has two files of one name: programs would show different ones."),
    "size": N_("This container holds too much to be looked at."),
    "broken": N_("This container is broken, or hides something between its files."),
    "strange": N_("This container holds something among its signatures that is none."),
    "uncovered": N_("This container holds a file that was not signed."),
    "missing": N_("A file that was signed is not in this container."),
    "changed": N_("The file was changed after it was signed."),
    "entities": N_("The signature brings definitions along that could change what it says."),
    "xml": N_("The signature is not written as the standard has it."),
    "wrapping": N_("The signature points to something else than what it seems to sign."),
    "transform": N_("The signature signs something that is made from the files, not the files."),
    "algorithm": N_("The signature uses a method that is too weak, or none that is known here."),
    "certificate": N_("The signature does not say by which certificate it was made."),
}
"""By the word that `documents.judging` has for each."""
