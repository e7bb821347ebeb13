-- Messages, deliveries, attempts, and what is known of endpoints.

-- name: message_exists
-- Whether a message is planned already.
SELECT 1 FROM messages WHERE id = :id

-- name: take_ordinal
-- Count one more message of a subject.
INSERT INTO message_ordinals (subject, ordinal) VALUES (:subject, 1)
ON CONFLICT (subject) DO UPDATE SET ordinal = ordinal + 1

-- name: insert_message
-- Keep a message under the ordinal that was just taken.
INSERT INTO messages (id, type, version, occurred_at, subject, ordinal, pack, caused_by, url, trace_tag, body)
VALUES (
    :id, :type, :version, :occurred_at, :subject, (SELECT ordinal FROM message_ordinals WHERE subject = :subject), :pack,
    :caused_by, :url, :trace_tag, :body
)

-- name: insert_delivery
-- Plan a delivery of the newest message. Where its endpoint keeps an order and an older one of its key has not ended, it waits.
INSERT INTO deliveries (id, message_number, endpoint, type, order_key, status, created_at, next_attempt_at)
VALUES (
    :id, (SELECT number FROM messages WHERE id = :message_id), :endpoint, :type, :order_key, 'planned', :created_at,
    CASE WHEN :order_key IS NOT NULL AND EXISTS (
        SELECT 1 FROM deliveries WHERE endpoint = :endpoint AND order_key = :order_key AND ended_at IS NULL
    ) THEN NULL ELSE :created_at END
)

-- name: expired_deliveries
-- Those whose holder has been silent for too long.
SELECT number, endpoint, order_key FROM deliveries WHERE lease_until <= :now ORDER BY lease_until LIMIT :limit

-- name: held_deliveries
-- Those that are held, or held by one worker.
SELECT number, endpoint, order_key FROM deliveries
WHERE lease_until IS NOT NULL
  AND worker = :worker -- if worker

-- name: replan_delivery
-- Nobody knows what became of the attempt, so it is made again. The token stays, but opens nothing any more.
UPDATE deliveries SET status = 'planned', worker = NULL, lease_until = NULL, next_attempt_at = :now
WHERE number = :number AND status = 'delivering'

-- name: due_endpoints
-- Endpoints with something due, each found by one step through the index, however much waits for it.
WITH RECURSIVE waiting (endpoint) AS (
    SELECT min(endpoint) FROM deliveries INDEXED BY deliveries_due WHERE next_attempt_at IS NOT NULL
    UNION ALL
    SELECT (
        SELECT min(d.endpoint) FROM deliveries AS d INDEXED BY deliveries_due
        WHERE d.next_attempt_at IS NOT NULL AND d.endpoint > waiting.endpoint
    )
    FROM waiting
    WHERE waiting.endpoint IS NOT NULL
)
SELECT endpoint FROM waiting
WHERE endpoint IS NOT NULL
  AND EXISTS (
      SELECT 1 FROM deliveries AS d INDEXED BY deliveries_due
      WHERE d.endpoint = waiting.endpoint AND d.next_attempt_at <= :now
  )
  AND NOT EXISTS (SELECT 1 FROM endpoint_states AS s WHERE s.ref = waiting.endpoint AND s.disabled_reason <> '')

-- name: claimable_deliveries
-- What is due for one endpoint, the longest due first, with the message.
SELECT
    d.*, m.id AS message_id, m.version, m.occurred_at, m.subject, m.ordinal, m.pack, m.caused_by, m.url, m.trace_tag, m.body
FROM deliveries AS d INDEXED BY deliveries_due
CROSS JOIN messages AS m ON m.number = d.message_number
WHERE d.endpoint = :endpoint AND d.next_attempt_at <= :now
ORDER BY d.next_attempt_at, d.number
LIMIT :limit

-- name: claim_delivery
-- Hand one out. The token makes every older claim on it worthless.
UPDATE deliveries SET
    status = 'delivering', worker = :worker, lease_until = :lease_until, token = token + 1, next_attempt_at = NULL
WHERE number = :number

-- name: fail_delivery
-- One whose message is damaged can never be sent; it must not stop the others.
UPDATE deliveries SET status = 'failed', ended_at = :now, next_attempt_at = NULL, reason = :reason WHERE number = :number

-- name: delivery_to_conclude
-- What the gate of an attempt looks at.
SELECT number, endpoint, order_key, status, token, attempt FROM deliveries WHERE id = :id

-- name: conclude_delivery
-- What becomes of it. The token is used up, so that no attempt is recorded twice.
UPDATE deliveries SET
    status = :status, attempt = attempt + 1, token = token + 1, worker = NULL, lease_until = NULL,
    next_attempt_at = :next_attempt_at, ended_at = :ended_at, reason = :reason
WHERE number = :number

-- name: count_late_attempt
-- It was canceled while its request was under way.
UPDATE deliveries SET attempt = attempt + 1, token = token + 1 WHERE number = :number

