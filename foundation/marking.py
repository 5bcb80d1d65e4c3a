"""Mark a sentence that is translated where it is shown; apart, since errors have sentences too."""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """The sentence itself: extraction finds it here, pages say it in the reader's language."""
    return message
