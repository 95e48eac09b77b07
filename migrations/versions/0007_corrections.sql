-- What a segment says, whatever white space and Unicode form it came in: the key of a correction. Letters, their case
-- and punctuation count, place and times do not. Defined here alone, so that no two programs can differ about it.
CREATE FUNCTION creators.spoken_hash(said text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to(
        normalize(btrim(regexp_replace(said, '[ \t\n\r\f\v\u00a0\u2028\u2029\u202f\u3000]+', ' ', 'g')), NFC), 'UTF8'));

-- `text` stays what was heard or written; `corrected`, where there is one, is what this generation says in its place.
ALTER TABLE creators.segments
    ADD COLUMN corrected text CHECK (corrected <> ''),
    ADD COLUMN spoken_hash bytea NOT NULL GENERATED ALWAYS AS (creators.spoken_hash(text)) STORED;
-- Where a source says this.
CREATE INDEX segments_said ON creators.segments (source_id, generation, spoken_hash);

-- What the creator wants said wherever the source says `original`. It outlives every generation: one whose original is
-- gone waits for it to come back.
CREATE TABLE creators.segment_edits (
    source_id   uuid NOT NULL REFERENCES creators.sources (id) ON DELETE CASCADE,
    spoken_hash bytea NOT NULL GENERATED ALWAYS AS (creators.spoken_hash(original)) STORED,
    creator_id  uuid NOT NULL REFERENCES creators.creators (id) ON DELETE CASCADE,
    original    text NOT NULL,
    text        text NOT NULL CHECK (text <> ''),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (source_id, spoken_hash)
);
CREATE INDEX segment_edits_of_creator ON creators.segment_edits (creator_id, source_id);

-- Times of words belong to the words that were heard.
CREATE OR REPLACE VIEW creators.readable_segments AS
    SELECT g.source_id, g.generation, g.ordinal, g.start_ms, g.end_ms, g.page, g.heading, g.speaker, g.role,
           coalesce(g.corrected, g.text) AS text,
           CASE WHEN g.corrected IS NULL THEN g.word_starts_ms END AS word_starts_ms
    FROM creators.segments g
    JOIN creators.readable_sources s ON s.id = g.source_id AND s.generation = g.generation;
