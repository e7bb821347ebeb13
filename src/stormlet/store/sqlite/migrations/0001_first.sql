-- The first schema. Moments are whole microseconds since 1970 in UTC. Blobs are zstd frames with a checksum (store/encoding.py).
-- Bodies lie in tables of their own, so that listings and counts read narrow rows only.
-- `number` is the order of writing; it is SQLite's rowid, and what tables here refer to each other by.

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- 1 · accept

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    query TEXT NOT NULL,
    remote TEXT NOT NULL,
    posted_by TEXT NOT NULL,
    headers BLOB NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE trigger_instances (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    trigger_ref TEXT NOT NULL,
    trigger_type TEXT NOT NULL,
    occurrence_time INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'processed', 'processing_failed')),
    trace_tag TEXT NOT NULL,
    failure_reason TEXT NOT NULL,
    event_id TEXT REFERENCES events (id)
);
-- The status is in partial indexes because SQLite looks at it again, and would otherwise read the row for it.
CREATE INDEX trigger_instances_undecided ON trigger_instances (number, status)
WHERE status IN ('pending', 'processing');
CREATE INDEX trigger_instances_by_time ON trigger_instances (occurrence_time);
CREATE INDEX trigger_instances_by_trigger ON trigger_instances (trigger_ref, occurrence_time);
CREATE INDEX trigger_instances_by_type ON trigger_instances (trigger_type, occurrence_time);
CREATE INDEX trigger_instances_by_status ON trigger_instances (status, occurrence_time);
CREATE INDEX trigger_instances_by_event ON trigger_instances (event_id) WHERE event_id IS NOT NULL;

CREATE TRIGGER trigger_instance_is_decided_once BEFORE UPDATE OF status ON trigger_instances
WHEN OLD.status IN ('processed', 'processing_failed')
BEGIN
    SELECT RAISE(ABORT, 'a decided trigger instance keeps its status');
END;

-- Only of instances that no request stands behind: the payload of the others is derived from their event.
CREATE TABLE trigger_payloads (
    number INTEGER PRIMARY KEY REFERENCES trigger_instances (number) ON DELETE CASCADE,
    payload BLOB NOT NULL
);

-- 2 · decide

CREATE TABLE enforcements (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rule TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    trigger_instance_id TEXT NOT NULL REFERENCES trigger_instances (id) ON DELETE CASCADE,
    enforced_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'failed')),
    execution_id TEXT,
    failure_reason TEXT NOT NULL,
    CONSTRAINT one_rule_enforces_an_instance_once UNIQUE (trigger_instance_id, rule)
);
CREATE INDEX enforcements_by_time ON enforcements (enforced_at);
CREATE INDEX enforcements_by_rule ON enforcements (rule, enforced_at);
CREATE INDEX enforcements_by_rule_id ON enforcements (rule_id, enforced_at);
CREATE INDEX enforcements_by_status ON enforcements (status, enforced_at);
CREATE INDEX enforcements_by_execution ON enforcements (execution_id) WHERE execution_id IS NOT NULL;

-- 3 · carry out

