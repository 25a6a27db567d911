"""The page in a real browser: filters, groups, verdicts, pairs, and texts that would do something if they were not text."""

import json
import shutil

import pytest

from sp3f_lib.judges.base import Single
from sp3f_lib.judges.ledger import Entry, Ledger, request_key
from sp3f_lib.report.page import write_report

UNSEEN = "\u202e"


@pytest.fixture
def opened(browser, page):
    """The page, unpacked, and after the test a look at the console."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(page.as_uri())
    wait(browser, "return !document.getElementById('browser').hidden")
    yield browser
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    assert browser.execute_script("return window.hacked") is None


def wait(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda b: b.execute_script(condition))


def choose(browser, name, start):
    """Chooses the option of a filter whose text begins with `start`."""
    return browser.execute_script(
        """const select = document.getElementById('by-' + arguments[0]);
        select.value = [...select.options].find((option) => option.text.startsWith(arguments[1])).value;
        select.dispatchEvent(new Event('change'));""",
        name,
        start,
    )


def count(browser):
    return browser.find_element("id", "count").text


def texts(browser, selector):
    return browser.execute_script("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)


def test_filters_leave_what_they_say(opened):
    # 8 groups of 8, 40 prompts of 3 answers, 2 pairs.
    assert count(opened) == "188 of 188 samples of regime warm"
    choose(opened, "kind", "training")
    choose(opened, "lang", "Arabic")
    assert count(opened) == "32 of 188 samples of regime warm"
    choose(opened, "step", "10")
    choose(opened, "right", "wrong")
    assert count(opened) == "12 of 188 samples of regime warm"  # two seeds, six of eight
    choose(opened, "faithful", "unfaithful")
    assert count(opened) == "2 of 188 samples of regime warm"
    assert len(texts(opened, "#hits button")) == 2
    opened.find_element("css selector", "#filters button").click()
    assert count(opened) == "188 of 188 samples of regime warm"


def test_one_regime_is_shown_at_a_time(opened):
    shown = "return [...document.querySelectorAll('[data-regime]')].filter((e) => !e.hidden).map((e) => e.dataset.regime)"
    assert set(opened.execute_script(shown)) == {"warm"}
    opened.find_element("css selector", "[data-pick=cold]").click()
    assert set(opened.execute_script(shown)) == {"cold"}
    assert count(opened) == "12 of 12 samples of regime cold"
    assert texts(opened, "#learning [data-regime=cold]")[0].strip() == "Nothing has been trained in regime cold yet."


def test_choices_say_how_many_there_would_be(opened):
    choose(opened, "kind", "preference")
    shown = texts(opened, "#by-method option:not([hidden])")
    assert shown == ["all", "ICR 1 (2)", "ICR t 1 (2)"]
    assert texts(opened, "#by-right option:not([hidden])") == ["all", "not scored (4)"]


def test_a_part_of_a_text_is_found(opened):
    box = opened.find_element("id", "by-text")
    box.send_keys("gnp.exe")
    wait(opened, "return !document.getElementById('count').textContent.startsWith('188 ')")
    found = count(opened)
    box.clear()
    box.send_keys("nobody wrote this")
    wait(opened, "return document.getElementById('count').textContent.startsWith('None')")
    assert 0 < int(found.split()[0]) < 188
    assert texts(opened, "#group *") == []


def test_a_group_stands_side_by_side_with_terms_reference_and_verdicts(opened, said):
    choose(opened, "kind", "training")
    choose(opened, "lang", "Arabic")
    assert texts(opened, ".card header b") == [str(place) for place in range(1, 9)]
    assert texts(opened, ".card.here dt") == ["accuracy", "parseable", "fidelity", "win rate", "reward"]
    assert texts(opened, ".card.here dd") == ["1", "1", "1", "0", "2"]
    assert texts(opened, "#group .texts .text") == ["ar: 1 + 1 = ?", "What is 1 + 1?", "1 + 1: \\boxed{2}."]
    assert len({tuple(opened.execute_script(BOX, k)) for k in range(4)}) == 4  # beside each other, not on top
    opened.find_element("css selector", ".verdicts .win").click()
    assert texts(opened, ".said-of h4") == ["1 shown first, 2 second: 1 is better (preference 1.00)"]
    assert texts(opened, ".said-of .text") == [said["reason"]]
    cells = [cell for cell in texts(opened, ".verdicts td") if cell]
    assert (cells.count("1"), cells.count("0"), cells.count("?")) == (6, 6, 2)


def test_what_the_judge_wrote_of_one_answer_opens_below_it(browser, run_folder, said, tmp_path):
    folder, sampling = shutil.copytree(run_folder, tmp_path / "toy"), '{"temperature": 0.0}'
    for path in folder.glob("sp3f-warm/*/manifest.json"):
        manifest = json.loads(path.read_text())
        manifest["settings"]["judge"]["schedule"] = "score"
        path.write_text(json.dumps(manifest))
    ledger = Ledger(tmp_path / "verdicts.sqlite")
    asked, endpoint = Single("What is 1 + 1?", said["arabic"], "1 + 1: \\boxed{2}.", "solution"), "chat/completions"
    key = request_key(asked, said["judge"], endpoint, sampling)
    reply = ("verdict", 0.3, "", said["reason"], said["judge"], endpoint, "score-1", "solution", sampling, 0)
    ledger.write(Entry(key, *reply))
    ledger.close()
    browser.get(write_report(folder).as_uri())
    wait(browser, "return !document.getElementById('browser').hidden")
    choose(browser, "kind", "training")
    choose(browser, "lang", "Arabic")
    assert texts(browser, ".card .reply summary") == ["what the judge wrote"]
    assert texts(browser, ".card .reply .text") == [said["reason"]]
    browser.find_element("css selector", ".verdicts .win").click()
    assert texts(browser, ".said-of p") == ["It was asked about each answer alone: see under 1."]


BOX = "const box = document.querySelectorAll('.card')[arguments[0]].getBoundingClientRect(); return [box.left, box.top]"


def test_chosen_and_rejected_stand_side_by_side(opened, hostile):
    choose(opened, "kind", "preference")
    choose(opened, "method", "ICR 1")
    assert texts(opened, ".cards.two .card .tag") == ["chosen", "rejected"]
    assert texts(opened, ".cards.two .card .text") == list(hostile[:2])
    assert texts(opened, ".card dt") == ["reward margin"]
    assert "1 + 1: \\boxed{2}." in texts(opened, "#group .texts .text")


def test_hostile_texts_are_shown_letter_by_letter(opened, hostile, said):
    choose(opened, "kind", "training")
    choose(opened, "lang", "Arabic")
    shown = texts(opened, ".card .text")
    codes = {"\u2028": "U+2028", "\u2029": "U+2029", "\u202e": "U+202E", "\u2066": "U+2066", "\u0007": "U+0007"}
    assert shown == [text.translate(str.maketrans(codes)) for text in (said["arabic"], *hostile)]
    marks = "return [...document.querySelectorAll('.card .code')].map((e) => e.textContent)"
    assert set(opened.execute_script(marks)) == set(codes.values())
    # Nothing but the page's own elements: no image, no frame, one script of its own.
    assert opened.execute_script("return document.querySelectorAll('img, iframe, object, link, base, [onload]').length") == 0
    assert opened.execute_script("return document.querySelectorAll('script').length") == 1
    assert UNSEEN not in opened.execute_script("return document.body.textContent")


def test_right_to_left_texts_run_right_to_left_and_their_formulas_do_not(opened):
    choose(opened, "kind", "training")
    choose(opened, "lang", "Arabic")
    look = "const e = document.querySelector('.card .text'); return [e.dir, e.lang, getComputedStyle(e).unicodeBidi]"
    assert opened.execute_script(look) == ["rtl", "ar", "isolate"]
    formulas = "return [...document.querySelectorAll('.card .text bdi')].map((e) => [e.dir, e.textContent])"
    assert opened.execute_script(formulas) == [["ltr", "18 + 3 = 21"], ["ltr", "\\boxed{21}"]]
    # An answer that is not in the language says nothing of its language; English texts say theirs.
    choose(opened, "faithful", "unfaithful")
    assert opened.execute_script("const e = document.querySelector('.card.here .text'); return [e.dir, e.lang]") == [
        "ltr",
        "",
    ]
    assert opened.execute_script("return document.querySelectorAll('#group .texts .text')[2].lang") == "en"


def test_an_address_leads_back_to_a_view(opened, page):
    choose(opened, "kind", "training")
    choose(opened, "lang", "German")
    opened.find_elements("css selector", "#hits button")[3].click()
    address, before = opened.current_url, texts(opened, ".card.here header b")
    assert before == ["4"]
    opened.get("about:blank")
    opened.get(address)
    wait(opened, "return !document.getElementById('browser').hidden")
    assert count(opened) == "32 of 188 samples of regime warm"
    assert texts(opened, ".card.here header b") == before


def test_a_method_of_the_table_shows_its_samples(opened):
    opened.find_element("css selector", "button[data-method=sft]").click()
    assert count(opened) == "48 of 188 samples of regime warm"
    assert all(text.startswith("SFT") for text in texts(opened, "#hits button"))


def test_pictures_are_drawn(opened):
    assert texts(opened, "#results svg[role=img] .label") != []
    sizes = opened.execute_script(
        "return [...document.querySelectorAll('figure svg, .panels svg')].filter((e) => !e.closest('[hidden]'))"
        ".map((e) => e.getBoundingClientRect().width)"
    )
    assert len(sizes) > 6 and min(sizes) > 200
    assert opened.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
