"""Text of others made harmless: names of arms and folders may hold anything."""

import unicodedata


def visible(text: str) -> str:
    """The same with what controls a terminal or turns the direction of writing made visible."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def width(text: str) -> int:
    """How many columns of a terminal it takes."""
    return len(text) if text.isascii() else sum(map(letter_width, text))


def letter_width(character: str) -> int:
    """Two for Chinese and its like, none for an accent that joins the letter before."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
