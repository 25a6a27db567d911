"""The detector of languages for many rows: a text whose words were all seen in texts of its language is in it as well.

The detector (rewards/fidelity.py) takes a tenth of a millisecond to several for one text, and a hundred thousand rows have
two texts each; and it takes short sentences of some languages for a neighbour's (Swahili of four words for Indonesian). So
words are learned from texts that it was sure of, language by language, and it is asked only about texts with enough other
words; what it said no to may be looked at again when more words are known. A text with a third of another language has too
many that never are.
"""

from sp3f_lib.data.texts import Texts
from sp3f_lib.rewards.fidelity import language_share

_SURE = 0.95  # share of the language from which the words of a text are learned
_KNOWN = 0.8  # letters in known words of all, from which a text is taken for known
_LEAST = 8  # words, without which nothing is known
_TWICE = 2  # texts in which a word must have been
_PUNCTUATION = ".,;:!?()[]{}\"'“”„«»‘’…।॥¿¡*_-–—"
_SIGNS = frozenset("\\$0123456789=<>^{")


class Vocabulary:
    """`share` is `language_share`, but for texts whose words it knows: they are 1.0."""

    def __init__(self):
        self._texts: dict[str, dict[str, int]] = {}

    def share(self, text: str, lang: str) -> float | None:
        """Share in [0, 1] of the text that is in `lang`; None if there is too little to tell."""
        words = _words(text)
        if self._known(words, lang):
            return 1.0
        found = language_share(text, lang)
        if found is not None and found >= _SURE:
            self._learn(words, lang)
        return found

    def learn(self, texts: Texts) -> None:
        """Takes the words of a row for its language's."""
        for text in (texts.question, texts.translated):
            self._learn(_words(text or ""), texts.lang)

    def knows(self, texts: Texts) -> bool:
        """Whether question and solution of a row are made of known words."""
        given = [text for text in (texts.question, texts.translated) if text]
        return all(self._known(_words(text), texts.lang) for text in given)

    def _learn(self, words: list[str], lang: str) -> None:
        known = self._texts.setdefault(lang, {})
        for word in set(words):
            known[word] = known.get(word, 0) + 1

    def _known(self, words: list[str], lang: str) -> bool:
        if len(words) < _LEAST:
            return False
        known = self._texts.get(lang, {})
        return sum(len(word) for word in words if known.get(word, 0) >= _TWICE) >= _KNOWN * sum(map(len, words))


def believe(_text: str, _lang: str) -> float:
    """In place of a detector, where the words are known."""
    return 1.0


def _words(text: str) -> list[str]:
    """Words of at least two letters; no names, no numbers, no LaTeX."""
    found = []
    for piece in text.split():
        word = piece.strip(_PUNCTUATION)
        if len(word) > 1 and not word[0].isupper() and _SIGNS.isdisjoint(word):
            found.append(word)
    return found
