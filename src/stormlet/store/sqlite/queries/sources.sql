-- What sources remember: delivery ids, versions, rejections, uses of secrets.

-- name: delivery_received
-- Who took a delivery id, unless the horizon is over.
SELECT event_id FROM deliveries_received
WHERE source = :source AND delivery_id = :delivery_id AND expires_at > :now

-- name: take_delivery
-- Take a delivery id; one whose horizon is over is taken anew.
INSERT INTO deliveries_received (source, delivery_id, event_id, expires_at)
VALUES (:source, :delivery_id, :event_id, :expires_at)
ON CONFLICT (source, delivery_id) DO UPDATE SET event_id = excluded.event_id, expires_at = excluded.expires_at

-- name: purge_deliveries
-- Forget delivery ids whose horizon is over, a few at a time.
DELETE FROM deliveries_received WHERE (source, delivery_id) IN (
    SELECT source, delivery_id FROM deliveries_received WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
)

-- name: version_received
-- The newest version of a key.
SELECT version FROM versions_received WHERE source = :source AND key = :key

-- name: take_version
-- Set the newest version of a key.
INSERT INTO versions_received (source, key, version) VALUES (:source, :key, :version)
ON CONFLICT (source, key) DO UPDATE SET version = excluded.version

-- name: put_rejection
-- Keep a refused request.
INSERT INTO rejections (id, source, url, received_at, reason, detail, remote, size, sealed)
VALUES (:id, :source, :url, :received_at, :reason, :detail, :remote, :size, :sealed)
ON CONFLICT (id) DO NOTHING

-- name: trim_rejections
-- Keep only the newest of a source.
DELETE FROM rejections WHERE source = :source AND number <= (
    SELECT number FROM rejections WHERE source = :source ORDER BY number DESC LIMIT 1 OFFSET :keep
)

-- name: rejections
-- The newest of a source first.
SELECT * FROM rejections WHERE source = :source ORDER BY number DESC LIMIT :limit

-- name: rejection
-- One by its id.
SELECT * FROM rejections WHERE id = :id

-- name: delete_rejection
-- Forget one: it was taken in after all.
DELETE FROM rejections WHERE id = :id

-- name: put_secret_use
-- Note that a secret was used; the clock may have stepped back, so the later moment stays.
INSERT INTO secret_uses (source, secret, used_at) VALUES (:source, :secret, :used_at)
ON CONFLICT (source, secret) DO UPDATE SET used_at = max(used_at, excluded.used_at)

-- name: secret_uses
-- All uses of a source's secrets.
SELECT secret, used_at FROM secret_uses WHERE source = :source ORDER BY secret
