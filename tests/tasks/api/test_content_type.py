"""What a result is written in."""

import re
import time
from pathlib import Path

import pytest

from tasks.api.content_type import content_type_of

TEXT = {
    "a sentence": "Revenue grew by 23 % over the quarter before.",
    "paragraphs": "First of all, thank you.\n\nThe rest follows on Monday.\n",
    "one asterisk": "The price is 5 USD* per seat.\n* plus tax",
    "one dash": "- Bob",
    "a product": "2 * 3 * 4 is 24, and 2**3**4 is much more.",
    "a number": "42",
    "a quoted text": '"only a string"',
    "a constant": "true",
    "a hash tag": "#revenue went up",
    "a number sign": "We are #1 in the north.",
    "brackets": "[1] Annual report, page 4",
    "curly brackets": "{name} did not fill in the form",
    "broken JSON": '{"regions": ["north", "south"',
    "not a number": "[NaN]",
    "lines of JSON": '{"a": 1}\n{"a": 2}',
    "labels": "Name: Ada\nRole: analyst\nSince: 2024",
    "semicolons": "The list is short: apples;\npears;\nplums.",
    "one assignment": "Total = 12",
    "a question": "What should I import from France?\nWine, for instance:",
    "for example": "For example:\nif you want to return it, write to us.",
    "values with commas": "region,product,revenue\nnorth,seats,120\nsouth,seats,90",
    "a log": "10:31:16 started\n10:31:18 reading\n10:31:22 done",
    "an unclosed link": "See [the report](reports/q4.md",
    "Japanese": "四半期の売上は前期比で増加しました。",
    "a column of rules": "----------",
    "one backtick": "It's called `main.",
}
MARKDOWN = {
    "a heading": "## Q4 Revenue Analysis\n\nRevenue grew 23% QoQ...",
    "a first heading": "# Report\n\nAll is well.",
    "an underlined heading": "Report\n======\n\nAll is well.",
    "a bulleted list": "Decisions:\n- ship on Friday\n- hire two people",
    "a numbered list": "1. Open the file.\n2. Count the rows.",
    "a list with stars": "* north\n* south",
    "a table": "| region | revenue |\n| --- | ---: |\n| north | 120 |",
    "a table without borders": "region | revenue\n--- | ---\nnorth | 120",
    "a fenced block among prose": "Run this:\n\n```bash\nmake up\n```\n\nThen wait.",
    "a link": "The details are in [the report](reports/q4.md).",
    "an image": "![Revenue](chart.png)",
    "strong emphasis": "Revenue grew by **23 %** in the north.",
    "emphasis and code": "Set *all* of them in `settings.toml`.",
    "a quotation": "> We ship on Friday.\n> No later.",
    "a fenced Markdown document": "```markdown\n# Title\n\nText\n```",
    "code in a longer fence": "Say:\n\n````\n```\nx\n```\n````\n\nThat is all.",
    "a checklist": "- [ ] write it\n- [x] read it",
    "code under headings": "## Fix\n\nChange this line in `a.py`:\n\n    return 1\n\nand test.",
}
CODE = {
    "a script": "#!/bin/sh\necho hello",
    "one fenced block": '```json\n{"a": 1}\n```',
    "a fenced block with space around": "\n\n~~~python\nprint(1)\n~~~\n\n",
    "a fenced block that was cut": "```python\nprint(1)\n",
    "a Python function": "def add(a, b):\n    return a + b",
    "Python with comments": "# Load the data\nimport csv\n\nwith open('a.csv') as file:\n    rows = list(csv.reader(file))",
    "one call": 'print("hello")',
    "JavaScript": "const total = rows.reduce((a, b) => a + b, 0);\nconsole.log(total);",
    "a function in JavaScript": "function add(a, b) {\n  return a + b;\n}",
    "a module": 'import fs from "node:fs";\nexport const read = (p) => fs.readFileSync(p);',
    "C": '#include <stdio.h>\n\nint main(void) {\n  printf("hi\\n");\n  return 0;\n}',
    "Go": 'package main\n\nfunc main() {\n\tfmt.Println("hi")\n}',
    "Rust": 'fn main() {\n    println!("hi");\n}',
    "SQL": "SELECT region, SUM(revenue)\nFROM sales\nWHERE quarter = 'Q4'\nGROUP BY region;",
    "HTML": "<!DOCTYPE html>\n<html>\n<body>\n<p>Hello</p>\n</body>\n</html>",
    "CSS": "body {\n  color: black;\n  margin: 0;\n}",
    "a patch": "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b",
    "a Dockerfile": "FROM python:3.11\nWORKDIR /app\nCOPY . .\nRUN pip install .",
    "settings": "[server]\nhost = 127.0.0.1\nport = 3000\ndebug = no",
    "a shell session": "$ make up\n$ curl localhost:3000",
    "a loop in shell": 'for f in *.csv; do\n  wc -l "$f"\ndone',
}
JSON = {
    "an object": '{"regions": ["north", "south"], "total": 12.5}',
    "an array": "[1, 2, 3]",
    "an empty object": "{}",
    "JSON with space around": '\n  [\n    {"a": null}\n  ]\n',
    "a large number": '{"n": ' + "9" * 50 + "}",
    "Markdown in a value": '{"text": "# Title\\n\\n- one\\n- two"}',
}
UNKNOWN = {
    "nothing": "",
    "space": " \n\t ",
    "bytes": "\x00\x01\x02\x1b\x7f" * 20 + "text",
}
CASES = [
    pytest.param(text, expected, id=f"{expected}: {name}")
    for expected, texts in {
        "text": TEXT,
        "markdown": MARKDOWN,
        "code": CODE,
        "json": JSON,
        "unknown": UNKNOWN,
    }.items()
    for name, text in texts.items()
]


@pytest.mark.parametrize(("result", "expected"), CASES)
def test_a_result_is_shown_as_what_it_is(result, expected):
    assert content_type_of(result) == expected


# As agents write them, each below a line "=== type: name".
OUTPUTS = Path(__file__).with_name("agents_outputs.txt").read_text()


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        pytest.param(kind, text, id=f"{kind}: {name}")
        for kind, name, text in re.findall(
            r"^=== (\w+): (.+)\n((?:(?!===).*\n)+)", OUTPUTS, re.MULTILINE
        )
    ],
)
def test_what_agents_write_is_shown_as_what_it_is(expected, result):
    assert content_type_of(result) == expected
    assert content_type_of(result.rstrip("\n")) == expected


@pytest.mark.parametrize(
    "part",
    [
        "[",
        "{",
        "(",
        "*",
        "**a",
        "`",
        "| ",
        "- ",
        " ",
        "\n",
        "#",
        "[a](",
        "if (",
        "<a ",
        "```\n",
        "x = ",
    ],
)
def test_ten_megabytes_of_anything_are_judged_at_once(part):
    result = "a" + part * (10_000_000 // len(part))
    started = time.process_time()
    content_type_of(result)
    assert time.process_time() - started < 1


def test_json_of_ten_megabytes_is_json():
    assert content_type_of("[" + "1," * 5_000_000 + "1]") == "json"


def test_json_nested_beyond_reason_is_not_json():
    assert content_type_of("[" * 100_000 + "]" * 100_000) != "json"