CREATE TABLE executions (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    action TEXT NOT NULL,
    runner_type TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN (
        'requested', 'scheduled', 'delayed', 'running', 'succeeded', 'failed', 'timeout', 'abandoned', 'canceling',
        'canceled', 'pending', 'pausing', 'paused', 'resuming'
    )),
    requested_at INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    rule TEXT,
    trigger_instance_id TEXT,
    enforcement_id TEXT,
    parent TEXT,
    delay_until INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    idempotent INTEGER NOT NULL CHECK (idempotent IN (0, 1)),
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    trace_tag TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    token INTEGER NOT NULL DEFAULT 0 CHECK (token >= 0),
    worker TEXT,
    lease_until INTEGER,
    -- Lines of `microseconds status`, one more with each change of status.
    log TEXT NOT NULL,
    CONSTRAINT what_is_completed_has_an_end CHECK (
        (status IN ('succeeded', 'failed', 'timeout', 'canceled', 'abandoned')) = (ended_at IS NOT NULL)
    ),
    CONSTRAINT what_is_delayed_has_a_moment CHECK (status <> 'delayed' OR delay_until IS NOT NULL),
    -- Otherwise nobody would ever rescue it.
    CONSTRAINT what_runs_has_a_lease CHECK (status <> 'running' OR (worker IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT what_waits_or_ended_has_no_lease CHECK (
        lease_until IS NULL OR status IN ('running', 'canceling', 'pending', 'pausing', 'paused', 'resuming')
    )
);
CREATE INDEX executions_to_claim ON executions (number, status) WHERE status IN ('requested', 'scheduled');
CREATE INDEX executions_delayed ON executions (delay_until, status) WHERE status = 'delayed';
CREATE INDEX executions_leased ON executions (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX executions_by_time ON executions (requested_at);
CREATE INDEX executions_by_action ON executions (action, requested_at);
CREATE INDEX executions_by_status ON executions (status, requested_at);
CREATE INDEX executions_by_rule ON executions (rule, requested_at) WHERE rule IS NOT NULL;
CREATE INDEX executions_by_parent ON executions (parent, requested_at);
CREATE INDEX executions_by_instance ON executions (trigger_instance_id) WHERE trigger_instance_id IS NOT NULL;
CREATE INDEX executions_by_end ON executions (ended_at) WHERE ended_at IS NOT NULL;

-- model/execution.py's TRANSITIONS; a test compares them.
CREATE TABLE execution_transitions (
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    PRIMARY KEY (from_status, to_status)
) WITHOUT ROWID;
INSERT INTO execution_transitions (from_status, to_status) VALUES
    ('requested', 'scheduled'), ('requested', 'delayed'), ('requested', 'running'), ('requested', 'canceled'),
    ('requested', 'failed'), ('requested', 'abandoned'),
    ('delayed', 'requested'), ('delayed', 'scheduled'), ('delayed', 'running'), ('delayed', 'canceled'),
    ('delayed', 'failed'),
    ('scheduled', 'running'), ('scheduled', 'requested'), ('scheduled', 'canceled'), ('scheduled', 'failed'),
    ('scheduled', 'abandoned'),
    ('running', 'succeeded'), ('running', 'failed'), ('running', 'timeout'), ('running', 'abandoned'),
    ('running', 'canceling'), ('running', 'canceled'), ('running', 'pending'), ('running', 'pausing'),
    ('running', 'paused'), ('running', 'requested'),
    ('canceling', 'canceled'), ('canceling', 'abandoned'), ('canceling', 'succeeded'), ('canceling', 'failed'),
    ('canceling', 'timeout'),
    ('pending', 'running'), ('pending', 'succeeded'), ('pending', 'failed'), ('pending', 'timeout'),
    ('pending', 'canceling'), ('pending', 'canceled'), ('pending', 'resuming'),
    ('pausing', 'paused'), ('pausing', 'running'), ('pausing', 'succeeded'), ('pausing', 'failed'),
    ('pausing', 'timeout'), ('pausing', 'canceling'), ('pausing', 'canceled'), ('pausing', 'abandoned'),
    ('paused', 'resuming'), ('paused', 'canceling'), ('paused', 'canceled'), ('paused', 'timeout'),
    ('resuming', 'running'), ('resuming', 'pausing'), ('resuming', 'paused'), ('resuming', 'failed'),
    ('resuming', 'timeout'), ('resuming', 'canceling'), ('resuming', 'canceled'), ('resuming', 'abandoned');

CREATE TRIGGER execution_changes_status_by_the_table BEFORE UPDATE OF status ON executions
WHEN NEW.status <> OLD.status AND NOT EXISTS (
    SELECT 1 FROM execution_transitions WHERE from_status = OLD.status AND to_status = NEW.status
)
BEGIN
    SELECT RAISE(ABORT, 'an execution does not change its status in this way');
END;

-- What is asked for: parameters, context, the action as it was.
CREATE TABLE execution_requests (
    number INTEGER PRIMARY KEY REFERENCES executions (number) ON DELETE CASCADE,
    request BLOB NOT NULL
);

CREATE TABLE execution_results (
    number INTEGER PRIMARY KEY REFERENCES executions (number) ON DELETE CASCADE,
    result BLOB NOT NULL
);

CREATE TABLE execution_output (
    number INTEGER PRIMARY KEY,
    execution_number INTEGER NOT NULL REFERENCES executions (number) ON DELETE CASCADE,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('stdout', 'stderr')),
    printed_at INTEGER NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (execution_number, sequence)
);

-- Content made through the API

CREATE TABLE content_documents (
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    id TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (kind, ref)
);

CREATE TABLE enabled_overrides (
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    PRIMARY KEY (kind, ref)
) WITHOUT ROWID;

-- Credentials: hashes only

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    metadata TEXT NOT NULL
);

CREATE TABLE tokens (
    token_hash TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    username TEXT NOT NULL,
    expiry INTEGER NOT NULL,
    metadata TEXT NOT NULL
);
CREATE INDEX tokens_by_expiry ON tokens (expiry);

CREATE TABLE users (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- Datastore

CREATE TABLE key_values (
    scope TEXT NOT NULL,
    username TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    secret INTEGER NOT NULL CHECK (secret IN (0, 1)),
    description TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (scope, username, name)
);
