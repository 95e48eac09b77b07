-- An archive that was sent, kept in the file store in one or several parts.
CREATE TABLE ingestion.archives (
    id           uuid PRIMARY KEY,
    creator_id   uuid NOT NULL,
    content_hash text NOT NULL,
    files        jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    UNIQUE (creator_id, content_hash)
);

-- What became of its items, written one by one: a job that is taken up again goes on behind the last.
CREATE TABLE ingestion.archive_items (
    job_id           uuid NOT NULL,
    ordinal          integer NOT NULL,
    archive_id       uuid NOT NULL REFERENCES ingestion.archives (id) ON DELETE CASCADE,
    name             text NOT NULL,
    state            text NOT NULL CHECK (state IN ('queued', 'unchanged', 'failed')),
    source_id        uuid,
    submitted_job_id uuid,
    error_code       text,
    error_detail     text,
    next_step        text,
    PRIMARY KEY (job_id, ordinal),
    CHECK ((state = 'failed') = (error_code IS NOT NULL))
);
CREATE INDEX archive_items_of_archive ON ingestion.archive_items (archive_id);
