-- Forgetting. Rows are chosen first and then deleted by number, a few at a time, so that no writer waits for long.

-- name: purgeable_executions
-- Completed ones that ended long enough ago.
SELECT number FROM executions WHERE ended_at < :before ORDER BY ended_at LIMIT :limit

-- name: delete_execution
-- Request, result and output go with it.
DELETE FROM executions WHERE number = :number

-- name: purgeable_instances
-- Decided ones that are old enough, unless something that they caused still waits or runs.
SELECT t.number, t.event_id FROM trigger_instances AS t
WHERE t.status IN ('processed', 'processing_failed') AND t.occurrence_time < :before
  AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.trigger_instance_id = t.id AND e.ended_at IS NULL)
LIMIT :limit

-- name: delete_trigger_instance
-- Payload and enforcements go with it.
DELETE FROM trigger_instances WHERE number = :number

-- name: delete_event
-- A request goes with the last instance that came from it.
DELETE FROM events
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM trigger_instances WHERE event_id = :id)
