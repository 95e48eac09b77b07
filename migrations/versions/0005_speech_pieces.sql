-- What was said in a piece of a recording: by the content of its file, so that the same recording is listened to once.
CREATE TABLE ingestion.speech_pieces (
    content_hash text NOT NULL,
    model        text NOT NULL, -- with all settings that change the words, and the language that was asked for
    piece        integer NOT NULL CHECK (piece >= 0),
    start_ms     bigint NOT NULL CHECK (start_ms >= 0),
    end_ms       bigint NOT NULL CHECK (end_ms >= start_ms),
    is_last      boolean NOT NULL,
    title        text,
    duration_ms  bigint,
    language     text,
    spoken_ms    bigint NOT NULL,
    unclear_ms   bigint NOT NULL,
    damaged      integer NOT NULL,
    utterances   jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (content_hash, model, piece)
);
