"""The page is one file that loads nothing, holds no model's text in its HTML, and says in words what is not there."""

import base64
import hashlib
import re
from html import unescape

import pytest

from sp3f_lib.report.page import write_report


@pytest.fixture(scope="module")
def html(page):
    return page.read_text(encoding="utf-8")


def test_the_same_folder_gives_the_same_page(run_folder, html, tmp_path):
    assert write_report(run_folder, tmp_path / "again.html").read_text(encoding="utf-8") == html


def test_the_page_lies_in_the_folder_if_no_place_is_given(tmp_path):
    (tmp_path / "toy").mkdir()
    assert write_report(tmp_path / "toy") == tmp_path / "toy" / "report.html"


def test_nothing_is_loaded_and_only_the_pages_own_script_and_style_run(html):
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    policy = unescape(policy)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r"<(?:link|iframe|object|embed|img|base)\b", html)
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.findall(r'<[^>]*\s(?:style|on\w+)="', html)  # the policy would block them


def test_no_text_of_a_model_is_in_the_html(html, hostile, said):
    assert "window.hacked" not in html
    assert not [text for text in (*hostile, said["reason"]) if text in html]
    assert said["judge"] not in html and "&lt;i&gt;judge&lt;/i&gt;" in html  # a name from a profile: escaped


def test_numbers_stand_in_the_table_with_their_intervals(html):
    row = re.findall(r"<tr><th><button[^>]*data-method=\"sp3f\".*?</tr>", html, re.DOTALL)[0]
    cells = re.findall(r"<b>([\d.]+)</b> <span class=\"to\">([\d.]+)–([\d.]+)</span>", row)
    assert [cell[0] for cell in cells] == ["75.0", "75.0", "56.2"]
    assert all(float(low) <= float(mean) <= float(high) for mean, low, high in cells)
    assert "2 × 2" in row


def test_an_empty_folder_says_so(tmp_path):
    html = write_report(tmp_path, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no finished training or evaluation in this folder yet" in html
    assert "There are no samples" in html
    assert "there is no ledger" in html


def test_before_rl_there_is_no_empty_picture(run_folder, tmp_path):
    import shutil

    folder = shutil.copytree(
        run_folder, tmp_path / "toy", ignore=shutil.ignore_patterns("sp3f-warm", "evaluation-*", "icr*")
    )
    html = write_report(folder).read_text(encoding="utf-8")
    assert "No RL stage has been trained in regime warm yet" in html
    assert "Nothing has been trained in regime cold" not in html  # it has neither trainings nor evaluations any more
    assert html.count("No model has been evaluated in regime warm yet") == 2
    assert "No method was trained with a judge in regime warm" in html
    assert "<figure>" not in html and 'class="panels"' not in html
