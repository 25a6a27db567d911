r"""Which option of a multiple-choice question an answer chooses, in every script of the table of languages; and the authors' rule.

An answer is looked for in three places, and the first that is there decides: the last `\boxed{}`; the last closing phrase ("the
answer is B", in English or the language of the question); else the whole response, if it is nothing but an answer. It is read as

    1  the exact text of one option
    2  a letter in any dress: B, b, (B), B., **B**, \text{(B)}, Ｂ, Ⓑ, ب, খ, ख, 乙, ข, `option B`, or before the text: B) blue
    3  a digit where the options are numbered

What fits two options (`A or B`; the letter of one and the text of another; a Cyrillic В) is ambiguous, and chooses none. The SP3F
authors' rule (arXiv 2601.18722, released code) rejects (B), and accepts whatever begins with the right letter: "Because" for B.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple

from sp3f_lib.evaluation.choice_words import ALPHABETS, NUMERALS, WORDS
from sp3f_lib.languages import LANGUAGES
from sp3f_lib.rewards.answers import extract_answer, normalise, plain

LETTERS = "ABCDEFGHIJ"
# Letters of Korean have another form in texts that are brought into one form.
_ORDERS = tuple("".join(unicodedata.normalize("NFKC", sign) for sign in order) for order in ALPHABETS)
_LONGEST = 2_000  # characters of an answer
_CLAUSES = 12  # of a text in which an answer may end
_PHRASES = 20  # the last ones
_OPENED = re.compile(r"\\(?:boxed|fbox(?:ed)?)\s*\{")
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_AROUND = " \t\n\"'“”‘’„«»「」『』《》〈〉【】`*_.。।॥۔,;:，、؛:׳"
_BRACKETED = re.compile(r"[(\[{<]\s*(\S{1,2})\s*[)\]}>]")
# A label before a text: in brackets or with a colon it is one whatever follows, with a full stop or a space it may be a name.
_LABELLED = re.compile(r"(?:[(\[]\s*(\S)\s*[)\]]\s*[.:]?|(\S)\s?[):])\s*(.+)", re.DOTALL)
_LABEL = re.compile(r"(?<!\S)[(\[]?(\S)[)\]](?!\S)")
_BEFORE_TEXT = re.compile(r"(\S)(?:\.\s*|\s*-\s+|\s+)(.+)", re.DOTALL)
_CLAUSE_END = re.compile(r"[.!?।॥۔](?=\s|$|\*)|[。！？;；\n]|[,，،、](?=\s|[^\x00-\x7f])")
_AND = re.compile(r"[\s,;/&+|،、]+")


class Reading(NamedTuple):
    """`letter` is the chosen option, A to J, or None. `how`: text, letter, ambiguous, or nothing."""

    letter: str | None
    how: str


_NOTHING, _AMBIGUOUS = Reading(None, "nothing"), Reading(None, "ambiguous")


def read_choice(response: str, options: Sequence[str], lang: str | None = None, numbered: bool = False) -> Reading:
    r"""The option that `response`, written in `lang`, chooses among the texts `options` (2 to 10).

    `numbered`: they were shown as 1, 2, ... rather than A, B, ...; the letter is given all the same. Never raises because of what
    the response is.

    >>> read_choice(r"So it is \boxed{\text{(B)}}.", ("red", "blue")).letter
    'B'
    >>> read_choice("Die Antwort ist b.", ("rot", "blau"), "de")
    Reading(letter='B', how='letter')
    >>> read_choice(r"\boxed{Because}", ("red", "blue")), read_choice(r"\boxed{A or B}", ("red", "blue"))
    (Reading(letter=None, how='nothing'), Reading(letter=None, how='ambiguous'))
    """
    if not 2 <= len(options) <= len(LETTERS):
        raise ValueError(f"a choice is among 2 to {len(LETTERS)} options, not {len(options)}")
    spoken = response.rpartition("</think>")[2].partition("<think>")[0]
    ask = _Question(tuple(options), lang, numbered)
    if _OPENED.search(spoken):
        inside = extract_answer(spoken)
        return ask.read(inside) if inside is not None else _NOTHING
    for phrase in reversed([*_phrase(lang).finditer(spoken)][-_PHRASES:]):
        found = ask.read_after(spoken[phrase.end() :])
        # Where a language has no verb there, the noun may stand before anything.
        if found.how != "nothing" or not phrase.lastgroup:
            return found
    return ask.read(spoken)


class _Question(NamedTuple):
    options: tuple[str, ...]
    lang: str | None
    numbered: bool

    def read(self, answer: str, words: int = 3) -> Reading:
        """An answer that is nothing but an answer, and up to `words` phrases around it."""
        bare = _bare(answer)
        if not bare or len(answer) > _LONGEST:
            return _NOTHING
        texts, labels = self.texts(answer), self.labels(bare)
        if texts | labels and not (texts and labels and texts != labels):
            found = texts or labels
            return _reading(found, "letter" if labels else "text")
        if texts and labels:
            return _AMBIGUOUS
        if (found := self.before_text(answer)) is not None:
            return found
        named = _bare(_without_words(bare, self.lang))
        if words and named and named != bare:
            return self.read(named, words - 1)
        several = [self.labels(_bare(part)) for part in _AND.split(bare) if part.casefold() not in _joins(self.lang)]
        if len(several) > 1 and all(several):
            return _AMBIGUOUS if len(set.union(*several)) > 1 else _reading(several[0], "letter")
        return _NOTHING

    def read_after(self, rest: str) -> Reading:
        """An answer at the beginning of `rest`, up to the end of its clause; options may hold stops themselves."""
        line = rest.lstrip().partition("\n")[0][:_LONGEST]
        ends = [*(match.start() for match in islice(_CLAUSE_END.finditer(line), _CLAUSES)), len(line)]
        # The longest clause that is an answer: "A. Lincoln" is a name, "A. It says so" is not.
        for end in sorted(set(ends), reverse=True):
            found = self.read(line[:end])
            if found.how == "text" or (found.how != "nothing" and end == min(ends)):
                return found
        return _NOTHING

    def texts(self, answer: str) -> set[int]:
        """The options whose text this is: letter for letter, else apart from case, spaces, LaTeX's dress and stops."""
        exact = {k for k, option in enumerate(self.options) if answer.strip() == option.strip()}
        key = _key(answer)
        return exact or {k for k, option in enumerate(self.options) if key and _key(option) == key}

    def labels(self, text: str) -> set[int]:
        """The options that one letter may stand for; none if it is no letter of an option."""
        if match := _BRACKETED.fullmatch(text):
            text = match[1]
        text = text.strip(_AROUND + "()[]{}<>")
        if len(text) != 1 and not (text.isdecimal() and len(text) == 2):
            return set()
        if self.numbered and text.isdecimal():
            return {int(text) - 1} & set(range(len(self.options)))
        numbers = NUMERALS if not any(_is_number(option) for option in self.options) else ()
        places = {order.find(text.upper()) for order in (*_ORDERS, *numbers)}
        return places & set(range(len(self.options)))

    def before_text(self, answer: str) -> Reading | None:
        """`B) blue`; None where no label stands before a text."""
        text = _TEXT.sub(r"\1", plain(answer)).replace("**", "").strip()
        sure = _LABELLED.fullmatch(text)
        match = sure or _BEFORE_TEXT.fullmatch(text)
        if match is None:
            return None
        *signs, rest = match.groups()
        labels, texts = self.labels(next(filter(None, signs))), self.texts(rest)
        if not labels or not (sure or texts):
            return None
        if texts:
            return _reading(labels & texts, "letter") if labels & texts else _AMBIGUOUS
        # `(A) or (B)` names two, and so does a list of all options.
        others = {k for sign in _LABEL.findall(rest) for k in self.labels(sign)}
        return _AMBIGUOUS if others - labels else _reading(labels, "letter")


