"""What of a question has to be found."""

from chat.terms import Vocabulary, is_name, words


def content(text: str, language: str = "en") -> list[str]:
    return [term.surface for term in Vocabulary(language).content(text).values()]


def test_small_words_are_no_content() -> None:
    assert content("How do I know when my chain is worn out?") == ["chain", "worn"]
    assert content("What did you say about it?") == []


def test_words_meet_in_their_stem() -> None:
    vocabulary = Vocabulary("en")
    assert vocabulary.stems("replacing worn chains") == vocabulary.stems("replaced worn chain")
    assert vocabulary.stems("Sjors's node") == vocabulary.stems("sjors node")


def test_a_language_has_its_own_stems_and_small_words() -> None:
    assert content("Wie oft wechsle ich die Kette?", "de") == ["wechsle", "Kette"]
    assert Vocabulary("de").stems("Ketten") == Vocabulary("de").stems("Kette")
    assert Vocabulary("tlh").stems("Qapla'") == ["qapla"]


def test_names_are_told_by_how_they_are_written() -> None:
    assert is_name("AssumeUTXO", first=True)
    assert is_name("BIP", first=True)
    assert is_name("Odile", first=False)
    assert is_name("324", first=False)
    assert not is_name("When", first=True)
    assert not is_name("A", first=False)
    assert not is_name("chain", first=False)


def test_scripts_without_spaces_count_in_pairs() -> None:
    assert words("自行车链") == ["自行", "行车", "车链"]
    assert words("链") == ["链"]
    assert words("\uff23hain") == ["chain"]
