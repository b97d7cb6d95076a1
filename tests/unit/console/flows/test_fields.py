"""The fields that the editor offers are those of the schema, and a flow made of all of them is valid."""

from pathlib import Path

from services.console.flows.fields import FLOW_FIELDS, STEP_FIELDS, WORD_FIELDS
from shared.config.lint import lint, schemas

MERCHANT = Path(__file__).parents[4] / "services" / "cli" / "first_shop" / "merchant.yaml"


def test_every_field_of_the_schema_is_offered_and_no_other() -> None:
    schema = schemas()["flow"]
    assert {field.name for field in FLOW_FIELDS} == set(schema["properties"])
    steps = "\n".join(field.lines for field in STEP_FIELDS)
    for kind in ("WaitStep", "TextStep"):
        for name in schema["$defs"][kind]["properties"]:
            assert f" {name}:" in steps, name
    for name in schema["$defs"]["LocalWait"]["properties"]:
        assert name in {"hours", "minutes"} or f"{name}:" in steps, name


def test_a_flow_of_all_fields_is_valid(tmp_path: Path) -> None:
    by_name = {field.name: field.lines for field in STEP_FIELDS}
    text = by_name["text"].replace("Hi", "Hi, " + " ".join(field.lines for field in WORD_FIELDS))
    rest = [by_name[name] for name in ("expire_after", "if_past", "resend")]
    other = by_name["text"].split("\n")[0].replace("reminder", "other") + "\n    purpose: marketing"
    lines = [field.lines for field in FLOW_FIELDS]
    file = tmp_path / "acme" / "flows" / "my-flow.yaml"
    file.parent.mkdir(parents=True)
    whole = [*lines, text, *rest, by_name["wait until"], by_name["wait"], other, by_name["body by language"]]
    file.write_text("\n".join(whole) + "\n", encoding="utf-8")
    (tmp_path / "acme" / "merchant.yaml").write_text(MERCHANT.read_text(encoding="utf-8"), encoding="utf-8")
    found = [problem for problem in lint(tmp_path) if problem.file == str(file)]
    assert [problem for problem in found if problem.severity == "error"] == []