def _reading(found: set[int], how: str) -> Reading:
    return Reading(LETTERS[min(found)], how) if len(found) == 1 else _AMBIGUOUS


def _bare(answer: str) -> str:
    """One form for all dresses of a letter: no LaTeX, marks, stops and quotation marks around."""
    return _TEXT.sub(r" \1 ", plain(answer)).strip(_AROUND)


def _key(text: str) -> str:
    return re.sub(r"\s+", " ", _bare(text)).casefold()


@cache
def _is_number(option: str) -> bool:
    return re.fullmatch(r"[\d\s.,/%-]+", normalise(option)) is not None


@cache
def _joins(lang: str | None) -> frozenset[str]:
    return frozenset(word for code in _codes(lang) for word in LANGUAGES[code].numbers.joins.casefold().split())


def _codes(lang: str | None) -> list[str]:
    """A model that was asked in another language may answer in English."""
    return sorted({"en", *([lang] if lang in WORDS else [])})


@cache
def _phrase(lang: str | None) -> re.Pattern:
    """What comes before the answer in a closing phrase: `the answer is`, `Answer:`, or all of the language's closing sentence."""
    ways = []
    for code in _codes(lang):
        before = LANGUAGES[code].closing.partition(r"\boxed")[0].strip().rstrip(":")
        nouns = WORDS[code][0]
        noun = max((word for word in nouns.split("|") if word.casefold() in before.casefold()), key=len)
        after = before[before.casefold().index(noun.casefold()) + len(noun) :]
        # `also`, `donc` and `dus` may be left out, the verb or particle not; there may be an adjective between.
        verb = re.sub(r"\s+(?:also|donc|dus)$", "", after.strip())
        end = r"(?!\w)" if LANGUAGES[code].script == "Latn" else ""
        joined = rf"\s*{re.escape(verb)}(?:\s+(?:also|donc|dus))?{end}" if verb else rf"(?P<loose_{code}>(?=\s))"
        ways.append(rf"(?:{nouns})(?:\W{{0,4}}[:：]|{joined})\W{{0,3}}?")
        ways.append(re.escape(before))
    return re.compile(rf"(?:{'|'.join(ways)})[:：]?[\s*]*(?=\S)", re.IGNORECASE)


