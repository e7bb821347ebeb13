-- What guarded webhook URLs (sources) have to remember.

-- A delivery id that was taken, and the event that took it.
CREATE TABLE deliveries_received (
    source TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (source, delivery_id)
) WITHOUT ROWID;
CREATE INDEX deliveries_received_by_expiry ON deliveries_received (expires_at);

-- The newest version dispatched, as JSON, of each key of a source that keeps an order.
CREATE TABLE versions_received (
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;

-- Requests that were refused, the newest few of each source; `sealed` is ciphertext.
CREATE TABLE rejections (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    url TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    remote TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    sealed BLOB NOT NULL
);
CREATE INDEX rejections_by_source ON rejections (source, number);

-- When each secret of a source verified a request last.
CREATE TABLE secret_uses (
    source TEXT NOT NULL,
    secret TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (source, secret)
) WITHOUT ROWID;