-- name: insert_attempt
-- Keep what was sent and answered.
INSERT INTO delivery_attempts (delivery_number, attempt, started_at, microseconds, status_code, error, exchange)
VALUES (:delivery_number, :attempt, :started_at, :microseconds, :status_code, :error, :exchange)

-- name: turn_in_order
-- The one of an order key that may be attempted, or is.
SELECT number, status FROM deliveries INDEXED BY deliveries_whose_turn_it_is
WHERE endpoint = :endpoint AND order_key = :order_key AND coalesce(next_attempt_at, lease_until) IS NOT NULL

-- name: first_in_order
-- The oldest of an order key that has not ended.
SELECT number FROM deliveries INDEXED BY deliveries_in_order
WHERE endpoint = :endpoint AND order_key = :order_key AND ended_at IS NULL
ORDER BY number
LIMIT 1

-- name: wait_in_order
-- An older one comes first.
UPDATE deliveries SET next_attempt_at = NULL WHERE number = :number

-- name: take_turn_in_order
-- Nothing older is left.
UPDATE deliveries SET next_attempt_at = :now WHERE number = :number

-- name: next_delivery_at
-- When something is due for one of these endpoints, or a lease ends.
SELECT min(moment) AS moment FROM (
    SELECT (
        SELECT min(next_attempt_at) FROM deliveries INDEXED BY deliveries_due
        WHERE endpoint = asked.value AND next_attempt_at IS NOT NULL
    ) AS moment
    FROM json_each(:endpoints) AS asked
    UNION ALL
    SELECT min(lease_until) FROM deliveries WHERE lease_until IS NOT NULL
)

-- name: message
-- One message. (Its columns are named as in claimable_deliveries.)
SELECT
    id AS message_id, type, version, occurred_at, subject, ordinal, pack, caused_by, url, trace_tag, body
FROM messages
WHERE id = :id

-- name: delivery
-- One delivery.
SELECT d.*, m.id AS message_id FROM deliveries AS d JOIN messages AS m ON m.number = d.message_number WHERE d.id = :id

-- name: list_deliveries
-- One page. Its rows are found in the narrow table first, and only then are the messages looked up.
WITH page AS (
    SELECT * FROM deliveries
    WHERE 1
      AND endpoint = :endpoint -- if endpoint
      AND message_number = (SELECT number FROM messages WHERE id = :message_id) -- if message_id
      AND type = :type -- if type
      AND status = :status -- if status
      AND created_at > :after -- if after
      AND created_at < :before -- if before
    ORDER BY created_at, number -- if ascending
    ORDER BY created_at DESC, number DESC -- if descending
    LIMIT :limit OFFSET :offset
)
SELECT d.*, m.id AS message_id FROM page AS d
CROSS JOIN messages AS m ON m.number = d.message_number
ORDER BY d.created_at, d.number -- if ascending
ORDER BY d.created_at DESC, d.number DESC -- if descending

-- name: count_deliveries
-- How many the listing has in all.
SELECT count(*) AS total FROM deliveries
WHERE 1
  AND endpoint = :endpoint -- if endpoint
  AND message_number = (SELECT number FROM messages WHERE id = :message_id) -- if message_id
  AND type = :type -- if type
  AND status = :status -- if status
  AND ended_at IS NOT NULL -- if ended
  AND ended_at IS NULL -- if unended
  AND created_at > :after -- if after
  AND created_at < :before -- if before

-- name: newest_delivery
-- Up to here a walk through many deliveries goes: what is planned while it walks is not its business.
SELECT coalesce(max(number), 0) AS number FROM deliveries

-- name: walk_deliveries
-- The next few of a walk in the order of time. What the walk changes (the status) does not change the order.
SELECT number, id, created_at FROM deliveries
WHERE (created_at, number) > (:walked_at, :walked_number) AND number <= :newest
  AND endpoint = :endpoint -- if endpoint
  AND message_number = (SELECT number FROM messages WHERE id = :message_id) -- if message_id
  AND type = :type -- if type
  AND status = :status -- if status
  AND ended_at IS NOT NULL -- if ended
  AND ended_at IS NULL -- if unended
  AND created_at > :after -- if after
  AND created_at < :before -- if before
ORDER BY created_at, number
LIMIT :limit

-- name: delivery_to_change
-- What somebody wants to resend or cancel.
SELECT number, endpoint, order_key, status FROM deliveries WHERE id = :id

-- name: resend_delivery
-- The same delivery once more, as the last of its kind. An order key first makes it wait; whose turn it is is seen afterwards.
UPDATE deliveries SET
    status = 'planned', attempts_before_resend = attempt, ended_at = NULL, reason = '',
    next_attempt_at = CASE WHEN order_key IS NULL THEN :now END
WHERE number = :number

-- name: attempt_delivery_now
-- One that waits for its moment need not.
UPDATE deliveries SET next_attempt_at = :now WHERE number = :number AND next_attempt_at > :now

-- name: cancel_delivery
-- Give it up. The token stays: an attempt that is under way may still say what came of it.
UPDATE deliveries SET
    status = 'canceled', ended_at = :now, reason = :reason, worker = NULL, lease_until = NULL, next_attempt_at = NULL
