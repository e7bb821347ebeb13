-- Events, trigger instances and enforcements.

-- name: insert_event
-- Keep a request. The same request again changes nothing, so that who was interrupted may do it again.
INSERT INTO events (id, kind, url, received_at, content_type, query, remote, posted_by, headers, body)
VALUES (:id, :kind, :url, :received_at, :content_type, :query, :remote, :posted_by, :headers, :body)
ON CONFLICT (id) DO NOTHING

-- name: event_exists
-- Whether a request is still kept, for an instance that refers to an older one.
SELECT 1 FROM events WHERE id = :id

-- name: insert_trigger_instance
-- Keep an instance; the same again changes nothing.
INSERT INTO trigger_instances
    (id, trigger_ref, trigger_type, occurrence_time, status, trace_tag, failure_reason, event_id)
VALUES (:id, :trigger_ref, :trigger_type, :occurrence_time, :status, :trace_tag, :failure_reason, :event_id)
ON CONFLICT (id) DO NOTHING

-- name: insert_trigger_payload
-- Keep the payload of an instance that no request stands behind.
INSERT INTO trigger_payloads (number, payload)
SELECT number, :payload FROM trigger_instances WHERE id = :id
ON CONFLICT (number) DO NOTHING

-- name: pending_instances
-- The oldest that nobody has decided; the partial index holds nothing else. Without INDEXED BY the planner takes the index by
-- status, and sorts all that waits each time.
SELECT
    t.*, p.payload, e.kind, e.url, e.received_at, e.content_type, e.query, e.remote, e.posted_by, e.headers, e.body
FROM trigger_instances AS t INDEXED BY trigger_instances_undecided
LEFT JOIN trigger_payloads AS p ON p.number = t.number
LEFT JOIN events AS e ON e.id = t.event_id
WHERE t.status IN ('pending', 'processing')
ORDER BY t.number
LIMIT :limit

-- name: decide_instance
-- The gate of a decision: changes one row the first time, and none ever after.
UPDATE trigger_instances SET status = :status, failure_reason = :failure_reason
WHERE id = :id AND status IN ('pending', 'processing')

-- name: insert_enforcement
-- A second one of the same rule for the same instance breaks the UNIQUE constraint, and with it the whole decision.
INSERT INTO enforcements
    (id, rule, rule_id, trigger_instance_id, enforced_at, status, execution_id, failure_reason)
VALUES (:id, :rule, :rule_id, :trigger_instance_id, :enforced_at, :status, :execution_id, :failure_reason)

-- name: trigger_instance
-- One instance with all that belongs to it.
SELECT
    t.*, p.payload, e.kind, e.url, e.received_at, e.content_type, e.query, e.remote, e.posted_by, e.headers, e.body
FROM trigger_instances AS t
LEFT JOIN trigger_payloads AS p ON p.number = t.number
LEFT JOIN events AS e ON e.id = t.event_id
WHERE t.id = :id

-- name: list_trigger_instances
-- One page. Its rows are found in the narrow table first, and only then are bodies read.
WITH page AS (
    SELECT * FROM trigger_instances
    WHERE 1
      AND trigger_ref = :trigger -- if trigger
      AND trigger_type = :trigger_type -- if trigger_type
      AND status = :status -- if status
      AND occurrence_time > :after -- if after
      AND occurrence_time < :before -- if before
    ORDER BY occurrence_time, number -- if ascending
    ORDER BY occurrence_time DESC, number DESC -- if descending
    LIMIT :limit OFFSET :offset
)
SELECT
    t.*, p.payload, e.kind, e.url, e.received_at, e.content_type, e.query, e.remote, e.posted_by, e.headers, e.body
FROM page AS t
LEFT JOIN trigger_payloads AS p ON p.number = t.number
LEFT JOIN events AS e ON e.id = t.event_id
ORDER BY t.occurrence_time, t.number -- if ascending
ORDER BY t.occurrence_time DESC, t.number DESC -- if descending

-- name: count_trigger_instances
-- How many the listing has in all.
SELECT count(*) AS total FROM trigger_instances
WHERE 1
  AND trigger_ref = :trigger -- if trigger
  AND trigger_type = :trigger_type -- if trigger_type
  AND status = :status -- if status
  AND occurrence_time > :after -- if after
  AND occurrence_time < :before -- if before

-- name: enforcement
-- One enforcement.
SELECT * FROM enforcements WHERE id = :id

-- name: list_enforcements
-- One page.
SELECT * FROM enforcements
WHERE 1
  AND rule = :rule -- if rule
  AND rule_id = :rule_id -- if rule_id
  AND trigger_instance_id = :trigger_instance_id -- if trigger_instance_id
  AND execution_id = :execution_id -- if execution_id
  AND status = :status -- if status
  AND enforced_at > :after -- if after
  AND enforced_at < :before -- if before
ORDER BY enforced_at, number -- if ascending
ORDER BY enforced_at DESC, number DESC -- if descending
LIMIT :limit OFFSET :offset

-- name: count_enforcements
-- How many the listing has in all.
SELECT count(*) AS total FROM enforcements
WHERE 1
  AND rule = :rule -- if rule
  AND rule_id = :rule_id -- if rule_id
  AND trigger_instance_id = :trigger_instance_id -- if trigger_instance_id
  AND execution_id = :execution_id -- if execution_id
  AND status = :status -- if status
  AND enforced_at > :after -- if after
  AND enforced_at < :before -- if before
