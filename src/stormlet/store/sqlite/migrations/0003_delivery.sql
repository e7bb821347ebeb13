-- Messages on their way out: what they say, whom they go to, each attempt, and what was learned about endpoints.

-- The last ordinal of each subject; it only grows.
CREATE TABLE message_ordinals (
    subject TEXT PRIMARY KEY,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1)
) WITHOUT ROWID;

-- Kept as long as one of its deliveries is. `body` holds tags, chain and data.
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    occurred_at INTEGER NOT NULL,
    subject TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    pack TEXT NOT NULL,
    caused_by TEXT NOT NULL,
    url TEXT NOT NULL,
    trace_tag TEXT NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT an_ordinal_is_given_once UNIQUE (subject, ordinal)
);

CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    message_number INTEGER NOT NULL REFERENCES messages (number),
    endpoint TEXT NOT NULL,
    type TEXT NOT NULL,
    order_key TEXT,
    status TEXT NOT NULL CHECK (status IN ('planned', 'delivering', 'delivered', 'failed', 'canceled')),
    created_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    attempts_before_resend INTEGER NOT NULL DEFAULT 0 CHECK (attempts_before_resend BETWEEN 0 AND attempt),
    token INTEGER NOT NULL DEFAULT 0 CHECK (token >= 0),
    worker TEXT,
    lease_until INTEGER,
    -- NULL with status planned: it waits for an older one of its order key.
    next_attempt_at INTEGER,
    ended_at INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    CONSTRAINT what_ended_has_an_end CHECK ((status IN ('delivered', 'failed', 'canceled')) = (ended_at IS NOT NULL)),
    -- Otherwise nobody would ever take it up again.
    CONSTRAINT what_is_attempted_has_a_lease CHECK (
        (status = 'delivering') = (lease_until IS NOT NULL) AND (status = 'delivering') = (worker IS NOT NULL)
    ),
    CONSTRAINT what_is_planned_has_a_moment_or_an_order CHECK (
        CASE WHEN status = 'planned' THEN next_attempt_at IS NOT NULL OR order_key IS NOT NULL
        ELSE next_attempt_at IS NULL END
    )
);
-- What may be attempted, endpoint by endpoint: a million that wait for one do not lie in the way of the others.
CREATE INDEX deliveries_due ON deliveries (endpoint, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease_until, endpoint) WHERE lease_until IS NOT NULL;
-- What has not ended of each order key, oldest first; and the one whose turn it is. That there is only one is the order.
CREATE INDEX deliveries_in_order ON deliveries (endpoint, order_key, number)
WHERE order_key IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX deliveries_whose_turn_it_is ON deliveries (endpoint, order_key)
WHERE order_key IS NOT NULL AND coalesce(next_attempt_at, lease_until) IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (endpoint, created_at) WHERE ended_at IS NULL;
CREATE INDEX deliveries_by_message ON deliveries (message_number);
CREATE INDEX deliveries_by_time ON deliveries (created_at);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, created_at);
CREATE INDEX deliveries_by_type ON deliveries (type, created_at);
CREATE INDEX deliveries_by_status ON deliveries (status, created_at);
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- model/delivery.py's TRANSITIONS; a test compares them.
CREATE TABLE delivery_transitions (
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    PRIMARY KEY (from_status, to_status)
) WITHOUT ROWID;
INSERT INTO delivery_transitions (from_status, to_status) VALUES
    ('planned', 'delivering'), ('planned', 'canceled'), ('planned', 'failed'),
    ('delivering', 'delivered'), ('delivering', 'failed'), ('delivering', 'planned'), ('delivering', 'canceled'),
    ('delivered', 'planned'), ('failed', 'planned'), ('canceled', 'planned');

CREATE TRIGGER delivery_changes_status_by_the_table BEFORE UPDATE OF status ON deliveries
WHEN NEW.status <> OLD.status AND NOT EXISTS (
    SELECT 1 FROM delivery_transitions WHERE from_status = OLD.status AND to_status = NEW.status
)
BEGIN
    SELECT RAISE(ABORT, 'a delivery does not change its status in this way');
END;

-- `exchange` holds headers and the first part of the bodies, sent and answered.
CREATE TABLE delivery_attempts (
    number INTEGER PRIMARY KEY,
    delivery_number INTEGER NOT NULL REFERENCES deliveries (number) ON DELETE CASCADE,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    started_at INTEGER NOT NULL,
    microseconds INTEGER NOT NULL CHECK (microseconds >= 0),
    status_code INTEGER,
    error TEXT NOT NULL,
    exchange BLOB NOT NULL,
    CONSTRAINT an_attempt_is_recorded_once UNIQUE (delivery_number, attempt)
);

-- What is learned about endpoints while sending.
CREATE TABLE endpoint_states (
    ref TEXT PRIMARY KEY,
    verified_at INTEGER,
    verified_as TEXT NOT NULL DEFAULT '',
    verification_error TEXT NOT NULL DEFAULT '',
    disabled_at INTEGER,
    disabled_reason TEXT NOT NULL DEFAULT '',
    failing_since INTEGER,
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    last_attempt_at INTEGER,
    last_success_at INTEGER,
    last_status_code INTEGER,
    last_error TEXT NOT NULL DEFAULT '',
    CONSTRAINT what_fails_failed_first_at_some_time CHECK ((failures > 0) = (failing_since IS NOT NULL))
);

-- When each secret of an endpoint signed a request last.
CREATE TABLE endpoint_secret_uses (
    endpoint TEXT NOT NULL,
    secret TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (endpoint, secret)
) WITHOUT ROWID;
