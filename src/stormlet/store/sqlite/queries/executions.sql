-- Executions: claims, leases, outcomes, output. Every change of status appends a line to `log`.

-- name: insert_execution
-- Keep an execution that is asked for.
INSERT INTO executions (
    id, action, runner_type, status, requested_at, requested_by, rule, trigger_instance_id, enforcement_id, parent,
    delay_until, started_at, ended_at, idempotent, cancel_requested, trace_tag, attempt, log
) VALUES (
    :id, :action, :runner_type, :status, :requested_at, :requested_by, :rule, :trigger_instance_id, :enforcement_id, :parent,
    :delay_until, :started_at, :ended_at, :idempotent, :cancel_requested, :trace_tag, :attempt, :log
)

-- name: insert_execution_request
-- Keep what is asked for beside its narrow row.
INSERT INTO execution_requests (number, request) SELECT number, :request FROM executions WHERE id = :id

-- name: insert_execution_result
-- Keep a result beside its narrow row.
INSERT INTO execution_results (number, result) SELECT number, :result FROM executions WHERE id = :id
ON CONFLICT (number) DO UPDATE SET result = excluded.result

-- name: claimable_executions
-- The oldest that may start now. Each half is a partial index that holds nothing else, so a long history costs nothing.
-- Without INDEXED BY the planner takes the index by status, and sorts all that waits for each claim.
SELECT number FROM executions INDEXED BY executions_to_claim WHERE status IN ('requested', 'scheduled')
UNION ALL
SELECT number FROM executions INDEXED BY executions_delayed WHERE status = 'delayed' AND delay_until <= :now
ORDER BY number
LIMIT :limit

-- name: claim_execution
-- Hand one out. The token makes every older claim on it worthless.
UPDATE executions SET
    status = 'running', worker = :worker, lease_until = :lease_until, started_at = :now,
    attempt = attempt + 1, token = token + 1, log = log || :now || ' running' || char(10)
WHERE number = :number

-- name: claimed_execution
-- What was just handed out, whole.
SELECT e.*, q.request, r.result FROM executions AS e
LEFT JOIN execution_requests AS q ON q.number = e.number
LEFT JOIN execution_results AS r ON r.number = e.number
WHERE e.number = :number

-- name: fail_unreadable_execution
-- One whose stored request is damaged can never run; it must not stop the others.
UPDATE executions SET
    status = 'failed', ended_at = :now, worker = NULL, lease_until = NULL, log = log || :now || ' failed' || char(10)
WHERE number = :number

-- name: extend_lease
-- Only the holder of the newest token may.
UPDATE executions SET lease_until = :lease_until
WHERE id = :id AND token = :token AND worker = :worker AND lease_until IS NOT NULL

-- name: insert_output
-- Keep a piece of output; the same piece again changes nothing.
INSERT INTO execution_output (execution_number, sequence, kind, printed_at, data)
SELECT number, :sequence, :kind, :printed_at, :data FROM executions WHERE id = :execution_id
ON CONFLICT (execution_number, sequence) DO NOTHING

-- name: conclude_execution
-- The gate of an outcome: only an execution that is held, only by its newest token, only once.
UPDATE executions SET
    status = :status, ended_at = :ended_at, worker = NULL, lease_until = NULL,
    log = log || :ended_at || ' ' || :status || char(10)
WHERE id = :id AND token = :token AND status IN ('running', 'canceling', 'pending', 'pausing', 'paused', 'resuming')

-- name: expired_executions
-- Those whose worker has been silent for too long, the longest first.
SELECT e.*, q.request, r.result FROM executions AS e
LEFT JOIN execution_requests AS q ON q.number = e.number
LEFT JOIN execution_results AS r ON r.number = e.number
WHERE e.lease_until <= :now
ORDER BY e.lease_until
LIMIT :limit

-- name: requeue_execution
-- Give an interrupted one back. Its token stays, but nothing that waits can be concluded or prolonged by it.
UPDATE executions SET
    status = 'requested', worker = NULL, lease_until = NULL, log = log || :now || ' requested' || char(10)
WHERE id = :id AND token = :token AND status = 'running'

-- name: cancel_waiting_execution
-- What waits is canceled at once.
UPDATE executions SET
    status = 'canceled', cancel_requested = 1, ended_at = :now, log = log || :now || ' canceled' || char(10)
WHERE id = :id AND status IN ('requested', 'scheduled', 'delayed')

-- name: cancel_running_execution
-- What runs is told to end.
UPDATE executions SET
    status = 'canceling', cancel_requested = 1, log = log || :now || ' canceling' || char(10)
WHERE id = :id AND status IN ('running', 'pending', 'pausing', 'paused', 'resuming')

-- name: release_leases
-- Let rescue begin at once.
UPDATE executions SET lease_until = :now WHERE worker = :worker AND lease_until > :now

-- name: execution
-- One execution, whole.
SELECT e.*, q.request, r.result FROM executions AS e
LEFT JOIN execution_requests AS q ON q.number = e.number
LEFT JOIN execution_results AS r ON r.number = e.number
WHERE e.id = :id

-- name: last_execution
-- The one requested last.
SELECT e.*, q.request, r.result FROM executions AS e
LEFT JOIN execution_requests AS q ON q.number = e.number
LEFT JOIN execution_results AS r ON r.number = e.number
ORDER BY e.requested_at DESC, e.number DESC
LIMIT 1

-- name: list_executions
-- One page. Its rows are found in the narrow table first, and only then are bodies read.
WITH page AS (
    SELECT * FROM executions
    WHERE 1
      AND id IN (SELECT value FROM json_each(:ids)) -- if ids
      AND action = :action -- if action
      AND status = :status -- if status
      AND rule = :rule -- if rule
      AND runner_type = :runner_type -- if runner_type
      AND trigger_instance_id = :trigger_instance_id -- if trigger_instance_id
      AND requested_by = :user -- if user
      AND parent = :parent -- if parent
      AND parent IS NULL -- if without_parent
      AND requested_at > :after -- if after
      AND requested_at < :before -- if before
    ORDER BY requested_at, number -- if ascending
    ORDER BY requested_at DESC, number DESC -- if descending
    LIMIT :limit OFFSET :offset
)
SELECT e.*, q.request, r.result FROM page AS e
LEFT JOIN execution_requests AS q ON q.number = e.number
LEFT JOIN execution_results AS r ON r.number = e.number
ORDER BY e.requested_at, e.number -- if ascending
ORDER BY e.requested_at DESC, e.number DESC -- if descending

-- name: count_executions
-- How many the listing has in all.
SELECT count(*) AS total FROM executions
WHERE 1
  AND id IN (SELECT value FROM json_each(:ids)) -- if ids
  AND action = :action -- if action
  AND status = :status -- if status
  AND rule = :rule -- if rule
  AND runner_type = :runner_type -- if runner_type
  AND trigger_instance_id = :trigger_instance_id -- if trigger_instance_id
  AND requested_by = :user -- if user
  AND parent = :parent -- if parent
  AND parent IS NULL -- if without_parent
  AND requested_at > :after -- if after
  AND requested_at < :before -- if before

-- name: output
-- What was printed, in order.
SELECT :execution_id AS execution_id, o.sequence, o.kind, o.printed_at, o.data
FROM execution_output AS o
JOIN executions AS e ON e.number = o.execution_number
WHERE e.id = :execution_id
  AND o.kind = :kind -- if kind
ORDER BY o.sequence
