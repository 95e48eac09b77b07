-- A content that is being brought in: nobody removes it before it is referred to, or the hold has run out.
CREATE TABLE ingestion.holds (
    holder uuid NOT NULL,
    sha256 text NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (holder, sha256)
);
CREATE INDEX holds_of_content ON ingestion.holds (sha256);
CREATE INDEX uploads_of_content ON ingestion.uploads
    USING gin (jsonb_path_query_array(files, '$.*.sha256') jsonb_path_ops);

-- A file that comes in by pieces. `holder` is the request that may add to it, until `busy_until`.
CREATE TABLE ingestion.transfers (
    id             uuid PRIMARY KEY,
    creator_id     uuid NOT NULL,
    filename       text NOT NULL,
    item           text NOT NULL,
    files_expected integer NOT NULL CHECK (files_expected > 0),
    length         bigint NOT NULL CHECK (length >= 0),
    received       bigint NOT NULL DEFAULT 0,
    state          text NOT NULL DEFAULT 'open'
                   CHECK (state IN ('open', 'whole', 'accepted', 'refused', 'expired', 'terminated')),
    holder         uuid,
    busy_until     timestamptz,
    job_id         uuid,
    source_id      uuid,
    error_code     text,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    purged_at      timestamptz,
    CHECK (received BETWEEN 0 AND length),
    CHECK ((holder IS NULL) = (busy_until IS NULL))
);
CREATE INDEX transfers_of_item ON ingestion.transfers (creator_id, item) WHERE state IN ('open', 'whole');
CREATE INDEX transfers_to_purge ON ingestion.transfers (expires_at) WHERE purged_at IS NULL;

CREATE TABLE ingestion.transfer_pieces (
    transfer_id uuid NOT NULL REFERENCES ingestion.transfers (id) ON DELETE CASCADE,
    first_byte  bigint NOT NULL,
    size        bigint NOT NULL CHECK (size > 0),
    name        text NOT NULL,
    PRIMARY KEY (transfer_id, first_byte)
);

-- What is being removed, and what has been removed of it so far. Without `source_id`: the whole creator.
CREATE TABLE ingestion.removals (
    id           uuid PRIMARY KEY,
    creator_id   uuid NOT NULL,
    source_id    uuid,
    counts       jsonb NOT NULL DEFAULT '{}',
    requested_at timestamptz NOT NULL,
    finished_at  timestamptz
);
CREATE UNIQUE INDEX removals_once ON ingestion.removals (creator_id, coalesce(source_id, creator_id))
    WHERE finished_at IS NULL;

-- Whether a text has other passages is asked when its vector is to go.
CREATE INDEX passages_of_content ON retrieval.passages (content_hash);

ALTER TABLE creators.sources
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN archived_at timestamptz;

-- What is archived is kept, and answers nobody.
CREATE OR REPLACE VIEW creators.readable_sources AS
    SELECT id, creator_id, origin, external_id, kind, title, url, published_at, duration_ms, language,
           chapters, access, visible_from, generation
    FROM creators.sources
    WHERE generation IS NOT NULL AND withdrawn_at IS NULL AND archived_at IS NULL;
