"""A page to look at a run: `runs/<profile>/report.html`, one file that opens without a server and without a network.

    from sp3f_lib.report.page import write_report
    write_report(Path("runs/lab"))

| file | what |
| --- | --- |
| `folder.py` | the stages of the run folder: method, regime and seed of each |
| `chosen.py` | those that were made with the settings of `--set` |
| `results.py` | scores with intervals, learning curves, what the judge did: tables |
| `browser.py` | the samples, groups, verdicts and pairs that the page lets one browse, column by column |
| `words.py` | what a judge said of a pair, found again in the ledger |
| `svg.py`, `charts.py` | marks and axes; the three pictures |
| `build.py` | puts it all into `template.html.j2`, with `page.css`, `text.js` (how a model's text is shown) and `page.js` |
"""

from sp3f_lib.report.page.build import write_report
from sp3f_lib.report.page.chosen import made_with

__all__ = ["made_with", "write_report"]
