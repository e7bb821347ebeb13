-- What the whole database is asked.

-- name: put_fact
-- Remember a fact.
INSERT INTO facts (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: totals
-- What waits. The partial indexes hold only that, so this costs what waits and not what was.
SELECT
    (SELECT count(*) FROM trigger_instances INDEXED BY trigger_instances_undecided
     WHERE status IN ('pending', 'processing')) AS pending_instances,
    (SELECT occurrence_time FROM trigger_instances INDEXED BY trigger_instances_undecided
     WHERE status IN ('pending', 'processing')
     ORDER BY number LIMIT 1) AS oldest_pending,
    (SELECT count(*) FROM executions INDEXED BY executions_to_claim
     WHERE status IN ('requested', 'scheduled'))
    + (SELECT count(*) FROM executions INDEXED BY executions_delayed WHERE status = 'delayed') AS waiting_executions,
    (SELECT count(*) FROM executions WHERE lease_until IS NOT NULL) AS running_executions,
    (SELECT requested_at FROM executions INDEXED BY executions_to_claim
     WHERE status IN ('requested', 'scheduled')
     ORDER BY number LIMIT 1) AS oldest_waiting
