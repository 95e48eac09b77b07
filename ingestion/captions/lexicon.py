"""Words that tell marks and headings from speech and speakers."""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What stands in brackets when no one speaks, in the larger caption languages.
SOUNDS: Final = _words(
    """
    music applause laughter laughs laughing chuckle chuckles chuckling cheering cheers silence sigh sighs
    coughs coughing singing humming noise static beep musik applaus lachen musique rires applaudissements
    música risas aplausos risos musica risate applausi музыка смех аплодисменты 音楽 笑 拍手 음악 웃음 박수
    """
)

# Words inside a name that are not capitalised.
PARTICLES: Final = _words("van von der den de del della di da la le al el bin ben ter ten y of and")

# Words that often stand before a colon and are not people. Only asked where nothing else names the speaker.
NOT_NAMES: Final = _words(
    """
    note notes nota warning caution attention important remember reminder disclaimer question questions answer
    answers example examples tip tips hint step part chapter section episode lesson day week month year phase
    point option reason rule number no level case item result results conclusion summary update edit fact facts
    problem solution first second third next finally last and but so then now well yes okay ok also plus minus
    ingredients method today tomorrow yesterday pros cons spoiler title subtitle source sources credits music
    translation subtitles captions here this that these those what why how when where who the a an it is
    my your our his her their
    """
)
