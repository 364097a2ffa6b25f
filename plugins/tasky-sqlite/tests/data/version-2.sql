-- A store of schema version 2, as tasky-sqlite made it before there was a version 3.
PRAGMA application_id = 1415672683;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE batches ( first_sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE CHECK (length(id) = 16), at INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999), actor TEXT NOT NULL, command TEXT NOT NULL, undoes BLOB CHECK (length(undoes) = 16)) STRICT;
INSERT INTO "batches" VALUES(1,X'00000000000000000000000000000001',1772366460000000,'ann','step 1',NULL);
INSERT INTO "batches" VALUES(6,X'00000000000000000000000000000002',1772366520000000,'ann','step 2',NULL);
INSERT INTO "batches" VALUES(7,X'00000000000000000000000000000003',1772366580000000,'ann','step 3',NULL);
INSERT INTO "batches" VALUES(8,X'00000000000000000000000000000004',1772366640000000,'ann','step 4',NULL);
CREATE TABLE history ( sequence INTEGER PRIMARY KEY, batch INTEGER NOT NULL REFERENCES batches (first_sequence), task_id BLOB NOT NULL CHECK (length(task_id) = 16), before TEXT CHECK (before GLOB '{*}'), revision INTEGER CHECK (revision >= 1), CHECK (before IS NOT NULL OR revision IS NOT NULL)) STRICT;
INSERT INTO "history" VALUES(1,1,X'4561D0A4D9155D91BD14859216798A07',NULL,1);
INSERT INTO "history" VALUES(2,1,X'378121D2A8F55458A07C806C1C13C0F9',NULL,1);
INSERT INTO "history" VALUES(3,1,X'90C8BC7E58AC5292A7F72ACCD095233E',NULL,1);
INSERT INTO "history" VALUES(4,1,X'6DB4816A396A5E6CA9E98E70783440A0',NULL,1);
INSERT INTO "history" VALUES(5,1,X'C53F2DAD312250BABB124F0185512AAD',NULL,1);
INSERT INTO "history" VALUES(6,6,X'4561D0A4D9155D91BD14859216798A07','{"task_id":"4561d0a4d9155d91bd14859216798a07","name":"Buy milk","details":"Straße","status":"pending","priority":3,"project_id":"home.shop","tags":"a b","assignee":"ann","due_at":1772370000000000,"depends_on":"","extra":"{\"n\":1.5,\"list\":[null,true]}","created_at":1772366400000000,"updated_at":1772366400000000,"revision":1}',2);
INSERT INTO "history" VALUES(7,7,X'6DB4816A396A5E6CA9E98E70783440A0','{"task_id":"6db4816a396a5e6ca9e98e70783440a0","name":"Gone","details":"","status":"pending","tags":"","depends_on":"","extra":"{}","created_at":1772366580000000,"updated_at":1772366580000000,"revision":1}',NULL);
INSERT INTO "history" VALUES(8,8,X'4561D0A4D9155D91BD14859216798A07','{"task_id":"4561d0a4d9155d91bd14859216798a07","name":"Buy oat milk","details":"Straße","status":"pending","priority":3,"project_id":"home.shop","tags":"b c","assignee":"ann","due_at":1772370000000000,"depends_on":"","extra":"{\"n\":1.5,\"list\":[null,true]}","created_at":1772366400000000,"updated_at":1772366400000001,"revision":2}',3);
CREATE TABLE task_dependencies ( row_id INTEGER NOT NULL REFERENCES tasks (row_id), depends_on BLOB NOT NULL CHECK (length(depends_on) = 16), PRIMARY KEY (row_id, depends_on)) STRICT, WITHOUT ROWID;
INSERT INTO "task_dependencies" VALUES(2,X'4561D0A4D9155D91BD14859216798A07');
CREATE TABLE task_tags (tag TEXT NOT NULL, row_id INTEGER NOT NULL, PRIMARY KEY (tag, row_id)) STRICT, WITHOUT ROWID;
INSERT INTO "task_tags" VALUES('a',1);
INSERT INTO "task_tags" VALUES('b',1);
CREATE TABLE tasks (
    row_id INTEGER PRIMARY KEY,
    task_id BLOB NOT NULL CHECK (length(task_id) = 16),
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled')),
    revision INTEGER NOT NULL CHECK (revision >= 1),
    priority INTEGER CHECK (priority BETWEEN 1 AND 3),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_at INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    due_at INTEGER CHECK (due_at BETWEEN -62135596800000000 AND 253402300799999999),
    wait_until INTEGER CHECK (wait_until BETWEEN -62135596800000000 AND 253402300799999999),
    closed_at INTEGER CHECK (closed_at BETWEEN -62135596800000000 AND 253402300799999999),
    project_id TEXT CHECK (
        length(project_id) BETWEEN 1 AND 200 AND project_id NOT GLOB '*[^a-z0-9_.-]*'
        AND project_id GLOB '[a-z0-9]*' AND project_id NOT GLOB '*.[^a-z0-9]*' AND project_id NOT GLOB '*.'
    ),
    assignee TEXT CHECK (length(assignee) BETWEEN 1 AND 200 AND trim(assignee) <> ''),
    tags TEXT NOT NULL,
    depends_on BLOB NOT NULL CHECK (length(depends_on) % 16 = 0),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 500 AND trim(name) <> ''),
    name_folded TEXT NOT NULL,
    extra TEXT NOT NULL CHECK (extra GLOB '{*}'),
    details TEXT NOT NULL CHECK (length(details) <= 1048576),
    details_folded TEXT,
    CHECK ((closed_at IS NULL) = (status = 'pending'))
) STRICT;
INSERT INTO "tasks" VALUES(1,X'4561D0A4D9155D91BD14859216798A07','pending',3,3,1772366400000000,1772366400000002,1772370000000000,NULL,NULL,'home.shop','ann','a b',X'','Buy milk','buy milk','{"n":1.5,"list":[null,true]}','Straße','strasse');
INSERT INTO "tasks" VALUES(2,X'378121D2A8F55458A07C806C1C13C0F9','pending',1,NULL,1772366460000000,1772366460000000,NULL,1772966400000000,NULL,NULL,NULL,'',X'4561D0A4D9155D91BD14859216798A07','Later','later','{}','',NULL);
INSERT INTO "tasks" VALUES(3,X'90C8BC7E58AC5292A7F72ACCD095233E','pending',1,NULL,1772366520000000,1772366520000000,NULL,1772366700000000,NULL,NULL,NULL,'',X'','Sooner','sooner','{}','',NULL);
INSERT INTO "tasks" VALUES(5,X'C53F2DAD312250BABB124F0185512AAD','completed',1,NULL,1772366640000000,1772366640000000,NULL,1773566400000000,1772366400000000,NULL,NULL,'',X'','Done','done','{}','',NULL);
CREATE UNIQUE INDEX tasks_id ON tasks (task_id);
CREATE INDEX tasks_created ON tasks (status, created_at, task_id);
CREATE INDEX tasks_updated ON tasks (status, updated_at, created_at, task_id);
CREATE INDEX tasks_due ON tasks (status, due_at, created_at, task_id);
CREATE INDEX tasks_priority ON tasks (status, priority, created_at, task_id);
CREATE INDEX tasks_name ON tasks (status, name_folded, created_at, task_id);
CREATE INDEX tasks_project ON tasks (project_id, status, created_at, task_id) WHERE project_id IS NOT NULL;
CREATE INDEX tasks_assignee ON tasks (assignee, status) WHERE assignee IS NOT NULL;
CREATE INDEX tasks_closed ON tasks (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX task_dependents ON task_dependencies (depends_on);
CREATE INDEX history_task ON history (task_id);
CREATE INDEX tasks_waiting ON tasks (wait_until) WHERE wait_until IS NOT NULL;
COMMIT;
