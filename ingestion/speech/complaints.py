"""What can be wrong with a recording or with listening to it, as the person reads it."""

from runtime.errors import InvalidInput, TooLarge, Unavailable


def not_installed() -> InvalidInput:
    """There is a recording, and nothing to listen to it with."""
    return InvalidInput(
        "speech_not_installed",
        "This recording has no captions, and speech recognition is not installed.",
        next_step="Install it with: make speech. Or add captions (.vtt or .srt) beside the recording.",
    )


def model_missing(detail: str) -> InvalidInput:
    """Speech recognition is installed and has no model to work with."""
    return InvalidInput(
        "speech_model_missing",
        detail,
        next_step="Set UNDERSTUDY_SPEECH__MODEL to a folder with a CTranslate2 Whisper model; or to a name such as small,"
        " with UNDERSTUDY_SPEECH__DOWNLOAD=true to have it fetched once.",
    )


def language_unsupported(language: str, model: str) -> InvalidInput:
    """The speech is in a language that the model does not know."""
    return InvalidInput(
        "speech_language_unsupported",
        f"The recording is in {language}, which the speech model {model} does not speak.",
        next_step="Set UNDERSTUDY_SPEECH__MODEL to a multilingual model, or add captions beside the recording."
        " If the language was taken wrongly, say which it is with UNDERSTUDY_SPEECH__LANGUAGE.",
    )


def no_speech() -> InvalidInput:
    """Nobody says anything."""
    return InvalidInput(
        "no_speech_found",
        "Nothing is said in this recording.",
        next_step="Check that it is the right file and that its sound is not muted.",
    )


def unclear() -> InvalidInput:
    """Somebody speaks, and no word can be relied on."""
    return InvalidInput(
        "speech_unclear",
        "What is said in this recording could not be made out.",
        next_step="Use a larger model (UNDERSTUDY_SPEECH__MODEL), a better recording, or add captions beside it.",
    )


def broken(what: str) -> InvalidInput:
    """A media file cannot be decoded."""
    return InvalidInput(
        "media_broken",
        f"The recording cannot be played: {what}.",
        next_step="Check that it plays on your machine, then export or upload it again.",
    )


def empty(name: str) -> InvalidInput:
    """A media file of zero bytes."""
    return InvalidInput(
        "media_empty", f"{name} is empty.", next_step="Check the file on your machine, then add it again."
    )


def not_media(name: str) -> InvalidInput:
    """A file is named as a recording, and is none."""
    return InvalidInput(
        "media_not_recognised",
        f"{name} is named as a recording, but its content is none.",
        next_step="Add MP3, M4A, AAC, WAV, FLAC, OGG, Opus, MP4, MOV, MKV or WEBM files.",
    )


def without_sound() -> InvalidInput:
    """A video that has no audio track."""
    return InvalidInput(
        "media_without_sound",
        "The recording has no audio track.",
        next_step="Export it with its sound, or add captions beside it.",
    )


def too_long(hours: int) -> TooLarge:
    """A recording that is longer than anybody's."""
    return TooLarge(
        "media_too_long", f"The recording is longer than {hours} hours.", next_step="Split it into parts."
    )


def process_lost(how: str) -> Unavailable:
    """The child ended without having said why."""
    return Unavailable(
        "speech_process_lost",
        f"Speech recognition ended unexpectedly ({how}).",
        next_step="Check that there is enough memory; UNDERSTUDY_SPEECH__MEMORY_MB limits what it may use.",
    )


def process_stalled() -> Unavailable:
    """The child has not said anything for too long."""
    return Unavailable(
        "speech_process_stalled",
        "Speech recognition made no progress.",
        next_step="Use a smaller model, or give it more threads with UNDERSTUDY_SPEECH__THREADS.",
    )