@cache
def _words(lang: str | None) -> tuple[re.Pattern, re.Pattern]:
    options = "|".join(WORDS[code][1] for code in _codes(lang))
    closings = [LANGUAGES[code].closing.rpartition("}")[2].strip(_AROUND) for code in _codes(lang)]
    ends = "|".join([options, *(re.escape(end) for end in closings if end), "번", "だ", "이다"])
    return re.compile(rf"(?:{options})\s*", re.IGNORECASE), re.compile(rf"\s*(?:{ends})[\s.。।]*$", re.IGNORECASE)


def _without_words(text: str, lang: str | None) -> str:
    """Without `option` before and the end of the closing sentence (है, です) after; and without a phrase inside a box."""
    if match := _phrase(lang).search(text[:60]):
        return text[match.end() :]
    before, after = _words(lang)
    match = before.match(text)
    return after.sub("", text[match.end() :] if match else text)


def authors_rule(text: str, gold: str, option: str) -> bool:
    r"""The SP3F authors' published rule, to compare with: whether an answer is right whose letter is `gold` and text `option`.

    The content of the last `\boxed{` (else the word None), of that what is in the first `\text{}`, in small letters: equal to the
    letter, to the option's text, or beginning with the letter.

    >>> authors_rule(r"\boxed{(B)}", "B", "blue"), authors_rule(r"\boxed{Because}", "B", "blue")
    (False, True)
    """
    start = text.rfind(r"\boxed{")
    answer = (extract_answer(text[start:]) or "None") if start >= 0 else "None"
    inside = re.search(r"\\text\{([^{}]*)\}", answer)
    answer = (inside[1] if inside else answer).lower()
    return answer in (gold.lower(), option.lower()) or answer.startswith(gold.lower())
