CREATE SCHEMA runtime;
CREATE SCHEMA jobs;
CREATE SCHEMA creators;
CREATE SCHEMA retrieval;
CREATE SCHEMA ingestion;
CREATE SCHEMA chat;

-- runtime ------------------------------------------------------------------------------------------------

CREATE TABLE runtime.outbox (
    id             uuid PRIMARY KEY DEFAULT uuidv7(),
    event          text NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version > 0),
    key            text NOT NULL,
    payload        jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    published_at   timestamptz
);
CREATE INDEX outbox_waiting ON runtime.outbox (id) WHERE published_at IS NULL;

-- jobs ---------------------------------------------------------------------------------------------------

CREATE TABLE jobs.jobs (
    id               uuid PRIMARY KEY,
    number           bigint GENERATED ALWAYS AS IDENTITY,
    queue            text NOT NULL,
    kind             text NOT NULL,
    fairness_key     text NOT NULL,
    dedupe_key       text,
    payload          jsonb NOT NULL,
    priority         smallint NOT NULL DEFAULT 0,
    state            text NOT NULL DEFAULT 'queued'
                     CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempts         integer NOT NULL DEFAULT 0,
    max_attempts     integer NOT NULL CHECK (max_attempts > 0),
    run_at           timestamptz NOT NULL,
    lease_token      uuid,
    lease_expires_at timestamptz,
    worker           text,
    stage            text,
    progress_done    bigint,
    progress_total   bigint,
    error_code       text,
    error_detail     text,
    next_step        text,
    result           jsonb,
    created_at       timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    CHECK ((state = 'running') = (lease_token IS NOT NULL AND lease_expires_at IS NOT NULL))
);
CREATE UNIQUE INDEX jobs_once ON jobs.jobs (kind, dedupe_key) WHERE state IN ('queued', 'running');
-- In the order in which a key's jobs are taken: by number, so that jobs of one millisecond keep their order, and a
-- job that is tried again comes before those that came after it. `run_at` lets waiting ones be passed over.
CREATE INDEX jobs_ready ON jobs.jobs (queue, fairness_key, priority DESC, number, run_at) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs.jobs (lease_expires_at) WHERE state = 'running';
CREATE INDEX jobs_recent ON jobs.jobs (number DESC);

-- Which fairness key was served when, so that keys take turns: counted, because clocks of several machines differ.
CREATE SEQUENCE jobs.turn_order;
CREATE TABLE jobs.turns (
    queue        text NOT NULL,
    fairness_key text NOT NULL,
    turn         bigint NOT NULL DEFAULT 0, -- 0: never served
    PRIMARY KEY (queue, fairness_key)
);

CREATE TABLE jobs.schedules (
    name         text PRIMARY KEY,
    queue        text NOT NULL,
    kind         text NOT NULL,
    payload      jsonb NOT NULL,
    every_s      integer NOT NULL CHECK (every_s > 0),
    next_run_at  timestamptz NOT NULL
);

-- creators -----------------------------------------------------------------------------------------------

CREATE TABLE creators.creators (
    id           uuid PRIMARY KEY,
    handle       text NOT NULL UNIQUE CHECK (handle ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
    name         text NOT NULL CHECK (name <> ''),
    persona      jsonb NOT NULL,
    languages    text[] NOT NULL,
    visibility   text NOT NULL CHECK (visibility IN ('public', 'members', 'private')),
    active_index text NOT NULL,
    created_at   timestamptz NOT NULL
);

CREATE TABLE creators.sources (
    id           uuid PRIMARY KEY,
    creator_id   uuid NOT NULL REFERENCES creators.creators (id),
    origin       text NOT NULL CHECK (origin IN ('youtube', 'file')),
    external_id  text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('video', 'audio', 'document')),
    title        text NOT NULL,
    url          text,
    published_at timestamptz,
    duration_ms  bigint CHECK (duration_ms >= 0),
    language     text,
    chapters     jsonb NOT NULL,
    speakers     text[] NOT NULL,
    access       text NOT NULL CHECK (access IN ('public', 'members', 'private')),
    visible_from timestamptz,
    withdrawn_at timestamptz,
    generation   integer CHECK (generation > 0),
    content_hash text,
    error_code   text,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    UNIQUE (creator_id, origin, external_id),
    CHECK ((generation IS NULL) = (content_hash IS NULL))
);

