"""A sample of the hostile files; `python -m tests.hostile` reads all of them."""

from collections.abc import AsyncIterator

import pytest

from ingestion.parsing import ForkServerParser
from tests.hostile import sample
from tests.hostile.judging import LIMITS, judge
from tests.hostile.sound import TEXT, pdf

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
async def parser() -> AsyncIterator[ForkServerParser]:
    made = ForkServerParser(LIMITS)
    yield made
    await made.close()


async def test_each_ends_as_it_should_and_disturbs_nobody(parser: ForkServerParser) -> None:
    complaints: dict[str, str] = {}
    for name, data in sample():
        _, complaint = await judge(parser, name, data)
        if complaint:
            complaints[name] = complaint
    assert complaints == {}
    assert (await parser.parse("a.pdf", pdf())).paragraphs[0].text == TEXT
