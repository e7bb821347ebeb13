-- Content made through the API, credentials, and the datastore: small tables that are read whole or by key.

-- name: content_documents
-- All of them, in a stable order.
SELECT * FROM content_documents ORDER BY kind, ref

-- name: content_document_id
-- Who holds a ref.
SELECT id FROM content_documents WHERE kind = :kind AND ref = :ref

-- name: put_content_document
-- Create or replace.
INSERT INTO content_documents (kind, ref, id, updated_at, document) VALUES (:kind, :ref, :id, :updated_at, :document)
ON CONFLICT (kind, ref) DO UPDATE SET
    id = excluded.id, updated_at = excluded.updated_at, document = excluded.document

-- name: delete_content_document
-- Forget one.
DELETE FROM content_documents WHERE kind = :kind AND ref = :ref

-- name: enabled_overrides
-- All switches.
SELECT kind, ref, enabled FROM enabled_overrides

-- name: put_enabled_override
-- Set a switch.
INSERT INTO enabled_overrides (kind, ref, enabled) VALUES (:kind, :ref, :enabled)
ON CONFLICT (kind, ref) DO UPDATE SET enabled = excluded.enabled

-- name: delete_enabled_override
-- Forget a switch.
DELETE FROM enabled_overrides WHERE kind = :kind AND ref = :ref

-- name: api_keys
-- All keys, oldest first.
SELECT * FROM api_keys ORDER BY created_at, id

-- name: api_key_holder
-- Who holds an id or a hash.
SELECT id FROM api_keys WHERE id = :id OR key_hash = :key_hash

-- name: put_api_key
-- Create or replace by id.
INSERT INTO api_keys (id, username, key_hash, created_at, enabled, metadata)
VALUES (:id, :username, :key_hash, :created_at, :enabled, :metadata)
ON CONFLICT (id) DO UPDATE SET
    username = excluded.username, key_hash = excluded.key_hash, created_at = excluded.created_at,
    enabled = excluded.enabled, metadata = excluded.metadata

-- name: delete_api_key
-- Forget one.
DELETE FROM api_keys WHERE id = :id

-- name: put_token
-- Create or replace by hash.
INSERT INTO tokens (token_hash, id, username, expiry, metadata) VALUES (:token_hash, :id, :username, :expiry, :metadata)
ON CONFLICT (token_hash) DO UPDATE SET
    id = excluded.id, username = excluded.username, expiry = excluded.expiry, metadata = excluded.metadata

-- name: token
-- One token by its hash.
SELECT * FROM tokens WHERE token_hash = :token_hash

-- name: delete_token
-- Revoke one.
DELETE FROM tokens WHERE token_hash = :token_hash

-- name: purge_tokens
-- Forget those that have expired.
DELETE FROM tokens WHERE expiry <= :now

-- name: user
-- One user by name.
SELECT * FROM users WHERE name = :name

-- name: put_user
-- Create or replace by name.
INSERT INTO users (name, password_hash, created_at) VALUES (:name, :password_hash, :created_at)
ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, created_at = excluded.created_at

-- name: key_values
-- Every item, in a stable order.
SELECT * FROM key_values ORDER BY scope, username, name

-- name: put_key_value
-- Create or replace by scope, user and name.
INSERT INTO key_values (scope, username, name, id, value, secret, description, expires_at)
VALUES (:scope, :username, :name, :id, :value, :secret, :description, :expires_at)
ON CONFLICT (scope, username, name) DO UPDATE SET
    id = excluded.id, value = excluded.value, secret = excluded.secret, description = excluded.description,
    expires_at = excluded.expires_at

-- name: delete_key_value
-- Forget one.
DELETE FROM key_values WHERE scope = :scope AND username = :username AND name = :name