CREATE TABLE creators.segments (
    source_id      uuid NOT NULL REFERENCES creators.sources (id) ON DELETE CASCADE,
    generation     integer NOT NULL,
    ordinal        integer NOT NULL,
    start_ms       bigint,
    end_ms         bigint,
    page           integer,
    heading        text,
    speaker        text,
    role           text NOT NULL CHECK (role IN ('creator', 'guest', 'unknown')),
    text           text NOT NULL,
    word_starts_ms bigint[],
    PRIMARY KEY (source_id, generation, ordinal),
    CHECK (end_ms >= start_ms)
);

-- What may be shown at all. Access and embargo depend on who asks and when: the reader compares those.
CREATE VIEW creators.readable_sources AS
    SELECT id, creator_id, origin, external_id, kind, title, url, published_at, duration_ms, language,
           chapters, access, visible_from, generation
    FROM creators.sources
    WHERE generation IS NOT NULL AND withdrawn_at IS NULL;

CREATE VIEW creators.readable_segments AS
    SELECT g.*
    FROM creators.segments g
    JOIN creators.readable_sources s ON s.id = g.source_id AND s.generation = g.generation;

-- retrieval ----------------------------------------------------------------------------------------------

CREATE TABLE retrieval.passages (
    id           uuid PRIMARY KEY,
    creator_id   uuid NOT NULL,
    source_id    uuid NOT NULL,
    chunker      text NOT NULL,
    content_hash bytea NOT NULL,
    text         text NOT NULL,
    header       text NOT NULL,
    page         integer,
    heading      text,
    speaker      text,
    speaker_role text NOT NULL CHECK (speaker_role IN ('creator', 'guest', 'unknown')),
    sponsor      boolean NOT NULL,
    token_count  integer NOT NULL,
    indexed_in   text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX passages_of_source ON retrieval.passages (source_id);
CREATE INDEX passages_of_creator ON retrieval.passages (creator_id, id);

CREATE TABLE retrieval.placements (
    source_id     uuid NOT NULL,
    generation    integer NOT NULL,
    ordinal       integer NOT NULL,
    passage_id    uuid NOT NULL REFERENCES retrieval.passages (id) ON DELETE CASCADE,
    first_segment integer NOT NULL,
    last_segment  integer NOT NULL,
    start_ms      bigint,
    end_ms        bigint,
    PRIMARY KEY (source_id, generation, ordinal)
);
CREATE INDEX placements_of_passage ON retrieval.placements (passage_id);

-- A vector is kept for the text it was made from, whoever said it: the same words are never embedded twice.
CREATE TABLE retrieval.embeddings (
    embedder     text NOT NULL,
    content_hash bytea NOT NULL,
    vector       bytea NOT NULL,
    PRIMARY KEY (embedder, content_hash)
);

-- ingestion ----------------------------------------------------------------------------------------------

CREATE TABLE ingestion.uploads (
    id           uuid PRIMARY KEY,
    creator_id   uuid NOT NULL,
    source_id    uuid NOT NULL,
    content_hash text NOT NULL,
    files        jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken', 'done', 'failed')),
    created_at   timestamptz NOT NULL
);
CREATE INDEX uploads_of_source ON ingestion.uploads (source_id, id DESC);

-- chat ---------------------------------------------------------------------------------------------------

CREATE TABLE chat.conversations (
    id         uuid PRIMARY KEY,
    creator_id uuid NOT NULL,
    guest_id   uuid NOT NULL,
    -- The message that is being written, and until when nobody else may begin one.
    answering  uuid,
    busy_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK ((answering IS NULL) = (busy_until IS NULL))
);
CREATE INDEX conversations_of_guest ON chat.conversations (guest_id, updated_at DESC);

CREATE TABLE chat.messages (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES chat.conversations (id) ON DELETE CASCADE,
    ordinal         integer NOT NULL,
    role            text NOT NULL CHECK (role IN ('user', 'assistant')),
    text            text NOT NULL,
    kind            text,
    standalone      text,
    citations       jsonb NOT NULL DEFAULT '[]',
    model           text,
    usage           jsonb,
    searched        jsonb,
    timings_ms      jsonb,
    created_at      timestamptz NOT NULL,
    UNIQUE (conversation_id, ordinal),
    CHECK ((role = 'assistant') = (kind IS NOT NULL))
);
