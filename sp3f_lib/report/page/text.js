// How elements are made and how a model's text gets onto the page: as text (textContent), and by no other way.
"use strict";

function make(tag, className, text, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function makeButton(className, text, act) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// Characters that act without being seen: shown by their number. After `|`, only in right-to-left text: TeX and equations.
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/u;
const NUMBER = /\(*[0-9]+(?:[.,][0-9]+)*[%)]*/u;
const FORMULA = new RegExp(`\\\\[a-zA-Z]+(?:\\{[^{}]*\\})*|\\$[^$\\n]+\\$|${NUMBER.source}(?: ?[-+−×÷*/=^] ?${NUMBER.source})+`, "u");
const LEFT = new RegExp(`(${ACTING.source})`, "gu");
const RIGHT = new RegExp(`(${ACTING.source})|(${FORMULA.source})`, "gu");
const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/gu;

function direction(text) {
  const right = (text.match(RTL) || []).length;
  return right && right >= (text.match(/[a-zA-Z]/g) || []).length ? "rtl" : "ltr";
}

// Puts `text` into `place` as text; `lang` is its language if that is known.
function show(place, text, lang) {
  place.replaceChildren();
  place.classList.add("text");
  place.dir = direction(text);
  if (lang) place.lang = lang;
  let done = 0;
  for (const found of text.matchAll(place.dir === "rtl" ? RIGHT : LEFT)) {
    place.append(text.slice(done, found.index));
    if (found[1]) {
      const code = "U+" + found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      place.append(make("span", "code", code));
    } else {
      const formula = make("bdi", "", found[0]);
      formula.dir = "ltr";
      place.append(formula);
    }
    done = found.index + found[0].length;
  }
  place.append(text.slice(done));
  return place;
}

