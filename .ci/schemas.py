"""Write the JSON Schemas of rule files, packs and cases files from the tables: `make schemas`.

They are shipped with the package, for editors and for programs that check a file without it.
`tests/test_schemas.py` keeps them what this would write.
"""

from __future__ import annotations

import json
from pathlib import Path

from repurchase.rulebook.schema import SCHEMAS, json_schema

FOLDER = Path(__file__).parents[1] / "engine" / "repurchase" / "rulebook" / "schemas"


def main() -> None:
    """Write each schema anew."""
    FOLDER.mkdir(exist_ok=True)
    for form in SCHEMAS:
        (FOLDER / f"{form}.schema.json").write_text(text(form), encoding="utf-8")


def text(form: str) -> str:
    """Return the content of the file with the schema of *form*, one of SCHEMAS."""
    return json.dumps(json_schema(form), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
