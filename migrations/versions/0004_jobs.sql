ALTER TABLE jobs.jobs
    -- Only of a running job: its worker is to end it as cancelled.
    ADD COLUMN cancel_asked boolean NOT NULL DEFAULT false CHECK (NOT cancel_asked OR state = 'running'),
    -- Of the whole job, while progress_done and progress_total tell of the stage.
    ADD COLUMN percent smallint CHECK (percent BETWEEN 0 AND 100);

-- How long the latest of a kind took; what has rested long enough to be removed.
CREATE INDEX jobs_pace ON jobs.jobs (queue, kind, finished_at DESC) WHERE state = 'succeeded';
CREATE INDEX jobs_ended ON jobs.jobs (finished_at) WHERE finished_at IS NOT NULL;

-- Of what is named here nothing new is begun: a queue, or one fairness key in all queues.
CREATE TABLE jobs.pauses (
    what      text NOT NULL CHECK (what IN ('queue', 'key')),
    name      text NOT NULL,
    paused_at timestamptz NOT NULL,
    PRIMARY KEY (what, name)
);

-- Whoever watches a job hears of each change that commits. Heartbeats are none.
CREATE FUNCTION jobs.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs_changed', NEW.id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER jobs_changed
    AFTER UPDATE OF state, queue, stage, progress_done, progress_total, percent, priority, cancel_asked
    ON jobs.jobs FOR EACH ROW EXECUTE FUNCTION jobs.tell();

-- What waited in the one queue there was.
UPDATE jobs.jobs SET queue = 'parse' WHERE queue = 'ingest' AND state IN ('queued', 'running');
INSERT INTO jobs.turns (queue, fairness_key, turn)
SELECT 'parse', fairness_key, turn FROM jobs.turns WHERE queue = 'ingest';
DELETE FROM jobs.turns WHERE queue = 'ingest';
