# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""validate.py SCHEMA FILE...: checks each line of the files against a JSON Schema (draft 2020-12), and the schema itself."""

import json
import sys

from jsonschema import Draft202012Validator


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    count = errors = 0
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                count += 1
                for error in validator.iter_errors(json.loads(line)):
                    errors += 1
                    print(f"{path}:{number}: {error.json_path}: {error.message[:200]}")
    if not count:
        print("no line to check")
    return 1 if errors or not count else 0


if __name__ == "__main__":
    sys.exit(main())
