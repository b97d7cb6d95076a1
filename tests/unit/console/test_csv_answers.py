"""Tables as CSV files, which no spreadsheet takes for formulas."""

import pytest

from services.console.csv_answers import csv_answer


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_cell_that_could_be_a_formula_is_marked(cell: str) -> None:
    body = bytes(csv_answer("t", ("a",), [(cell,)]).body).decode()
    assert body == f"a\r\n'{cell}\r\n"


def test_numbers_and_words_stay_as_they_are_and_commas_are_quoted() -> None:
    answer = csv_answer("flows", ("a", "b"), [(-3, 'x,"y"')])
    assert bytes(answer.body).decode() == 'a,b\r\n-3,"x,""y"""\r\n'
    assert answer.headers["content-disposition"] == 'attachment; filename="flows.csv"'
