"""Reads a directory of reports with the readers of others, and prints what each saw as JSON.

Usage: readers.py REPORTS FIXTURES. Fails where a reader refuses a file.
"""

import json
import pathlib
import sys

import jsonschema
import junit2htmlreport.parser
import junitparser
import lxml.etree

reports, fixtures = map(pathlib.Path, sys.argv[1:])
junit = reports / "junit.xml"

# Jenkins' own schema, as its xunit plugin checks it.
schema = lxml.etree.XMLSchema(lxml.etree.parse(fixtures / "junit/jenkins-junit-10.xsd"))
schema.assertValid(lxml.etree.parse(junit))

# What EnricoMi/publish-unit-test-result-action reads with: it sums up the attributes of the suites.
suites = list(junitparser.JUnitXml.fromfile(str(junit)))
counted = {
    name: sum(getattr(suite, name) for suite in suites)
    for name in ("tests", "failures", "errors", "skipped")
}
cases = [case for suite in suites for case in suite]
assert len(cases) == counted["tests"], (len(cases), counted)
of_kind = {
    "failures": junitparser.Failure,
    "errors": junitparser.Error,
    "skipped": junitparser.Skipped,
}
for name, kind in of_kind.items():
    found = sum(isinstance(result, kind) for case in cases for result in case.result)
    assert found == counted[name], (name, found, counted)
for case in cases:
    assert case.name and case.classname, case
    # Without a file mikepenz/action-junit-report takes one that is called like the stage.
    assert case._elem.get("file"), case.name
assert len({(case.classname, case.name) for case in cases}) == len(cases)

page = junit2htmlreport.parser.Junit(str(junit))
assert "<html" in page.html()
shown = sum(len(group.cases) for suite in page.suites for group in suite.classes.values())

sarif = json.loads((reports / "report.sarif").read_text())
schema = json.loads((fixtures / "sarif/sarif-schema-2.1.0.json").read_text())
checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
problems = [f"{error.json_path}: {error.message[:200]}" for error in checker.iter_errors(sarif)]
assert not problems, "\n".join(problems)

json.dump(
    {
        "junit": counted,
        "junit2html": shown,
        "sarif": {"results": len(sarif["runs"][0]["results"])},
    },
    sys.stdout,
)
