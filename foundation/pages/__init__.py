"""Pages: one frame, one style sheet, words in one's language — WCAG 2.2, RFC 9110 §12.5.4."""

from foundation.pages.asking import Question, ask_first
from foundation.pages.language import N_, Translator, Words
from foundation.pages.mistakes import Mistake, Mistakes
from foundation.pages.navigation import Place, WayBack
from foundation.pages.paths import errand_of, local_path
from foundation.pages.rendering import Pages
from foundation.pages.routes import routes_of

__all__ = [
    "N_",
    "Mistake",
    "Mistakes",
    "Pages",
    "Place",
    "Question",
    "Translator",
    "WayBack",
    "Words",
    "ask_first",
    "errand_of",
    "local_path",
    "routes_of",
]
