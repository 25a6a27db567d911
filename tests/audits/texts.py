"""A right and a wrong answer in two languages, long enough to tell them by."""

TEXTS = {
    "en": "She bought three apples and then four more at the market. The answer is \\boxed{7}.",
    "de": "Sie hat drei Äpfel gekauft und dann noch vier auf dem Markt. Die Antwort ist also \\boxed{7}.",
}
WRONG = {lang: text.replace("7", "8") for lang, text in TEXTS.items()}
