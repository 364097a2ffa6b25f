-- A store of schema version 1, as tasky-postgres made it before there was a version 2.
CREATE TABLE tasky_store ( only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), schema_version integer NOT NULL, last_sequence bigint NOT NULL DEFAULT 0, restored uuid);
CREATE TABLE tasks (
    task_id uuid NOT NULL CONSTRAINT tasks_id PRIMARY KEY,
    status text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled')),
    revision bigint NOT NULL CHECK (revision >= 1),
    priority smallint CHECK (priority BETWEEN 1 AND 3),
    created_at timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'),
    updated_at timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'),
    due_at timestamptz CHECK (due_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'),
    wait_until timestamptz CHECK (wait_until BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'),
    closed_at timestamptz CHECK (closed_at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'),
    project_id text COLLATE "C" CHECK (
        length(project_id) <= 200 AND project_id ~ '^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$'
    ),
    assignee text COLLATE "C" CHECK (length(assignee) BETWEEN 1 AND 200 AND btrim(assignee) <> ''),
    tags text[] COLLATE "C" NOT NULL CHECK (
        coalesce(array_ndims(tags), 1) = 1 AND array_position(tags, NULL) IS NULL
    ),
    depends_on uuid[] NOT NULL CHECK (
        coalesce(array_ndims(depends_on), 1) = 1 AND array_position(depends_on, NULL) IS NULL
    ),
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 500 AND btrim(name) <> ''),
    name_folded text COLLATE "C" NOT NULL,
    extra text COLLATE "C" NOT NULL CHECK (extra LIKE '{%}'),
    details text COLLATE "C" NOT NULL CHECK (octet_length(details) <= 1048576),
    details_folded text COLLATE "C",
    CHECK ((closed_at IS NULL) = (status = 'pending'))
);
CREATE TABLE batches ( first_sequence bigint PRIMARY KEY, id uuid NOT NULL CONSTRAINT batches_id UNIQUE, at timestamptz NOT NULL CHECK (at BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'), actor text COLLATE "C" NOT NULL, command text COLLATE "C" NOT NULL, undoes uuid);
CREATE TABLE history ( sequence bigint PRIMARY KEY, batch bigint NOT NULL, task_id uuid NOT NULL, before text COLLATE "C" CHECK (before LIKE '{%}'), revision bigint CHECK (revision >= 1), CHECK (before IS NOT NULL OR revision IS NOT NULL));
CREATE INDEX tasks_created ON tasks (status, created_at, task_id);
CREATE INDEX tasks_updated ON tasks (status, updated_at, created_at, task_id);
CREATE INDEX tasks_due ON tasks (status, due_at, created_at, task_id);
CREATE INDEX tasks_priority ON tasks (status, priority, created_at, task_id);
CREATE INDEX tasks_name ON tasks (status, left(name_folded, 200));
CREATE INDEX tasks_project ON tasks (project_id, status, created_at, task_id) WHERE project_id IS NOT NULL;
CREATE INDEX tasks_assignee ON tasks (assignee, status) WHERE assignee IS NOT NULL;
CREATE INDEX tasks_free ON tasks (due_at, created_at, task_id) WHERE status = 'pending' AND assignee IS NULL;
CREATE INDEX tasks_closed ON tasks (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX tasks_tags ON tasks USING gin (tags);
CREATE INDEX tasks_dependencies ON tasks USING gin (depends_on);
CREATE INDEX history_task ON history (task_id, sequence);
INSERT INTO tasky_store (only_row, schema_version, last_sequence, restored) VALUES ('true', '1', '8', NULL);
INSERT INTO tasks (task_id, status, revision, priority, created_at, updated_at, due_at, wait_until, closed_at, project_id, assignee, tags, depends_on, name, name_folded, extra, details, details_folded) VALUES ('378121d2-a8f5-5458-a07c-806c1c13c0f9', 'pending', '1', NULL, '2026-03-01 12:01:00+00', '2026-03-01 12:01:00+00', NULL, '2026-03-08 10:40:00+00', NULL, NULL, NULL, '{}', '{4561d0a4-d915-5d91-bd14-859216798a07}', 'Later', 'later', '{}', '', NULL);
INSERT INTO tasks (task_id, status, revision, priority, created_at, updated_at, due_at, wait_until, closed_at, project_id, assignee, tags, depends_on, name, name_folded, extra, details, details_folded) VALUES ('4561d0a4-d915-5d91-bd14-859216798a07', 'pending', '3', '3', '2026-03-01 12:00:00+00', '2026-03-01 12:00:00.000002+00', '2026-03-01 13:00:00+00', NULL, NULL, 'home.shop', 'ann', '{b,c}', '{}', 'Buy milk', 'buy milk', '{"n":1.5,"list":[null,true]}', 'Straße', 'strasse');
INSERT INTO tasks (task_id, status, revision, priority, created_at, updated_at, due_at, wait_until, closed_at, project_id, assignee, tags, depends_on, name, name_folded, extra, details, details_folded) VALUES ('90c8bc7e-58ac-5292-a7f7-2accd095233e', 'pending', '1', '2', '2026-03-01 12:02:00+00', '2026-03-01 12:02:00+00', '2026-03-01 13:30:00+00', NULL, NULL, NULL, NULL, '{}', '{}', 'Sooner', 'sooner', '{}', '', NULL);
INSERT INTO tasks (task_id, status, revision, priority, created_at, updated_at, due_at, wait_until, closed_at, project_id, assignee, tags, depends_on, name, name_folded, extra, details, details_folded) VALUES ('c53f2dad-3122-50ba-bb12-4f0185512aad', 'completed', '1', NULL, '2026-03-01 12:04:00+00', '2026-03-01 12:04:00+00', NULL, '2026-03-08 10:40:00+00', '2026-03-01 12:05:00+00', NULL, NULL, '{}', '{}', 'Done', 'done', '{}', '', NULL);
INSERT INTO batches (first_sequence, id, at, actor, command, undoes) VALUES ('1', '00000000-0000-0000-0000-000000000001', '2026-03-01 12:01:00+00', 'ann', 'step 1', NULL);
INSERT INTO batches (first_sequence, id, at, actor, command, undoes) VALUES ('6', '00000000-0000-0000-0000-000000000002', '2026-03-01 12:02:00+00', 'ann', 'step 2', NULL);
INSERT INTO batches (first_sequence, id, at, actor, command, undoes) VALUES ('7', '00000000-0000-0000-0000-000000000003', '2026-03-01 12:03:00+00', 'ann', 'step 3', NULL);
INSERT INTO batches (first_sequence, id, at, actor, command, undoes) VALUES ('8', '00000000-0000-0000-0000-000000000004', '2026-03-01 12:04:00+00', 'ann', 'step 4', NULL);
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('1', '1', '4561d0a4-d915-5d91-bd14-859216798a07', NULL, '1');
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('2', '1', '378121d2-a8f5-5458-a07c-806c1c13c0f9', NULL, '1');
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('3', '1', '90c8bc7e-58ac-5292-a7f7-2accd095233e', NULL, '1');
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('4', '1', '6db4816a-396a-5e6c-a9e9-8e70783440a0', NULL, '1');
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('5', '1', 'c53f2dad-3122-50ba-bb12-4f0185512aad', NULL, '1');
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('6', '6', '4561d0a4-d915-5d91-bd14-859216798a07', '{"task_id":"4561d0a4-d915-5d91-bd14-859216798a07","name":"Buy milk","details":"Straße","status":"pending","priority":"high","project_id":"home.shop","tags":["a","b"],"assignee":"ann","due_at":"2026-03-01T13:00:00Z","wait_until":null,"depends_on":[],"extra":{"n":1.5,"list":[null,true]},"created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z","closed_at":null,"revision":1}', '2');
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('7', '7', '6db4816a-396a-5e6c-a9e9-8e70783440a0', '{"task_id":"6db4816a-396a-5e6c-a9e9-8e70783440a0","name":"Gone","details":"","status":"pending","priority":null,"project_id":null,"tags":[],"assignee":null,"due_at":null,"wait_until":null,"depends_on":[],"extra":{},"created_at":"2026-03-01T12:03:00Z","updated_at":"2026-03-01T12:03:00Z","closed_at":null,"revision":1}', NULL);
INSERT INTO history (sequence, batch, task_id, before, revision) VALUES ('8', '8', '4561d0a4-d915-5d91-bd14-859216798a07', '{"task_id":"4561d0a4-d915-5d91-bd14-859216798a07","name":"Buy oat milk","details":"Straße","status":"pending","priority":"high","project_id":"home.shop","tags":["b","c"],"assignee":"ann","due_at":"2026-03-01T13:00:00Z","wait_until":null,"depends_on":[],"extra":{"n":1.5,"list":[null,true]},"created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00.000001Z","closed_at":null,"revision":2}', '3');
