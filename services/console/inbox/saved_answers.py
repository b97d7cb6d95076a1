"""What the sender keeps as answers for questions that come again, as pages read it."""

from uuid import UUID

from pydantic import BaseModel


class KeptAnswer(BaseModel):
    """An answer under its title."""

    answer_id: UUID
    title: str
    text: str


class KeptAnswers(BaseModel):
    """The answer of `GET /v1/saved-answers`, by title."""

    answers: list[KeptAnswer]

    def text_of(self, wanted: str) -> str:
        """Return the text of an answer by id; empty where there is none."""
        return next((each.text for each in self.answers if str(each.answer_id) == wanted), "")