WHERE number = :number

-- name: attempts
-- All attempts of a delivery.
SELECT a.* FROM delivery_attempts AS a
JOIN deliveries AS d ON d.number = a.delivery_number
WHERE d.id = :id
ORDER BY a.attempt

-- name: waiting_deliveries
-- What waits for each endpoint: the partial indexes hold nothing else.
SELECT
    w.endpoint, count(*) AS unended, min(w.created_at) AS oldest,
    (
        SELECT min(d.next_attempt_at) FROM deliveries AS d INDEXED BY deliveries_due
        WHERE d.endpoint = w.endpoint AND d.next_attempt_at IS NOT NULL
    ) AS next_attempt_at
FROM deliveries AS w INDEXED BY deliveries_waiting
WHERE w.ended_at IS NULL
GROUP BY w.endpoint

-- name: delivering_by_endpoint
-- How many attempts are under way.
SELECT endpoint, count(*) AS delivering FROM deliveries INDEXED BY deliveries_leased
WHERE lease_until IS NOT NULL
GROUP BY endpoint

-- name: purgeable_deliveries
-- Those that ended long enough ago.
SELECT d.number, d.message_number, m.subject FROM deliveries AS d
CROSS JOIN messages AS m ON m.number = d.message_number
WHERE d.ended_at < :before
ORDER BY d.ended_at
LIMIT :limit

-- name: delete_delivery
-- Its attempts go with it.
DELETE FROM deliveries WHERE number = :number

-- name: delete_message
-- A message goes with its last delivery.
DELETE FROM messages
WHERE number = :message_number AND NOT EXISTS (SELECT 1 FROM deliveries WHERE message_number = :message_number)

-- name: delete_ordinal
-- And the count of a subject that has come to an end, with its last message.
DELETE FROM message_ordinals
WHERE subject = :subject AND NOT EXISTS (SELECT 1 FROM messages WHERE subject = :subject)

-- name: endpoint_states
-- All that is known of endpoints.
SELECT * FROM endpoint_states ORDER BY ref

-- name: put_endpoint_state
-- Create or replace.
INSERT INTO endpoint_states (
    ref, verified_at, verified_as, verification_error, disabled_at, disabled_reason, failing_since, failures, last_attempt_at,
    last_success_at, last_status_code, last_error
) VALUES (
    :ref, :verified_at, :verified_as, :verification_error, :disabled_at, :disabled_reason, :failing_since, :failures,
    :last_attempt_at, :last_success_at, :last_status_code, :last_error
)
ON CONFLICT (ref) DO UPDATE SET
    verified_at = excluded.verified_at, verified_as = excluded.verified_as,
    verification_error = excluded.verification_error, disabled_at = excluded.disabled_at,
    disabled_reason = excluded.disabled_reason, failing_since = excluded.failing_since, failures = excluded.failures,
    last_attempt_at = excluded.last_attempt_at, last_success_at = excluded.last_success_at,
    last_status_code = excluded.last_status_code, last_error = excluded.last_error

-- name: learn_of_success
-- An attempt went well, so nothing is failing.
INSERT INTO endpoint_states (ref, last_attempt_at, last_success_at, last_status_code)
VALUES (:ref, :now, :now, :status_code)
ON CONFLICT (ref) DO UPDATE SET
    failing_since = NULL, failures = 0, last_attempt_at = excluded.last_attempt_at,
    last_success_at = excluded.last_success_at, last_status_code = excluded.last_status_code, last_error = ''

-- name: learn_of_failure
-- An attempt went badly; when that began stays.
INSERT INTO endpoint_states (ref, last_attempt_at, last_status_code, last_error, failing_since, failures)
VALUES (:ref, :now, :status_code, :error, :now, 1)
ON CONFLICT (ref) DO UPDATE SET
    failing_since = coalesce(failing_since, excluded.failing_since), failures = failures + 1,
    last_attempt_at = excluded.last_attempt_at, last_status_code = excluded.last_status_code,
    last_error = excluded.last_error

-- name: disable_endpoint
-- Changes a row only where it is not disabled yet.
INSERT INTO endpoint_states (ref, disabled_at, disabled_reason) VALUES (:ref, :now, :reason)
ON CONFLICT (ref) DO UPDATE SET disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason
WHERE disabled_reason = ''

-- name: delete_endpoint_state
-- Forget it.
DELETE FROM endpoint_states WHERE ref = :ref

-- name: put_endpoint_secret_use
-- The latest moment stays.
INSERT INTO endpoint_secret_uses (endpoint, secret, used_at) VALUES (:endpoint, :secret, :used_at)
ON CONFLICT (endpoint, secret) DO UPDATE SET used_at = max(used_at, excluded.used_at)

-- name: endpoint_secret_uses
-- When each secret of an endpoint signed last.
SELECT secret, used_at FROM endpoint_secret_uses WHERE endpoint = :endpoint

-- name: delete_endpoint_secret_uses
-- Forget them.
DELETE FROM endpoint_secret_uses WHERE endpoint = :endpoint
