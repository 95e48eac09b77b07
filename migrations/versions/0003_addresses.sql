-- creators -----------------------------------------------------------------------------------------------

ALTER TABLE creators.sources DROP CONSTRAINT sources_origin_check;
ALTER TABLE creators.sources ADD CONSTRAINT sources_origin_check
    CHECK (origin IN ('youtube', 'podcast', 'web', 'file'));
-- What a person can do about `error_code`; when the item first answered; and, where the origin itself took the item
-- back, the code that says so (without one, a person withdrew it, and only a person brings it back).
ALTER TABLE creators.sources
    ADD COLUMN next_step text,
    ADD COLUMN ready_at timestamptz,
    ADD COLUMN withdrawn_reason text,
    ADD CONSTRAINT sources_withdrawn_reason_check CHECK (withdrawn_reason IS NULL OR withdrawn_at IS NOT NULL);

-- How each item is, also those that nobody may see.
CREATE VIEW creators.readable_states AS
    SELECT id, creator_id, origin, external_id, error_code, withdrawn_reason,
           CASE WHEN withdrawn_at IS NOT NULL THEN 'withdrawn'
                WHEN generation IS NOT NULL THEN 'ready'
                WHEN error_code IS NOT NULL THEN 'failed'
                ELSE 'pending' END AS state
    FROM creators.sources;

-- ingestion ----------------------------------------------------------------------------------------------

-- A collection that was submitted: a channel, a playlist, a podcast. Without `watch` it is looked through when asked.
CREATE TABLE ingestion.feeds (
    id            uuid PRIMARY KEY,
    creator_id    uuid NOT NULL,
    origin        text NOT NULL,
    external_id   text NOT NULL,
    url           text NOT NULL,
    title         text NOT NULL,
    access        text NOT NULL CHECK (access IN ('public', 'members', 'private')),
    watch         boolean NOT NULL,
    checked_at    timestamptz, -- the last check that came to its end
    next_check_at timestamptz,
    failures      integer NOT NULL DEFAULT 0, -- checks that failed since then
    shrunk_since  timestamptz, -- since when a listing misses so much that it is not believed
    error_code    text,
    next_step     text,
    created_at    timestamptz NOT NULL,
    UNIQUE (creator_id, origin, external_id),
    CHECK (watch = (next_check_at IS NOT NULL))
);
CREATE INDEX feeds_due ON ingestion.feeds (next_check_at) WHERE watch;

-- What a feed listed. `version` is the one whose files were last asked for; `job_id` and `change` say in which check
-- and why, so that a check that is begun again goes on where it stopped.
CREATE TABLE ingestion.feed_items (
    feed_id       uuid NOT NULL REFERENCES ingestion.feeds (id) ON DELETE CASCADE,
    source_id     uuid NOT NULL,
    version       text,
    missing_since timestamptz,
    job_id        uuid NOT NULL,
    change        text NOT NULL,
    PRIMARY KEY (feed_id, source_id)
);
CREATE INDEX feed_items_of_source ON ingestion.feed_items (source_id);

-- An upload with an address is fetched from there by its job: `files` is empty until that is done. `feed_id` is the
-- feed that asked; none when a person did.
ALTER TABLE ingestion.uploads
    ADD COLUMN address jsonb,
    ADD COLUMN feed_id uuid;
